/** The first view: how full, what is free, who waits, why. Each number is one of GET /api/v1/overview. */
import { get } from "./api.js";
import { h, plural } from "./dom.js";
import { hours, line } from "./line.js";
import { Pace } from "./pace.js";
import { nothing, table } from "./parts.js";
import { Reading } from "./reading.js";
import { renew } from "./renew.js";
import { termOf } from "./search.js";
import { loading, trouble } from "./states.js";
import { age, count, duration, percent, reasonTitle, share } from "./words.js";

const HISTORY_EVERY = 60_000;
const NOT_EVALUATED = "NotEvaluated";
const GROUPS_SHOWN = 12;
const PENDING_SHOWN = 6;
const FROM = new Map([["file", ", from a file"], ["prometheus", ", from Prometheus"]]);

export class OverviewView {
  /**
   * @param {{ openPod: (namespace: string, name: string) => void, openNode: (name: string) => void, openClaim: (name: string) => void,
   *   find: (query: string) => void, pods: (reason: string) => void, changed: (query: Record<string, string>) => void }} actions
   */
  constructor(actions) {
    this.actions = actions;
    /** @type {any} */
    this.history = null;
    this.historyAt = 0;
    this.by = "attribute";
    this.namespace = "";
    this.all = false;
    this.reading = new Reading(() => this.answer(), () => this.render(), () => !this.element.hidden);
    this.pace = new Pace(async () => { if (!this.element.hidden) await this.reading.read(); }, 2000);
    this.body = h("div", { class: "overview" });
    this.element = h("section", { class: "page", "aria-label": "Overview", hidden: true }, h("div", { class: "fill" }, this.body));
  }

  /** @param {Record<string, string>} query of the URL */
  async show(query) {
    const namespace = query.ns ?? "";
    if (namespace !== this.namespace) this.reading.forget();
    this.by = query.by || "attribute";
    this.namespace = namespace;
    this.render();
    await this.reading.read();
  }

  /** @param {Record<string, string>} change of the URL */
  turn(change) {
    this.actions.changed(change);
    this.show({ by: this.by, ns: this.namespace, ...change });
  }

  /** The last answer. */
  get seen() {
    return this.reading.data;
  }

  /** After news. */
  refresh() {
    if (!this.element.hidden) this.pace.ask();
  }

  async answer() {
    const [kind, name = ""] = parted(this.by);
    /** @type {Record<string, any>} */
    const query = {};
    if (this.namespace) query.namespace = this.namespace;
    if (kind === "attribute" && name) query.attribute = name;
    if (kind === "label" && name) query.label = name;
    const seen = await get("/api/v1/overview", query);
    if (!this.namespace && Date.now() - this.historyAt > HISTORY_EVERY) {
      // The lines are an extra: the numbers do not wait for what a user may not see.
      this.history = await get("/api/v1/overview/history").catch(() => null);
      this.historyAt = Date.now();
    }
    return seen;
  }

  render() {
    if (this.element.hidden) return;
    const { data, error, at } = this.reading;
    // The service evaluates a part of many different Pods at a time.
    if (!error && data?.pending.groups.some((/** @type {any} */ group) => group.code === NOT_EVALUATED)) this.pace.ask();
    const problem = error && trouble(error, { retry: () => this.reading.read(), since: at, namespace: { value: this.namespace, take: (name) => this.turn({ ns: name }) } });
    if (data) renew(this.body, problem, ...this.parts());
    else renew(this.body, problem || loading("Adding up devices and Pods…"));
  }

  parts() {
    return [
      this.head(), this.answers(),
      h("div", { class: "overview-columns" },
        h("div", null, this.groups(), this.mix(), this.troubles()),
        h("div", null, this.pending())),
    ];
  }

