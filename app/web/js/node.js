/** The panel of one node: its devices, and what draining it would mean. */
import { fill, h, plural } from "./dom.js";
import { STATES } from "./fleet.js";
import { badge, facts, failure, panelHead } from "./parts.js";
import { renew, write } from "./renew.js";

/** @typedef {import("./fleet.js").Row} Row */

/** The kind of a row that stands for a node that is no more. */
export const GONE = "gone";

export class NodePanel {
  /** @param {{ close: () => void, pick: (device: import("./fleet.js").Device) => void, drain: (row: Row) => void, isDrained: (name: string) => boolean, more: (row: Row) => void, moreLike: (name: string) => number, search: (query: string) => void }} actions */
  constructor(actions) {
    this.actions = actions;
    this.row = /** @type {Row | null} */ (null);
    this.count = 0;
    this.top = h("div");
    this.drain = h("button", { type: "button", onclick: () => this.row && actions.drain(this.row) });
    this.more = h("button", { type: "button", onclick: () => this.row && actions.more(this.row) }, "Add a node like it in what-if");
    this.buttons = h("div", { class: "buttons" }, this.drain, this.more,
      h("button", { type: "button", onclick: () => this.row && actions.search(`node:${this.row.name}`) }, "Only this node"));
    this.rest = h("div");
    this.element = h("section", { class: "panel-body", "aria-label": "Node" }, this.top, this.buttons, this.rest);
  }

  /** @param {Row} row */
  show(row) {
    const shared = row.name === "*";
    const again = this.row?.name === row.name;
    const more = this.actions.moreLike(row.name);
    // A row that is another object has been read again.
    if (again && this.row === row && this.drain.textContent === this.verb(row) && this.count === more) return;
    this.row = row;
    this.count = more;
    write(this.drain, this.verb(row));
    this.buttons.hidden = shared || row.kind === GONE;
    if (!again) fill(this.top, panelHead(shared ? "More than one node" : "Node", shared ? "Shared devices" : row.name, this.actions.close));
    const counts = STATES.map((state) => [state, row.devices.filter((device) => device.state === state).length]).filter(([, count]) => count);
    const claims = [...new Set(row.devices.flatMap((device) => device.claims))];
    if (row.kind === GONE) {
      renew(this.rest, failure("This node does not exist (any more)."));
      return;
    }
    renew(this.rest,
      row.unschedulable && h("p", { class: "muted" }, "Unschedulable: it accepts no new Pods."),
      more > 0 && h("p", { class: "planned" }, `The what-if has ${more} more like it.`),
      facts([
        ["Devices", row.devices.length ? h("span", { class: "counts" }, counts.map(([state, count]) => h("span", { class: "count" }, badge(String(state)), count))) : "none"],
        ["Claims", claims.length ? h("span", { class: "names" }, claims.map((claim) => h("button", { type: "button", class: "link", "data-key": `claim ${claim}`, onclick: () => this.actions.search(`claim:${claim}`) }, claim))) : "none"],
      ]),
      h("h3", null, plural(row.devices.length, "device")),
      h("ul", { class: "plain" }, row.devices.map((device) => h("li", null,
        h("button", { type: "button", class: "row", "data-key": device.key, onclick: () => this.actions.pick(device) },
          h("span", null, device.device), badge(device.state), h("span", { class: "muted ellipsis" }, device.claims.join(", ") || device.driver))))));
  }

  /** @param {Row} row */
  verb(row) {
    return this.actions.isDrained(row.name) ? "Undrain in what-if" : "Drain in what-if";
  }
}
