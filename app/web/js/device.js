/** The panel of one device: what it is, what holds it and since when. */
import { get } from "./api.js";
import { fill, h, time } from "./dom.js";
import { compare } from "./fleet.js";
import { badge, definition, facts, failure, panelHead } from "./parts.js";
import { Reading } from "./reading.js";
import { renew, write } from "./renew.js";
import { loading, trouble } from "./states.js";
import { termOf } from "./search.js";

/** @typedef {import("./fleet.js").Device} Device */

export class DevicePanel {
  /** @param {{ close: () => void, search: (query: string) => void, openPod: (namespace: string, name: string) => void, taint: (device: Device) => void, isTainted: (key: string) => boolean, plannedFor: (key: string) => string | undefined, free: (claim: string) => void, isGone: (claim: string) => boolean }} actions */
  constructor(actions) {
    this.actions = actions;
    this.key = "";
    this.device = /** @type {Device | null} */ (null);
    // These stay when news comes, and so does the focus that may be on them.
    this.top = h("div");
    this.state = h("p", { class: "line" });
    this.taint = h("button", { type: "button", onclick: () => this.device && actions.taint(this.device) });
    this.buttons = h("div", { class: "buttons" }, this.taint,
      h("button", { type: "button", onclick: () => this.device && actions.search(`node:${this.device.row.name}`) }, "Only this node"));
    this.rest = h("div");
    this.element = h("section", { class: "panel-body", "aria-label": "Device" }, this.top, this.state, this.buttons, this.rest);
    this.shown = "";
    this.reading = new Reading(() => this.read(), () => this.render(), () => this.device !== null && this.element.isConnected);
  }

  /** Shows a device, as far as it is known at once, and then in full. @param {Device} device */
  async show(device) {
    const again = this.key === device.key;
    this.key = device.key;
    this.head(device, again);
    if (!again) {
      this.reading.forget();
      this.shown = "";
      this.render();
    }
    await this.reading.read();
  }

  /** @returns {Promise<any>} */
  read() {
    const { driver, pool, device } = /** @type {Device} */ (this.device);
    return get(`/api/v1/devices/${[driver, ...pool.split("/"), device].map(encodeURIComponent).join("/")}`);
  }

  render() {
    const { device } = this, { data, error, at } = this.reading;
    if (!device) return;
    const gone = data?.holders.map((/** @type {any} */ holder) => this.actions.isGone(nameOf(holder)));
    const shown = JSON.stringify([device.key, data && { ...data, revision: "" }, error && [error.status, error.message], this.actions.isTainted(device.key), this.actions.plannedFor(device.key), gone]);
    if (shown === this.shown) return;
    this.shown = shown;
    const problem = error && trouble(error, { retry: () => this.reading.read(), since: at });
    fill(this.rest, problem, ...(data ? this.body(device, data) : [!problem && loading("Reading…")]));
  }

  /** The device is no more. @param {string} key */
  gone(key) {
    this.key = key;
    this.device = null;
    this.reading.forget();
    this.shown = "";
    const [name] = key.split("/").slice(-1);
    fill(this.top, panelHead("Device", name, this.actions.close));
    fill(this.rest, failure("This device does not exist (any more)."));
    fill(this.state);
    this.buttons.hidden = true;
  }

  /** @param {Device} device @param {boolean} again */
  head(device, again) {
    this.device = device;
    if (!again) fill(this.top, panelHead("Device", device.device, this.actions.close));
    renew(this.state, badge(device.state), device.note && h("span", { class: "muted" }, device.note));
    write(this.taint, this.actions.isTainted(device.key) ? "Untaint in what-if" : "Taint in what-if");
    this.buttons.hidden = false;
  }

  /** @param {Device} device @param {any} detail */
  body(device, detail) {
    const plan = this.actions.plannedFor(device.key);
    return [
      plan && h("p", { class: "planned" }, `The what-if allocates it to ${plan}.`),
      facts([
        ["Node", device.row.name === "*" ? detail.nodes.join(", ") || "none" : device.row.name],
        ["Driver", detail.driver],
        ["Pool", detail.pool],
        detail.multiple ? ["Sharing", "several claims can hold shares of it"] : null,
      ]),
      h("h3", null, "Held by"),
      detail.holders.length ? detail.holders.map((/** @type {any} */ holder) => this.holder(holder)) : h("p", { class: "faint" }, "No claim."),
      ...section("Taints", detail.taints.map((/** @type {any} */ taint) =>
        definition(`${taint.key}${taint.value ? `=${taint.value}` : ""}`, [taint.effect, taint.since && [", since ", time(taint.since)]].flat()))),
      ...section("Capacity", detail.capacity.map((/** @type {any} */ item) =>
        definition(item.name, item.consumed === null ? item.value : `${item.consumed} of ${item.value} in use`))),
      ...section("Attributes", Object.entries(detail.attributes).toSorted(([one], [other]) => compare(one, other)).map(([name, value]) =>
        definition(name, h("button", {
          type: "button", class: "link", title: "Search for devices like this", onclick: () => this.actions.search(termOf("attr", `${name}=${first(value)}`)),
        }, Array.isArray(value) ? value.join(", ") : String(value))))),
      ...section("Draws from counters", detail.counters.flatMap((/** @type {any} */ item) =>
        Object.entries(item.consumes).map(([name, value]) => definition(`${item.set} / ${name}`, String(value))))),
      ...section("Counters of the pool", detail.counterSets.flatMap((/** @type {any} */ item) =>
        item.counters.map((/** @type {any} */ counter) => definition(`${item.set} / ${counter.name}`, `${counter.used} of ${counter.value} in use`)))),
    ];
  }

  /** @param {any} holder */
  holder(holder) {
    const name = nameOf(holder);
    return h("div", { class: "card" },
      h("p", { class: "line" }, h("button", { type: "button", class: "link strong", onclick: () => this.actions.search(`claim:${name}`) }, name),
        holder.assumed && h("span", { class: "tag" }, "assumed"),
        holder.adminAccess && h("span", { class: "tag" }, "admin access"),
        holder.shareID && h("span", { class: "tag", title: holder.shareID }, "share")),
      facts([
        ["Allocated", time(holder.since)],
        ["Claim created", time(holder.created)],
        ["Reserved for", holder.reservedFor.length
          ? holder.reservedFor.flatMap((/** @type {any} */ pod, /** @type {number} */ at) => [at ? ", " : "", pod.resource === "pods" ? h("button", {
            type: "button", class: "link", onclick: () => this.actions.openPod(holder.namespace, pod.name),
          }, pod.name) : `${pod.resource}/${pod.name}`])
          : h("span", { class: "faint" }, "nobody")],
      ]),
      h("div", { class: "buttons" }, h("button", { type: "button", "data-key": `free ${name}`, onclick: () => this.actions.free(name) }, this.actions.isGone(name) ? "Keep in what-if" : "Free in what-if")));
  }
}

/** @param {any} holder */
function nameOf(holder) {
  return `${holder.namespace}/${holder.name}`;
}

/** @param {any} value */
function first(value) {
  return Array.isArray(value) ? value[0] ?? "" : value;
}

/** @param {string} title @param {any[]} rows */
function section(title, rows) {
  return rows.length ? [h("h3", null, title), h("dl", { class: "facts" }, rows)] : [];
}