  head() {
    const { cluster, nodes } = this.seen;
    const { elected, self, holder } = cluster.leader, alone = cluster.source === "files" ? "" : "decides for kube-scheduler";
    const leader = self ? (elected ? `this replica leads (${holder || "just elected"})` : alone) : holder === null ? "only watches: another process decides for kube-scheduler" : holder ? `${holder} leads, this replica only watches` : "no replica leads";
    const facts = [
      cluster.version.startsWith(`v${cluster.rules}.`) ? `Kubernetes ${cluster.version}` : [cluster.version && `Kubernetes ${cluster.version}`, `rules of Kubernetes ${cluster.rules}`].filter(Boolean).join(", "),
      !this.namespace && plural(nodes, "node"),
      cluster.source === "files" ? "inventory from files" : cluster.ageSeconds === null ? "inventory not read yet" : `last event ${duration(cluster.ageSeconds)} ago`,
      leader,
      `dra-extender ${cluster.extender}`,
    ].filter(Boolean);
    return h("header", { class: "overview-head" },
      h("h2", null, this.namespace ? `Namespace ${this.namespace}` : cluster.name || (cluster.source === "files" ? "Example or saved inventory" : "Cluster")),
      this.namespace && h("button", { type: "button", "data-key": "whole cluster", onclick: () => this.turn({ ns: "" }) }, "Whole cluster"),
      h("p", { class: elected && !self && holder === "" ? "bad-text" : "muted" }, facts.join(" · ")));
  }

  answers() {
    const { total, pending, troubles } = this.seen;
    const usable = total.free + total.inUse;
    const waits = pending.groups.filter((/** @type {any} */ group) => group.code !== "Fits");
    const missing = total.states.tainted + total.states.unusable;
    return h("div", { class: "answers" },
      this.namespace ? card("In use", number("inUse", count(this.seen.namespaces[0]?.inUse ?? 0)), [plural(Object.keys(this.seen.namespaces[0]?.byDriver ?? {}).length, "driver")], null)
        : card("How full?", number("percent", percent(total.percent)), [bar(total), h("span", null, number("inUse", count(total.inUse)), " of ", number("devices", count(total.devices)), " devices in use")], this.line("inUse", "Devices in use", count)),
      !this.namespace && card("What is free?", number("free", count(total.free)), [
        total.largestFreeBlock ? h("span", null, "largest block ", number("largest", count(total.largestFreeBlock)), " on ", this.node(total.largestFreeBlockNode)) : h("span", null, usable ? "no free device" : "no devices"),
        h("span", { title: "Of the free devices that expected requests can use, the share on nodes with too few of them" }, "fragmentation ", number("fragmentation", share(total.fragmentation))),
        missing > 0 && h("span", { class: "muted" }, `${count(missing)} tainted or unusable`),
      ], this.line("free", "Free devices", count)),
      card("Who waits?", number("pending", count(pending.pods)), [
        h("span", null, pending.pods ? (pending.pods === 1 ? "pending Pod" : "pending Pods") : "No Pod is pending"),
        pending.oldest && h("span", null, "oldest ", number("oldest", age(pending.oldest))),
      ], this.line("pending", "Pending Pods", count), pending.pods ? () => this.actions.pods("") : null),
      card("Why?", null, waits.length ? waits.slice(0, 3).map((/** @type {any} */ group) => h("span", { class: "why" }, h("button", { type: "button", class: "link strong", "data-key": `why ${group.key}`, title: "List them", onclick: () => this.actions.pods(group.key) }, count(group.pods), h("span", { class: "unseen" }, " Pods")), " ", reasonTitle(group.code, group.reason), h("span", { class: "muted" }, ` · ${asked(group)}`)))
        : [h("span", null, pending.pods ? "All of them fit: kube-scheduler tries them next" : "Nothing keeps Pods waiting")],
      null, null, attention(troubles)));
  }

  /** @param {string} name @param {string} title @param {(value: number) => string} text */
  line(name, title, text) {
    const values = this.history?.series.find((/** @type {any} */ series) => series.name === name)?.values;
    if (this.namespace || !values) return null;
    const { at, source } = this.history, drawn = line(at, values, title, text);
    return drawn && h("div", { class: "line-box" }, drawn, h("span", { class: "faint small" }, `last ${hours(Date.parse(at.at(-1)) - Date.parse(at[0]))}${FROM.get(source) ?? ""}`));
  }

