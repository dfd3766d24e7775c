/** The view of the map: search, legend, map or table, and a panel beside it. */
import { DevicePanel } from "./device.js";
import { byId, fill, h } from "./dom.js";
import { Legend } from "./legend.js";
import { FleetMap } from "./map.js";
import { MapStatus } from "./mapstatus.js";
import { MapTable } from "./maptable.js";
import { GONE, NodePanel } from "./node.js";
import { Ordering } from "./ordering.js";
import { pack, unpack } from "./packed.js";
import { PLACED, PlanBar } from "./planbar.js";

const DENSE = ["comfortable", "compact", "dense", "heat"];
/** With more nodes than this, the map begins as a heat map. */
const MANY = 1500;

export class MapView {
  /** @param {any} parts */
  constructor({ fleet, search, palette, route, scenario, whatif, announce, openPod }) {
    this.whatif = whatif;
    this.announce = announce;
    this.view = "map";
    /** @type {import("./fleet.js").Fleet} */ this.fleet = fleet;
    /** @type {import("./search.js").Search} */ this.search = search;
    /** @type {import("./palette.js").Palette} */ this.palette = palette;
    /** @type {import("./route.js").Route} */ this.route = route;
    /** @type {import("./scenario.js").Scenario} */ this.scenario = scenario;
    this.panel = "";
    const close = () => this.close();
    const onSearch = (/** @type {string} */ query) => this.find(query);
    const pick = (/** @type {any} */ device) => this.openDevice(device.key);
    this.map = new FleetMap(fleet, search, palette, { pick, pickNode: (row) => this.openNode(row.name) });
    this.table = new MapTable(this.map, pick);
    this.status = new MapStatus(this.map);
    this.legend = new Legend(fleet, search, palette, onSearch);
    this.device = new DevicePanel({
      close, search: onSearch, openPod,
      taint: (device) => this.taint(device.key),
      isTainted: (key) => scenario.step.tainted.includes(key),
      plannedFor: (key) => this.map.planned.get(key),
      free: (claim) => this.free(claim),
      isGone: (claim) => scenario.step.removed.includes(claim),
    });
    this.node = new NodePanel({
      close, pick, search: onSearch,
      drain: (row) => this.drain(row.name),
      isDrained: (name) => scenario.step.drained.includes(name),
      more: (row) => this.more(row.name),
      moreLike: (name) => scenario.moreLike(name),
    });
    this.build();
    fleet.addEventListener("change", () => this.refresh());
    scenario.addEventListener("change", () => this.replanned());
    route.addEventListener("query", () => this.pack());
    byId("main").classList.add("ready");
  }

