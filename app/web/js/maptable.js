/** The map as a table, a page at a time: sorted, with totals, to be saved. */
import { h, plural } from "./dom.js";
import { STATES } from "./fleet.js";
import { badge, table } from "./parts.js";
import { renew } from "./renew.js";
import { loading } from "./states.js";

/** @typedef {import("./fleet.js").Device} Device */

const PAGE = 200;
/** @type {[string, (device: Device) => string][]} */
const COLUMNS = [
  ["Device", (device) => device.device],
  ["Node", (device) => (device.row.name === "*" ? (device.nodes ?? []).join(" ") : device.row.name)],
  ["State", (device) => device.state],
  ["Held by", (device) => device.claims.join(" ")],
  ["Driver", (device) => device.driver],
  ["Pool", (device) => device.pool],
];
const order = new Intl.Collator("en", { numeric: true });

export class MapTable {
  /** @param {import("./map.js").FleetMap} map whose rows it shows @param {(device: Device) => void} pick */
  constructor(map, pick) {
    this.map = map;
    this.pick = pick;
    this.start = 0;
    this.sortBy = "";
    this.down = false;
    this.hidden = /** @type {Set<string>} */ (new Set());
    this.columns = h("details", { class: "read" }, h("summary", null, "Columns"),
      h("div", { class: "buttons" }, COLUMNS.slice(1).map(([name]) => h("label", { class: "check" },
        h("input", { type: "checkbox", checked: true, onchange: (/** @type {any} */ event) => { if (event.target.checked) this.hidden.delete(name); else this.hidden.add(name); this.render(); } }), name))));
    this.body = h("div");
    this.element = h("div", { class: "map-table", hidden: true }, h("div", { class: "pad" }, this.columns), this.body);
  }

  /** The devices that are searched for, in the order of the column. @returns {Device[]} */
  devices() {
    const found = this.map.rows().flatMap((row) => row.devices).filter((device) => !this.map.matched || this.map.matched.has(device.key));
    const column = COLUMNS.find(([name]) => name === this.sortBy);
    if (!column) return found;
    const [, text] = column;
    found.sort((one, other) => order.compare(text(one), text(other)) * (this.down ? -1 : 1));
    return found;
  }

  render() {
    if (this.element.hidden) return;
    const devices = this.devices();
    this.start = Math.min(this.start, Math.max(0, Math.floor((devices.length - 1) / PAGE) * PAGE));
    const shown = devices.slice(this.start, this.start + PAGE);
    const end = this.start + shown.length;
    const turn = (/** @type {number} */ by) => { this.start += by; this.render(); this.element.scrollTop = 0; };
    const columns = COLUMNS.filter(([name]) => !this.hidden.has(name));
    if (!this.map.fleet.loaded) {
      renew(this.body, !this.map.fleet.error && loading("Reading the inventory…"));
      return;
    }
    renew(this.body,
      h("p", { class: "pager" }, devices.length ? `${this.start + 1}–${end} of ${plural(devices.length, "device")}` : this.map.search.active ? "No device matches this search." : "No devices: no driver has published ResourceSlices.",
        h("button", { type: "button", "data-key": "previous", disabled: this.start === 0, onclick: () => turn(-PAGE) }, "Previous"),
        h("button", { type: "button", "data-key": "next", disabled: end >= devices.length, onclick: () => turn(PAGE) }, "Next"),
        h("button", { type: "button", "data-key": "csv", disabled: !devices.length, onclick: () => this.save(this.devices()) }, "Save as CSV")),
      h("p", { class: "totals muted pad" }, totals(devices)),
      table("Devices", columns.map(([name]) => name), shown.map((device) => columns.map(([name, text]) => this.cell(device, name, text))),
        { sort: { by: this.sortBy, down: this.down, pick: (name) => this.sortAt(name) } }));
  }

  /** @param {Device} device @param {string} name @param {(device: Device) => string} text */
  cell(device, name, text) {
    if (name === "Device") return h("button", { type: "button", class: "link", "data-key": device.key, onclick: () => this.pick(device) }, device.device);
    return name === "State" ? badge(device.state) : text(device);
  }

  /** @param {string} name */
  sortAt(name) {
    this.down = this.sortBy === name && !this.down;
    this.sortBy = name;
    this.start = 0;
    this.render();
  }

  /** Saves all of them, not only this page. @param {Device[]} devices */
  save(devices) {
    const lines = [COLUMNS.map(([name]) => name), ...devices.map((device) => COLUMNS.map(([, text]) => text(device)))];
    const address = URL.createObjectURL(new Blob([lines.map((line) => `${line.map(quoted).join(",")}\n`).join("")], { type: "text/csv" }));
    h("a", { href: address, download: "devices.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }
}

/** A value of CSV (RFC 4180); a leading sign does not make a formula. @param {string} text */
function quoted(text) {
  const safe = /^[=+@-]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** @param {Device[]} devices */
function totals(devices) {
  const nodes = new Set(devices.map((device) => device.row.name)).size;
  const counts = STATES.map((state) => [devices.filter((device) => device.state === state).length, state]).filter(([count]) => count);
  return `Total: ${[...counts.map(([count, state]) => `${count.toLocaleString("en")} ${state}`), `on ${plural(nodes, "node")}`].join(", ")}`;
}