  /** @param {string} name */
  node(name) {
    return name === "*" ? "shared devices" : h("button", { type: "button", class: "link", "data-key": `node ${name}`, onclick: () => this.actions.openNode(name) }, name);
  }

  groups() {
    const { seen } = this;
    if (this.namespace) return h("div", null, h("h3", null, "Devices held"), this.namespaces());
    const [kind, name = ""] = parted(this.by);
    const choice = h("select", { "aria-label": "Group devices by", "data-key": "group by", onchange: (/** @type {any} */ event) => this.turn({ by: event.target.value }) },
      seen.attributes.length > 0 && h("option", { value: "attribute" }, seen.attribute.name && kind !== "attribute" ? "product" : `product (${seen.attribute.name || "no attribute"})`),
      h("option", { value: "driver" }, "driver"),
      h("option", { value: "namespace" }, "namespace"),
      seen.labels.length > 0 && kind !== "label" ? seen.labels.map((/** @type {any} */ label) => h("option", { value: `label:${label.name}` }, `label ${label.name}`)) : null,
      seen.attributes.filter((/** @type {string} */ one) => one !== seen.attribute.name || name).map((/** @type {string} */ one) => h("option", { value: `attribute:${one}` }, `attribute ${one}`)),
      seen.labelNames.filter((/** @type {string} */ one) => kind === "label" || !seen.labels.some((/** @type {any} */ label) => label.name === one)).map((/** @type {string} */ one) => h("option", { value: `label:${one}` }, `label ${one}`)));
    // As an attribute, by which two of them are compared.
    for (const option of choice.options) option.toggleAttribute("selected", option.value === this.by);
    return h("section", { "aria-label": "Devices" },
      h("div", { class: "section-head" }, h("h3", null, "Devices"), h("label", { class: "inline" }, "by ", choice)),
      this.by === "namespace" ? this.namespaces() : this.deviceTable(kind, name));
  }

  /** @param {string} kind @param {string} name */
  deviceTable(kind, name) {
    const { seen } = this;
    const found = kind === "driver" ? { items: seen.drivers, omitted: seen.driversOmitted } : kind === "label" ? seen.labels.find((/** @type {any} */ label) => label.name === name) ?? seen.labels[0] : seen.attribute.name ? seen.attribute : { items: seen.drivers, omitted: seen.driversOmitted, name: "driver" };
    if (!found || !found.items.length) return nothing("No devices.", "No driver has published ResourceSlices. Install a DRA driver, or check its Pods: kubectl get resourceslices.");
    const items = this.all ? found.items : found.items.slice(0, GROUPS_SHOWN);
    const query = (/** @type {string} */ value) => (kind === "driver" || found.name === "driver" ? `driver:${value}` : kind === "label" ? "" : termOf("attr", `${found.name}=${value}`));
    const title = kind === "driver" || found.name === "driver" ? "Driver" : found.name;
    const withDriver = title === "Driver";
    return [
      table("Devices", [title, "Use", "In use", "Devices", "Free", "Largest block", ...(withDriver ? ["Fragmentation"] : [])], items.map((/** @type {any} */ item) => [
        item.name && query(item.name) ? h("button", { type: "button", class: "link name", "data-key": `group ${item.name}`, title: "Show on the map", onclick: () => this.actions.find(query(item.name)) }, item.name) : h("span", { class: item.name ? "name" : "faint" }, item.name || `without ${title}`),
        h("span", { class: "use" }, bar(item), h("span", { class: "figure" }, percent(item.percent))),
        count(item.inUse), count(item.devices), count(item.free),
        item.largestFreeBlock ? h("span", { title: `on ${item.largestFreeBlockNode}` }, count(item.largestFreeBlock)) : "0",
        ...(withDriver ? [share(item.fragmentation)] : []),
      ])),
      found.items.length > GROUPS_SHOWN && h("p", { class: "pad" }, h("button", { type: "button", "data-key": "all groups", onclick: () => { this.all = !this.all; this.render(); } }, this.all ? "Show fewer" : `Show all ${found.items.length}`)),
      found.omitted > 0 && h("p", { class: "faint pad" }, `${plural(found.omitted, "smaller group")} not listed.`),
    ].flat();
  }