  build() {
    let timer = 0;
    this.input = h("input", { type: "search", "aria-label": "Search devices", "aria-describedby": "search-note", placeholder: "Search: node, device, claim, state:free, attr:model=X100, cel:…", oninput: () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.find(this.input.value), 150);
    } });
    this.densities = h("select", { "aria-label": "Density", onchange: () => { this.route.set({ density: this.densities.value }); this.settle(); } }, DENSE.map((name) => h("option", { value: name }, name === "heat" ? "heat map" : name)));
    this.colours = h("select", { "aria-label": "Color by", onchange: () => { this.route.set({ colour: this.colours.value }); this.settle(); } }, h("option", { value: "state" }, "by state"), h("option", { value: "driver" }, "by driver"));
    this.ordering = new Ordering(this.map.order, this.fleet, async (changes) => {
      this.route.set(changes);
      await this.ordering.take(this.route.place.query);
      this.settle();
    });
    this.flipper = h("button", { type: "button", "aria-pressed": "false", title: "Map or table (v)", onclick: () => this.flip() }, "Table");
    this.plan = new PlanBar(this.scenario, {
      back: () => this.whatif.back(), showPlaced: () => this.showPlanned(), placed: () => this.map.planned.size, query: () => this.search.query,
      open: () => { this.route.set({ device: "", node: "" }); this.route.go("whatif"); },
    });
    this.side = h("aside", { class: "panel", "aria-label": "Details", hidden: true });
    this.element = h("section", { class: "map-view", "aria-label": "Map" },
      h("div", { class: "stage" },
        h("div", { class: "toolbar" }, h("div", { class: "search" }, this.input), this.ordering.groups, this.ordering.sorts, this.colours, this.densities, this.flipper),
        this.status.trouble, this.legend.element, this.status.note, this.plan.element, this.map.element, this.table.element),
      this.side);
  }

  /** @param {string} view map or whatif */
  async enter(view) {
    const { query } = this.route.place;
    const fresh = this.scenario.empty && !this.scenario.before.length;
    if (query.whatif && fresh && this.scenario.receive(await unpack(query.whatif))) this.scenario.run();
    this.ordering.offer();
    await this.ordering.take(query);
    this.settle();
    this.input.value = query.q ?? "";
    await this.found(query.q ?? "");
    this.view = view;
    this.planBar();
    this.showPanel();
  }

  /** Reads density, color and form from the URL. */
  settle() {
    const { density = "", colour = "state", as = "map" } = this.route.place.query;
    const narrow = innerWidth < 640;
    this.map.density = DENSE.includes(density) ? density : this.fleet.rows.size > MANY ? "heat" : this.fleet.rows.size > 400 || narrow ? "compact" : "comfortable";
    this.map.colourBy = colour;
    this.densities.value = this.map.density;
    this.colours.value = colour;
    const table = as === "table";
    this.map.element.hidden = table;
    this.table.element.hidden = !table;
    const other = table ? "Map" : "Table";
    if (this.flipper.textContent !== other) this.flipper.textContent = other;
    this.flipper.setAttribute("aria-pressed", String(table));
    this.map.update();
    this.table.render();
  }

  refresh() {
    if (!this.route.place.query.density) this.settle();
    this.legend.render();
    this.map.update();
    this.table.render();
    this.status.render();
    if (!this.side.hidden) this.showPanel(true);
    document.body.dataset.read = String(this.fleet.read);
  }

  /** Searches, and puts the query into the URL. @param {string} query */
  find(query) {
    if (this.input.value !== query) this.input.value = query;
    this.route.set({ q: query });
    if (this.route.place.view !== "map" && this.route.place.view !== "whatif") this.route.go("map");
    return this.found(query);
  }

  /** @param {string} query */
  async found(query) {
    if (!await this.search.set(query)) return;
    this.map.scroller.scrollTop = 0;
    this.legend.render();
    this.map.update();
    this.table.start = 0;
    this.table.render();
    this.status.render();
  }

  /** @param {string} key */
  openDevice(key) {
    this.route.set({ device: key, node: "" });
    this.open();
  }

  /** @param {string} name */
  openNode(name) {
    this.route.set({ device: "", node: name });
    this.open();
  }

  open() {
    if (["map", "whatif"].includes(this.route.place.view)) this.showPanel();
    else this.route.go("map");
    this.focusPanel = true;
  }

  close() {
    this.route.set({ device: "", node: "" });
    this.showPanel();
    if (!this.map.element.hidden) this.map.scroller.focus();
  }

  /** @param {boolean} [again] after an update, if the panel is still open */
  showPanel(again = false) {
    const { device = "", node = "" } = this.route.place.query;
    const known = this.fleet.devices.get(device), row = this.fleet.rows.get(node);
    this.map.selected = device;
    this.map.selectedNode = node || (known?.row.name ?? "");
    this.side.hidden = !device && !node && this.view !== "whatif";
    let content = this.view === "whatif" ? this.whatif.element : null;
    if (device) {
      content = this.device.element;
      if (known) {
        this.device.show(known);
        if (!again) this.map.show(device);
      } else if (this.fleet.loaded) this.device.gone(device);
    } else if (node && (row || this.fleet.loaded)) {
      content = this.node.element;
      this.node.show(row ?? { name: node, kind: GONE, unschedulable: false, group: "", used: 0, free: 0, usable: 0, devices: [] });
    }
    if (content && this.side.firstChild !== content) {
      fill(this.side, content);
      this.side.scrollTop = 0;
      if (!again && (device || node)) content.querySelector("h2")?.focus({ preventScroll: true });
    }
    this.map.update();
  }

  /** @param {string} key */
  taint(key) {
    this.scenario.taint(key);
    this.changed();
  }

  /** @param {string} name */
  drain(name) {
    this.scenario.drain(name);
    this.changed();
  }

  /** @param {string} name */
  more(name) {
    this.scenario.more(name, this.scenario.moreLike(name) + 1);
    this.changed();
  }

  /** @param {string} claim */
  free(claim) {
    this.scenario.free([claim]);
    this.changed();
  }

  taintCurrent() {
    const device = document.activeElement === this.map.scroller ? this.map.current() : this.fleet.devices.get(this.route.place.query.device ?? "");
    if (device) this.taint(device.key);
  }

  drainCurrent() {
    const name = document.activeElement === this.map.scroller ? this.map.current()?.row.name : this.route.place.query.node;
    if (name && name !== "*") this.drain(name);
  }

  async changed() {
    this.announce("What-if changed");
    if (!this.side.hidden) this.showPanel(true);
    await this.whatif.place();
  }

  /** The what-if has changed: so has what the map shows of it. */
  replanned() {
    const { scenario } = this;
    this.map.planned = scenario.planned();
    this.search.planned = this.map.planned;
    this.map.plannedNodes = new Set([...this.map.planned.keys()].map((key) => this.fleet.devices.get(key)?.row.name ?? ""));
    if (this.search.terms.some((term) => term.field === "whatif")) this.map.update();
    this.map.tainted = new Set(scenario.step.tainted);
    this.map.drained = new Set(scenario.step.drained);
    this.map.say();
    this.map.draw();
    this.planBar();
    this.pack();
    if (!this.side.hidden) this.showPanel(true);
  }

  planBar() {
    this.plan.render(this.view !== "whatif");
  }

  /** Shows the devices that the what-if has given, and no others; or all again. */
  showPlanned() {
    const [key] = this.map.planned.keys();
    const again = this.search.query === PLACED;
    this.find(again ? "" : PLACED);
    if (!again) this.map.show(key ?? "");
    this.planBar();
  }

  /** Keeps the what-if in the URL, if it is short enough. */
  async pack() {
    const shared = this.scenario.shared();
    const text = shared ? await pack(shared) : "";
    if ((this.route.place.query.whatif ?? "") !== text) this.route.set({ whatif: text });
  }

  /** @param {number} step */
  denser(step) {
    const at = DENSE.indexOf(this.map.density) + step;
    if (!DENSE[at]) return;
    this.route.set({ density: DENSE[at] });
    this.settle();
  }

  flip() {
    this.route.set({ as: this.route.place.query.as === "table" ? "" : "table" });
    this.settle();
  }

  recolour() {
    this.legend.shown = "";
    this.legend.render();
    this.map.draw();
  }
}
