/** Dialogs that belong to no view: the keys, and the question for a token. */
import { ApiError } from "./api.js";
import { h } from "./dom.js";

/** What keys do: shown in the help, and tested. @type {[string, string][]} */
export const KEYS = [
  ["1 … 6", "Overview, map, what-if, Pods, claims, decisions"],
  ["/", "Search"],
  ["← → ↑ ↓", "Move between devices of the map"],
  ["PgUp PgDn", "Move a screen up or down"],
  ["Home End", "Move to the first or last device"],
  ["Enter", "Open the device"],
  ["n", "On the map: open the node"],
  ["t, d", "On the map: taint the device, drain the node (what-if)"],
  ["u", "Undo the last change of the what-if"],
  ["[ ]", "Increase or decrease the density"],
  ["v", "Switch between map and table"],
  ["Esc", "Close the panel, leave the search"],
  ["?", "Open this help"],
];
const OFF = "dra-extender.keys-off";

/** Whether keys without Ctrl or Alt do something (WCAG 2.1.4 requires a switch). */
export function keysOn() {
  return localStorage.getItem(OFF) === null;
}

export class HelpDialog {
  constructor() {
    const toggle = h("input", { type: "checkbox", checked: keysOn(), onchange: () => (toggle.checked ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "1")) });
    this.element = h("dialog", { "aria-labelledby": "help-title" },
      h("header", { class: "panel-head" }, h("h2", { id: "help-title" }, "Keys and search"),
        h("button", { type: "button", class: "icon", "aria-label": "Close", onclick: () => this.element.close() }, "✕")),
      h("div", { class: "columns" },
        h("div", null, h("dl", { class: "keys" }, KEYS.map(([keys, does]) => h("div", null, h("dt", null, h("kbd", null, keys)), h("dd", null, does)))),
          h("label", { class: "check" }, toggle, "Enable single-key shortcuts")),
        h("div", null,
          h("h3", null, "Search"),
          h("dl", { class: "keys terms" }, [
            ["worker-1", "any of: node, device, claim, state"],
            ["state:free,tainted", "field and values"],
            ["node: driver: pool: device: claim:", "the other fields"],
            ["-driver:gpu", "without"],
            ["attr:model=X100", "an attribute or a capacity"],
            ["cel:device.driver == …", "a CEL selector, to the end of the line"],
          ].map(([text, does]) => h("div", null, h("dt", null, h("code", null, text)), h("dd", null, does)))))));
  }

  open() {
    this.element.showModal();
  }
}

/** Opens a dialog for a bearer token, which stays in this tab. @returns {(refused: boolean) => Promise<string>} */
export function tokenQuestion() {
  const input = h("input", { id: "token", type: "password", autocomplete: "off", required: true });
  const hint = h("p", { class: "error", role: "alert" });
  const form = h("form", { method: "dialog" }, h("label", { class: "field", for: "token" }, "Bearer token", input), hint,
    h("div", { class: "buttons" }, h("button", { class: "primary", value: "use" }, "Use token"), h("button", { value: "", formnovalidate: true }, "Not now")));
  const dialog = h("dialog", { "aria-labelledby": "token-title" }, h("h2", { id: "token-title" }, "Authentication required"),
    h("p", { class: "muted" }, "Enter the token of a user or ServiceAccount with read permission, such as from ", h("code", null, "kubectl create token"), ". It is kept for this tab only."), form);
  document.body.append(dialog);
  return (refused) => new Promise((resolve, reject) => {
    hint.textContent = refused ? "The token was refused. It may have expired." : "";
    input.value = "";
    dialog.returnValue = "";
    dialog.showModal();
    dialog.addEventListener("close", () => {
      if (dialog.returnValue === "use" && input.value.trim()) resolve(input.value.trim());
      else reject(new ApiError(401, "The service requires a token."));
    }, { once: true });
  });
}