  namespaces() {
    const items = this.seen.namespaces;
    if (!items.length) return nothing("No namespace holds devices.", "No claim has an allocation.");
    return table("Namespaces", ["Namespace", ...(this.namespace ? [] : ["Share"]), "In use", "Pending Pods"], items.slice(0, this.all ? items.length : GROUPS_SHOWN).map((/** @type {any} */ item) => [
      h("span", { class: "name" }, item.name), ...(this.namespace ? [] : [percent(item.percent)]),
      h("span", { title: Object.entries(item.byDriver).map(([driver, held]) => `${driver}: ${held}`).join(", ") }, count(item.inUse)),
      count(item.pending),
    ]));
  }

  mix() {
    const { mix } = this.seen;
    if (!mix.length) return null;
    return h("section", { "aria-label": "Expected requests" },
      h("h3", { title: "From templates and claims, also those that are gone" }, "What would still fit"),
      table("Expected requests", ["Request", "Frequency", "More that fit", "Free, but too few on a node"], mix.slice(0, 6).map((/** @type {any} */ item) => [
        h("span", { class: "name", title: item.text }, item.text), share(item.share), h("span", { class: item.fits ? "" : "bad-text" }, count(item.fits)), `${count(item.unusable)} of ${count(item.free)}`,
      ])));
  }

  pending() {
    const { pending } = this.seen;
    if (!pending.groups.length) return h("section", { "aria-label": "Pending Pods" }, h("h3", null, "Pending Pods"), nothing("No Pod is pending.", "Every Pod that names this scheduler has a node."));
    const groups = this.all ? pending.groups : pending.groups.slice(0, PENDING_SHOWN);
    const left = pending.groups.length - groups.length + pending.groupsOmitted;
    return h("section", { "aria-label": "Pending Pods" },
      h("h3", null, "Pending Pods, by reason"),
      h("ul", { class: "plain waits" }, groups.map((/** @type {any} */ group) => h("li", { class: "card" },
        h("p", { class: "line" }, h("button", { type: "button", class: "link strong", "data-key": `reason ${group.key}`, title: "List all of them", onclick: () => this.actions.pods(group.key) }, plural(group.pods, "Pod")), h("span", { class: "grow" }, reasonTitle(group.code, group.reason)), h("span", { class: "muted nowrap", title: "Age of the oldest" }, age(group.oldest))),
        h("p", { class: "muted clamp", title: group.reason }, group.reason),
        h("p", { class: "small" }, "requests ", group.asks.flatMap((/** @type {any} */ asking, /** @type {number} */ at) => [at ? ", " : "", h("span", { class: "ask" }, asking.text), group.asks.length > 1 ? ` (${asking.pods})` : ""]), group.asksOmitted ? ` and ${group.asksOmitted} others` : ""),
        h("p", { class: "small names" }, group.examples.map((/** @type {string} */ name) => h("button", { type: "button", class: "link", "data-key": `pod ${name}`, onclick: () => { const [namespace, pod] = parted(name, "/"); this.actions.openPod(namespace, pod); } }, name)),
          group.pods > group.examples.length && h("button", { type: "button", class: "link", "data-key": `more of ${group.key}`, onclick: () => this.actions.pods(group.key) }, `and ${count(group.pods - group.examples.length)} more`))))),
      left > 0 && h("p", { class: "faint" }, `${plural(left, "more reason")}.`));
  }

