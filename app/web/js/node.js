/** The panel of one node: its devices, and what draining it would mean. */
import { fill, h, plural } from "./dom.js";
import { STATES } from "./fleet.js";
import { badge, facts, panelHead } from "./parts.js";

/** @typedef {import("./fleet.js").Row} Row */

export class NodePanel {
  /** @param {{ close: () => void, pick: (device: import("./fleet.js").Device) => void, drain: (row: Row) => void, isDrained: (name: string) => boolean, search: (query: string) => void }} actions */
  constructor(actions) {
    this.actions = actions;
    this.element = h("section", { class: "panel-body", "aria-label": "Node" });
  }

  /** @param {Row} row */
  show(row) {
    const shared = row.name === "*";
    const drained = this.actions.isDrained(row.name);
    const counts = STATES.map((state) => [state, row.devices.filter((device) => device.state === state).length]).filter(([, count]) => count);
    const claims = [...new Set(row.devices.flatMap((device) => device.claims))];
    fill(this.element,
      panelHead(shared ? "No single node's" : "Node", shared ? "Shared devices" : row.name, this.actions.close),
      row.unschedulable && h("p", { class: "planned" }, "Unschedulable: no new Pods come here."),
      !shared && h("div", { class: "buttons" },
        h("button", { type: "button", onclick: () => this.actions.drain(row) }, drained ? "Undrain in what-if" : "Drain in what-if"),
        h("button", { type: "button", onclick: () => this.actions.search(`node:${row.name}`) }, "Only this node")),
      facts([
        ["Devices", row.devices.length ? h("span", { class: "counts" }, counts.map(([state, count]) => [badge(String(state)), ` ${count} `]).flat()) : "none"],
        ["Claims", claims.length ? claims.join(", ") : "none"],
      ]),
      h("h3", null, plural(row.devices.length, "device")),
      h("ul", { class: "plain" }, row.devices.map((device) => h("li", null,
        h("button", { type: "button", class: "row", onclick: () => this.actions.pick(device) },
          h("span", null, device.device), badge(device.state), h("span", { class: "muted ellipsis" }, device.claims.join(", ") || device.driver))))));
  }
}
