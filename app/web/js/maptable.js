/** The map as a table, a page at a time: for screen readers, for copying, and for those who like tables. */
import { fill, h, plural } from "./dom.js";
import { badge, table } from "./parts.js";

const PAGE = 200;

export class MapTable {
  /** @param {import("./map.js").FleetMap} map whose rows it shows @param {(device: import("./fleet.js").Device) => void} pick */
  constructor(map, pick) {
    this.map = map;
    this.pick = pick;
    this.start = 0;
    this.element = h("div", { class: "map-table", hidden: true });
  }

  render() {
    if (this.element.hidden) return;
    const rows = this.map.rows();
    const devices = rows.flatMap((row) => row.devices).filter((device) => !this.map.matched || this.map.matched.has(device.key));
    this.start = Math.min(this.start, Math.max(0, Math.floor((devices.length - 1) / PAGE) * PAGE));
    const shown = devices.slice(this.start, this.start + PAGE);
    const end = this.start + shown.length;
    const turn = (/** @type {number} */ by) => { this.start += by; this.render(); this.element.scrollTop = 0; };
    fill(this.element,
      h("p", { class: "pager" }, devices.length ? `${this.start + 1}–${end} of ${plural(devices.length, "device")}` : "No devices.",
        h("button", { type: "button", disabled: this.start === 0, onclick: () => turn(-PAGE) }, "Previous"),
        h("button", { type: "button", disabled: end >= devices.length, onclick: () => turn(PAGE) }, "Next")),
      table("Devices", ["Device", "Node", "State", "Held by", "Driver", "Pool"], shown.map((device) => [
        h("button", { type: "button", class: "link", "data-key": device.key, onclick: () => this.pick(device) }, device.device),
        device.row.name === "*" ? (device.nodes ?? []).join(", ") : device.row.name,
        badge(device.state), device.claims.join(", "), device.driver, device.pool,
      ])));
  }
}
