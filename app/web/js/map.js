/** The map: a canvas as high as the window under a scroll bar as long as the cluster, and a list box for keys and ears. */
import { paint } from "./canvas.js";
import { h, plural } from "./dom.js";
import { DENSITIES, Layout, widened } from "./layout.js";
import { Names } from "./names.js";
import { Order } from "./order.js";
import { write } from "./renew.js";

/** @typedef {import("./fleet.js").Device} Device */
/** @typedef {import("./fleet.js").Row} Row */

export class FleetMap {
  /**
   * @param {import("./fleet.js").Fleet} fleet
   * @param {import("./search.js").Search} search
   * @param {import("./palette.js").Palette} palette
   * @param {{ pick: (device: Device) => void, pickNode: (row: Row) => void }} actions
   */
  constructor(fleet, search, palette, actions) {
    this.fleet = fleet;
    this.search = search;
    this.palette = palette;
    this.actions = actions;
    this.density = "comfortable";
    this.order = new Order();
    this.names = new Names([]);
    this.colourBy = "state";
    this.selected = "";
    this.hover = "";
    /** Where the keyboard is: a row and one of its devices. */
    this.cursor = { name: "", device: 0 };
    this.selectedNode = "";
    this.planned = /** @type {Map<string, string>} */ (new Map());
    this.plannedNodes = /** @type {Set<string>} */ (new Set());
    this.tainted = /** @type {Set<string>} */ (new Set());
    this.drained = /** @type {Set<string>} */ (new Set());
    this.layout = new Layout([], 600, DENSITIES.comfortable);
    this.frame = 0;
    this.stale = true;
    /** How often rows were laid out. */
    this.arranged = 0;
    this.squares = { version: 0, key: "", picture: /** @type {OffscreenCanvas | null} */ (null) };
    this.index = /** @type {Map<string, number>} */ (new Map());

    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.spacer = h("div", { class: "map-spacer", "aria-hidden": "true" }, this.canvas);
    this.option = h("div", { class: "unseen", role: "option", id: "map-cursor", "aria-selected": "true" });
    this.empty = h("p", { class: "empty", hidden: true });
    this.tip = h("div", { class: "tip", hidden: true, "aria-hidden": "true" });
    this.scroller = h("div", {
      class: "map-scroll", role: "listbox", tabindex: "0", "aria-label": "Devices by node",
      "aria-describedby": "map-hint", onscroll: () => this.draw(), onkeydown: (/** @type {KeyboardEvent} */ event) => this.key(event),
      onfocus: () => this.focused(), onblur: () => this.draw(),
    }, this.spacer, this.option);
    this.element = h("div", { class: "map" }, this.scroller, this.empty, this.tip,
      h("p", { id: "map-hint", class: "unseen" }, "Arrow keys move between devices, and Enter opens one. The table has the same data."));
    this.spacer.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => this.point(event));
    this.spacer.addEventListener("pointerleave", () => this.point(null));
    this.spacer.addEventListener("click", (/** @type {PointerEvent} */ event) => this.click(event));
    new ResizeObserver(() => this.update()).observe(this.scroller);
  }

  /** The rows to be shown, in order: those with a match, or all. @returns {Row[]} */
  rows() {
    const rows = this.order.of(this.fleet.sorted().map((name) => /** @type {Row} */ (this.fleet.rows.get(name))));
    this.matched = /** @type {Set<string> | null} */ (this.search.active ? new Set() : null);
    return rows.filter((row) => {
      if (!this.matched) return row.name !== "*" || row.devices.length > 0;
      const found = row.devices.filter((device) => this.search.matches(device));
      for (const device of found) this.matched.add(device.key);
      return found.length > 0;
    });
  }

  /** After a change of data, filter or size. At most once a frame. */
  update() {
    this.stale = true;
    this.draw();
  }

  draw() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      if (!this.scroller.clientHeight) return;
      if (this.stale) this.arrange();
      this.render();
    });
  }

  arrange() {
    this.stale = false;
    this.arranged += 1;
    this.squares.version += 1;
    const rows = this.rows();
    this.names = new Names(rows.map((row) => row.name));
    const density = widened(DENSITIES[this.density] ?? DENSITIES.comfortable, this.names.letters);
    this.layout = new Layout(rows, this.scroller.clientWidth, density, this.order.titles(rows), this.scroller.clientHeight);
    this.spacer.style.height = `${Math.max(this.layout.height, this.scroller.clientHeight)}px`;
    this.index = new Map(rows.map((row, at) => [row.name, at]));
    this.empty.hidden = rows.length > 0;
    write(this.empty, this.emptyText());
    this.say();
  }

  emptyText() {
    if (this.fleet.error) return "";
    if (!this.fleet.loaded) return "Reading the inventory…";
    return this.search.active ? "No device matches this search. Clear the search field to see all of them." : "There are no nodes. Check the service's kubeconfig, or the files that it serves.";
  }

  render() {
    const view = { top: this.scroller.scrollTop, width: this.scroller.clientWidth, height: this.scroller.clientHeight };
    this.canvas.style.width = `${view.width}px`;
    this.canvas.style.height = `${view.height}px`;
    const { matched } = this, begun = performance.now();
    const drawn = paint(this.canvas, {
      layout: this.layout, palette: this.palette, colourBy: this.colourBy, drivers: this.fleet.drivers,
      dimmed: (device) => matched !== null && matched !== undefined && !matched.has(device.key),
      cursor: document.activeElement === this.scroller ? this.current()?.key ?? "" : "",
      names: this.names, hover: this.hover, selected: this.selected, selectedNode: this.selectedNode, plannedNodes: this.plannedNodes, index: this.index, squares: this.squares,
      planned: this.planned, tainted: this.tainted, drained: this.drained,
    }, view);
    this.canvas.dataset.drawn = String(drawn);
    this.canvas.dataset.milliseconds = (performance.now() - begun).toFixed(1);
    this.canvas.dataset.frames = String(Number(this.canvas.dataset.frames ?? 0) + 1);
  }

  /** The device at the keyboard's place. @returns {Device | undefined} */
  current() {
    const at = this.index?.get(this.cursor.name) ?? 0;
    const row = this.layout.rows[at];
    return row?.devices[Math.min(this.cursor.device, row.devices.length - 1)];
  }

  focused() {
    if (!this.index?.has(this.cursor.name)) {
      const [first] = this.layout.between(this.scroller.scrollTop, this.scroller.scrollTop);
      const row = this.layout.rows.slice(first).find((known) => known.devices.length);
      this.cursor = { name: row?.name ?? "", device: 0 };
    }
    this.say();
    this.draw();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = this.index?.get(this.cursor.name) ?? 0;
    const { columns, rows } = this.layout;
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / this.layout.step / 2));
    switch (event.key) {
      case "ArrowRight": this.move(at, this.cursor.device + 1); break;
      case "ArrowLeft": this.move(at, this.cursor.device - 1); break;
      case "ArrowDown": this.move(Math.min(rows.length - 1, at + columns), this.cursor.device, 1, true); break;
      case "ArrowUp": this.move(Math.max(0, at - columns), this.cursor.device, -1, true); break;
      case "PageDown": this.move(Math.min(rows.length - 1, at + columns * page), this.cursor.device, -1, true); break;
      case "PageUp": this.move(Math.max(0, at - columns * page), this.cursor.device, 1, true); break;
      case "Home": this.move(0, 0, 1, true); break;
      case "End": this.move(rows.length - 1, Infinity, -1, true); break;
      case "Enter": case " ": { const device = this.current(); if (device) this.actions.pick(device); break; }
      case "n": { const row = rows[at]; if (row) this.actions.pickNode(row); break; }
      default: return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  /**
   * Moves the keyboard's place; beyond a row's end to the next row that has devices.
   * @param {number} at @param {number} device @param {number} [step] @param {boolean} [keep] stay in the row
   */
  move(at, device, step = 0, keep = false) {
    const { rows } = this.layout;
    if (!rows.length) return;
    let to = at;
    if (this.layout.heat && !keep) {
      step = device < this.cursor.device ? -1 : 1;
      to += step;
      device = 0;
    } else if (!keep && device < 0) { step = -1; to -= 1; device = Infinity; }
    else if (!keep && device >= rows[at].devices.length) { step = 1; to += 1; device = 0; }
    while (step && rows[to] && !rows[to].devices.length) to += step;
    if (!rows[to]?.devices.length) return;
    this.cursor = { name: rows[to].name, device: Math.min(device, rows[to].devices.length - 1) };
    this.reveal(to);
    this.say();
    this.draw();
  }

  /** @param {number} index */
  reveal(index) {
    const tile = this.layout.tile(index);
    const top = this.scroller.scrollTop, height = this.scroller.clientHeight;
    if (tile.y < top + 8) this.scroller.scrollTop = tile.y - 8;
    else if (tile.y + tile.height > top + height - 8) this.scroller.scrollTop = tile.y + tile.height - height + 8;
  }

  /** Shows a device, wherever it is. @param {string} key */
  show(key) {
    const device = this.fleet.devices.get(key);
    if (!device) return;
    this.selected = key;
    if (this.stale) this.arrange();
    const at = this.index?.get(device.row.name);
    if (at !== undefined) {
      this.cursor = { name: device.row.name, device: device.row.devices.indexOf(device) };
      this.reveal(at);
    }
    this.draw();
  }

  /** The middle of a device in the window, null if it is not laid out. @param {string} key @returns {[number, number] | null} */
  where(key) {
    const device = this.fleet.devices.get(key);
    const at = device && !this.stale ? this.index?.get(device.row.name) : undefined;
    if (!device || at === undefined) return null;
    const [x, y] = this.layout.corner(this.layout.tile(at), device.row.devices.indexOf(device));
    const box = this.spacer.getBoundingClientRect();
    const half = this.layout.density.cell / 2;
    return [box.left + x + half, box.top + y + half];
  }

  /** Reports to a screen reader where the keyboard is. */
  say() {
    const device = this.current();
    this.scroller.setAttribute("aria-activedescendant", device ? "map-cursor" : "");
    write(this.option, device ? spoken(device, this.planned.get(device.key)) : "no device");
    this.option.setAttribute("aria-setsize", String(this.fleet.devices.size));
  }

  /** @param {PointerEvent | null} event */
  point(event) {
    const hit = event && this.hit(event);
    const device = hit && hit.device >= 0 ? this.layout.rows[hit.index].devices[hit.device] : null;
    const key = device?.key ?? (hit && this.layout.heat ? this.layout.rows[hit.index].name : "");
    this.spacer.classList.toggle("hot", Boolean(hit));
    this.tip.hidden = !hit;
    if (hit && event) {
      const row = this.layout.rows[hit.index];
      this.tip.textContent = device ? spoken(device, this.planned.get(key)) : `${row.name}: ${plural(row.devices.length, "device")}, ${row.used} in use, ${row.free} free${row.unschedulable ? ", unschedulable" : ""}`;
      const box = this.element.getBoundingClientRect();
      const x = Math.min(event.clientX - box.left + 14, box.width - this.tip.offsetWidth - 8);
      const below = event.clientY - box.top + 18;
      const y = below + this.tip.offsetHeight > box.height ? below - this.tip.offsetHeight - 30 : below;
      this.tip.style.transform = `translate(${Math.max(4, x)}px, ${y}px)`;
    }
    if (key !== this.hover) {
      this.hover = key;
      this.draw();
    }
  }

  /** @param {PointerEvent} event */
  click(event) {
    const hit = this.hit(event);
    if (!hit) return;
    const row = this.layout.rows[hit.index];
    if (hit.device < 0) {
      this.actions.pickNode(row);
      return;
    }
    this.cursor = { name: row.name, device: hit.device };
    this.say();
    this.actions.pick(row.devices[hit.device]);
  }

  /** @param {PointerEvent} event */
  hit(event) {
    const box = this.spacer.getBoundingClientRect();
    return this.layout.at(event.clientX - box.left, event.clientY - box.top);
  }
}

/** @param {Device} device @param {string} [pod] */
export function spoken(device, pod) {
  const where = device.row.name === "*" ? "shared" : device.row.name;
  const held = device.claims.length ? ` by ${device.claims.join(", ")}` : "";
  const note = device.note ? `: ${device.note}` : "";
  return `${where}, ${device.device}: ${device.state}${held}${note}${pod ? `; would go to ${pod}` : ""}`;
}
