/** States and drivers with how many devices each has; a press searches for one. */
import { fill, h } from "./dom.js";
import { STATES } from "./fleet.js";
import { parse, toggled } from "./search.js";
import { MEANINGS } from "./palette.js";

export class Legend {
  /**
   * @param {import("./fleet.js").Fleet} fleet @param {import("./search.js").Search} search
   * @param {import("./palette.js").Palette} palette @param {(query: string) => void} onSearch
   */
  constructor(fleet, search, palette, onSearch) {
    this.fleet = fleet;
    this.search = search;
    this.palette = palette;
    this.onSearch = onSearch;
    this.shown = "";
    this.element = h("div", { class: "legend", role: "group", "aria-label": "States and drivers" });
  }

  render() {
    /** @type {Map<string, number>} */
    const counts = new Map();
    for (const device of this.fleet.devices.values()) {
      counts.set(device.state, (counts.get(device.state) ?? 0) + 1);
      counts.set(`driver ${device.driver}`, (counts.get(`driver ${device.driver}`) ?? 0) + 1);
    }
    // Before there is anything to count, zeros would be wrong.
    this.element.hidden = !this.fleet.rows.size;
    const drivers = this.fleet.drivers.length > 1 ? this.fleet.drivers : [];
    const shown = JSON.stringify([[...counts].toSorted(), this.search.query, this.palette.theme]);
    // Buttons that a person is about to press are not replaced without need.
    if (shown === this.shown) return;
    this.shown = shown;
    fill(this.element,
      STATES.map((state) => this.chip("state", state, state, counts.get(state) ?? 0, MEANINGS[state], this.picture(state))),
      drivers.map((driver, index) => this.chip("driver", driver, driver, counts.get(`driver ${driver}`) ?? 0, `Driver ${driver}`, this.bar(index))));
  }

  /** @param {string} field @param {string} value @param {string} text @param {number} count @param {string} title @param {Element} picture */
  chip(field, value, text, count, title, picture) {
    const pressed = parse(this.search.query).some((term) => term.field === field && !term.not && term.values.includes(value.toLowerCase()));
    return h("button", {
      type: "button", class: count ? "chip" : "chip none", title, "aria-pressed": String(pressed), "data-key": `${field} ${value}`,
      onclick: () => this.onSearch(toggled(this.search.query, field, value.toLowerCase())),
    }, picture, h("span", { class: "ellipsis" }, text), h("span", { class: "number" }, count.toLocaleString("en")));
  }

  /** @param {string} state */
  picture(state) {
    const ratio = devicePixelRatio || 1;
    const canvas = /** @type {HTMLCanvasElement} */ (h("canvas", { width: 14 * ratio, height: 14 * ratio, class: "mini", "aria-hidden": "true" }));
    canvas.getContext("2d")?.drawImage(this.palette.sheet({ colourBy: "state", cell: 14, ratio })[state][0], 0, 0);
    return canvas;
  }

  /** @param {number} index */
  bar(index) {
    const bar = h("span", { class: "driver-bar", "aria-hidden": "true" });
    bar.style.background = this.palette.driver(index);
    return bar;
  }
}