  troubles() {
    const found = this.seen.troubles;
    const lines = [
      found.poolsIncomplete && [plural(found.poolsIncomplete, "incomplete pool"), first(found.pools, "incomplete")],
      found.poolsInvalid && [plural(found.poolsInvalid, "invalid pool"), first(found.pools, "invalid")],
      found.poolsGone && [`${plural(found.poolsGone, "pool")} without slices`, first(found.pools, "no slices")],
      ...found.driversGone.map((/** @type {any} */ item) => [`driver ${item.driver} is gone`, item.devices ? `${plural(item.claims, "claim")} hold ${plural(item.devices, "device")}` : "it has published no slices since"]),
      found.nodesGone && [`slices of ${plural(found.nodesGone, "node")} that do not exist`, ""],
      found.unschedulable && [`${plural(found.unschedulable, "node")} unschedulable`, ""],
      ...found.taints.slice(0, 4).map((/** @type {any} */ item) => [`${plural(item.devices, "device")} tainted`, `${item.taint} (${item.driver})`]),
    ].filter(Boolean);
    if (found.taints.length > 4) lines.push([`${found.taints.length - 4} more taints`, ""]);
    return h("section", { "aria-label": "Attention" }, h("h3", null, "Attention"),
      lines.length || found.claimsLeft ? h("ul", { class: "plain troubles" },
        lines.map(([what, more]) => h("li", null, h("span", { class: "strong" }, what), more && h("span", { class: "muted" }, ` ${more}`))),
        found.claimsLeft > 0 && h("li", null, h("span", { class: "strong" }, `${plural(found.claimsLeft, "claim")} without a Pod`), " ",
          found.claims.slice(0, 3).map((/** @type {any} */ item) => h("span", null, h("button", { type: "button", class: "link", "data-key": `claim ${item.namespace}/${item.name}`, onclick: () => this.actions.openClaim(`${item.namespace}/${item.name}`) }, `${item.namespace}/${item.name}`), h("span", { class: "muted" }, ` ${item.note} `)))))
        : h("p", { class: "muted" }, "Nothing: all pools are complete, and every claim that holds devices has a Pod."));
  }
}

/** @param {string} text @param {string} [mark] @returns {[string, string]} */
function parted(text, mark = ":") {
  const at = text.indexOf(mark);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

/** What most Pods of a group request. @param {any} group */
function asked(group) {
  const [{ text }] = group.asks;
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}

/** @param {any[]} pools @param {string} kind */
function first(pools, kind) {
  const found = pools.find((item) => item.trouble.includes(kind));
  return found ? `such as ${found.pool} (${found.driver})` : "";
}

/** What needs attention, in one line. @param {any} found */
function attention(found) {
  const sum = found.poolsIncomplete + found.poolsInvalid + found.poolsGone + found.driversGone.length + found.claimsLeft + found.nodesGone;
  return sum ? h("span", { class: "bad-text small" }, `${plural(sum, "thing")} below need${sum === 1 ? "s" : ""} attention`) : null;
}

/** A number that tests compare with the API. @param {string} name @param {string} text */
function number(name, text) {
  return h("span", { "data-number": name }, text);
}

/** @param {string} title @param {any} big @param {any[]} lines @param {any} chart @param {(() => void) | null} [open] @param {any} [note] */
function card(title, big, lines, chart, open = null, note = null) {
  return h("section", { class: "answer", "aria-label": title },
    h("h3", null, title),
    big && h("p", { class: "big" }, open ? h("button", { type: "button", class: "link", title: "List them", "data-key": title, onclick: open }, big) : big),
    lines.filter(Boolean).map((text) => h("p", { class: "answer-line" }, text)), note, chart);
}

/** In use, free, and what is neither. @param {any} group */
function bar(group) {
  const made = h("span", { class: "use-bar", "aria-hidden": "true" });
  for (const [name, part] of /** @type {[string, number][]} */ ([["used", group.inUse], ["off", group.states.tainted + group.states.unusable]])) {
    const piece = h("span", { class: name });
    piece.style.width = `${group.devices ? (100 * part) / group.devices : 0}%`;
    made.append(piece);
  }
  return made;
}
