/** Pods that wait for a node, and why. */
import { get, list } from "./api.js";
import { fill, h, plural, time } from "./dom.js";
import { compare } from "./fleet.js";
import { Pace } from "./pace.js";
import { narrowed, nothing, pager } from "./parts.js";
import { Reading } from "./reading.js";
import { nearMisses, reasonList } from "./reasons.js";
import { renew } from "./renew.js";
import { loading, trouble } from "./states.js";
import { age, reasonTitle } from "./words.js";

const PAGE = 200;

export class PodsView {
  /** @param {{ open: (namespace: string, name: string) => void, openNode: (name: string) => void, openClaim: (name: string) => void, announce: (text: string) => void, onCount: (count: number) => void, narrow: (namespace: string) => void, everyReason: () => void }} actions */
  constructor(actions) {
    this.actions = actions;
    this.all = false;
    // Asking every node costs the service something, and near misses more.
    this.again = new Pace(async () => { if (this.wanted && !this.element.hidden) await this.explaining.read(); }, 2000);
    this.filter = "";
    this.namespace = "";
    /** Pods with this reason only: the key of a group of the overview, or a code. */
    this.reason = "";
    this.start = 0;
    this.reading = new Reading(() => this.read(), () => { this.render(); if (this.wanted) this.renderDetail(); }, () => true);
    this.explaining = new Reading(() => this.readReasons(), () => this.renderDetail(), () => !this.element.hidden && this.wanted !== "");
    // The service evaluates a part of many different Pods at a time.
    this.rest = new Pace(async () => { if (!this.element.hidden) await this.reading.read(); }, 2000);
    this.wanted = "";
    this.shown = "";
    this.scope = h("div");
    this.listing = h("div", { class: "list", role: "region", "aria-label": "List of Pods" });
    this.detail = h("article", { class: "detail", "aria-label": "Why", "aria-live": "off" });
    this.element = h("section", { class: "split", "aria-label": "Pods", hidden: true },
      h("div", { class: "side" },
        h("div", { class: "tools" },
          h("input", { type: "search", "aria-label": "Filter Pods", placeholder: "Filter by name, namespace or claim", oninput: (/** @type {any} */ event) => { this.filter = event.target.value.toLowerCase(); this.start = 0; this.render(); } }),
          h("label", { class: "check" }, h("input", { type: "checkbox", onchange: (/** @type {any} */ event) => { this.all = event.target.checked; this.refresh(); } }), "Include running Pods")),
        this.scope, this.listing),
      this.detail);
  }

  /** Reads the list, and the Pod in view again if the inventory has moved on. */
  async refresh() {
    await this.reading.read();
    if (!this.element.hidden && this.wanted) this.again.ask();
  }

  /** Running Pods are read for the list only; the number of the others is in the bar. */
  async read() {
    const shown = !this.element.hidden;
    /** @type {Record<string, any>} */
    const query = this.all && shown ? {} : { pending: true };
    // The bar needs a number, and no reasons.
    if (shown) query.evaluate = true;
    if (this.namespace) query.namespace = this.namespace;
    const pods = await list("/api/v1/pods", query);
    this.actions.onCount(pods.filter((pod) => !pod.node).length);
    return { pods, evaluated: shown };
  }

  /** @param {string[]} rest namespace and name, or nothing @param {{ reason?: string, ns?: string }} query of the URL */
  async show(rest, { reason = "", ns = "" } = {}) {
    if (ns !== this.namespace) this.reading.forget();
    if (reason !== this.reason || ns !== this.namespace) this.start = 0;
    this.namespace = ns;
    this.reason = reason;
    const wanted = rest.length === 2 ? rest.join("/") : "", turned = wanted !== this.wanted;
    this.wanted = wanted;
    this.element.classList.toggle("picked", Boolean(wanted));
    this.render();
    if (turned) this.explaining.forget();
    this.shown = "";
    this.renderDetail();
    const work = [this.reading.read()];
    if (wanted) work.push(this.explaining.read());
    await Promise.all(work);
    const answer = this.explaining.data;
    if (answer && this.wanted === wanted) this.actions.announce(answer.summary);
  }

  render() {
    if (this.element.hidden) return;
    const { data, error, at } = this.reading;
    const problem = error && trouble(error, { retry: () => this.refresh(), since: at, namespace: { value: this.namespace, take: this.actions.narrow } });
    // Without reasons, Pods cannot be selected by them.
    if (!data || (this.reason && !data.evaluated)) {
      renew(this.scope, narrowed(this.namespace, this.actions.narrow));
      renew(this.listing, problem || loading("Reading Pods…"));
      return;
    }
    if (!error && data.evaluated && data.pods.some((/** @type {any} */ pod) => pod.code === "NotEvaluated")) this.rest.ask();
    const ofReason = data.pods.filter((/** @type {any} */ pod) => (this.all && !this.reason) || (!pod.node && this.isWanted(pod)));
    renew(this.scope, narrowed(this.namespace, this.actions.narrow), this.reason && this.reasonHead(ofReason));
    renew(this.listing, problem, ...this.listed(ofReason, data.pods.length > 0));
  }

  /** @param {any} pod */
  isWanted({ group, code }) {
    return !this.reason || this.reason === group || this.reason.toLowerCase() === code.toLowerCase();
  }

  /** What the Pods of the list have in common. @param {any[]} pods */
  reasonHead(pods) {
    const [first] = pods;
    return h("div", { class: "reason-head", role: "region", "aria-label": "Reason" },
      h("p", { class: "strong" }, first ? `${plural(pods.length, "Pod")}: ${reasonTitle(first.code, first.reason)}` : "One reason only"),
      first && h("p", { class: "muted small clamp", title: first.reason }, first.reason),
      h("p", null, h("button", { type: "button", class: "link", "data-key": "every reason", onclick: () => this.actions.everyReason() }, "All pending Pods")));
  }

  /** @param {any[]} ofReason @param {boolean} any whether there are Pods of other reasons */
  listed(ofReason, any) {
    const pods = ofReason.filter((pod) => `${pod.namespace}/${pod.name} ${pod.claims.join(" ")}`.toLowerCase().includes(this.filter));
    pods.sort((one, other) => Number(Boolean(one.node)) - Number(Boolean(other.node)) || compare(`${one.namespace}/${one.name}`, `${other.namespace}/${other.name}`));
    if (!pods.length) return [this.emptyText(ofReason.length > 0, any)];
    this.start = Math.min(this.start, Math.floor((pods.length - 1) / PAGE) * PAGE);
    const shown = pods.slice(this.start, this.start + PAGE);
    const turn = (/** @type {number} */ by) => { this.start += by; this.render(); this.listing.scrollTop = 0; };
    return [
      pods.length > PAGE && h("p", { class: "faint pad" }, `${this.start + 1}–${this.start + shown.length} of ${plural(pods.length, "Pod")}`),
      h("ul", { class: "plain" }, shown.map((pod) => this.item(pod))),
      pods.length > PAGE && pager(this.start, PAGE, pods.length, turn),
    ];
  }

  /** @param {boolean} filtered @param {boolean} any */
  emptyText(filtered, any) {
    if (filtered) return nothing("No Pod matches.", "Clear the filter to list all of them.");
    if (this.reason) return nothing("No Pod is pending for this reason any more.", any ? "The others are pending for other reasons." : "No other Pod is pending.");
    return this.all ? nothing("No Pod is pending or holds claims.", "Pods appear here when they are created.")
      : nothing("No Pod is pending.", "Include running Pods to see those that hold devices.");
  }

  /** @param {any} pod */
  item(pod) {
    const name = `${pod.namespace}/${pod.name}`;
    return h("li", null, h("button", { type: "button", class: "item", "data-key": name, "aria-current": name === this.wanted ? "true" : null, onclick: () => this.actions.open(pod.namespace, pod.name) },
      h("span", { class: "line" }, h("span", { class: "strong ellipsis" }, pod.name), h("span", { class: "muted" }, pod.namespace), pod.node ? h("span", { class: "tag good" }, "running") : h("span", { class: "tag warn" }, "pending"),
        pod.created && h("span", { class: "muted nowrap", title: `created ${pod.created}` }, age(pod.created))),
      pod.requests && h("span", { class: "ellipsis small" }, "requests ", h("span", { class: "ask" }, pod.requests)),
      !(this.reason && pod.reason) && h("span", { class: "muted ellipsis" }, pod.node ? `on ${pod.node}` : pod.reason || pod.said || `pending; claims: ${pod.claims.join(", ") || "none"}`)));
  }

  /** Why the Pod in view is pending. */
  readReasons() {
    const [namespace, ...rest] = this.wanted.split("/");
    return get(`/api/v1/pods/${encodeURIComponent(namespace)}/${encodeURIComponent(rest.join("/"))}/explain`);
  }

  renderDetail() {
    const { data, error, at } = this.explaining;
    const [namespace, ...rest] = this.wanted.split("/");
    const shown = JSON.stringify([this.wanted, data && { ...data, revision: "" }, error && [error.status, error.message], this.known()?.claims]);
    // Nothing of what a person reads or has opened moves without need.
    if (shown === this.shown) return;
    this.shown = shown;
    const problem = error && trouble(error, { retry: () => this.explaining.read(), since: data ? at : 0 });
    if (this.wanted && data) fill(this.detail, problem, ...this.explained(data));
    else if (this.wanted) fill(this.detail, this.title(namespace, rest.join("/")), problem || loading("Evaluating all nodes…"));
    else fill(this.detail, nothing("Why is it pending?", "Select a Pod to see the reason for each node."));
  }

  /** The Pod in view, as the list has it. */
  known() {
    return this.reading.data?.pods.find((/** @type {any} */ pod) => `${pod.namespace}/${pod.name}` === this.wanted);
  }

  /** @param {string} namespace @param {string} name */
  title(namespace, name) {
    return h("header", null,
      h("button", { type: "button", class: "back", onclick: () => this.actions.open("", "") }, "‹ All Pods"),
      h("p", { class: "kind" }, `Pod in ${namespace}`), h("h2", null, name));
  }

  /** @param {any} answer */
  explained(answer) {
    const known = this.known();
    const fits = answer.nodes.filter((/** @type {any} */ node) => node.verdict === "fits");
    return [
      this.title(answer.namespace, answer.name),
      h("p", { class: `headline ${answer.node || fits.length ? "good" : "bad"}` }, answer.summary),
      known && h("p", { class: "muted" }, `Claims: ${known.claims.join(", ") || "none"}`, known.created && [" · created ", time(known.created)], known.saidAt && [" · last refused ", time(known.saidAt)]),
      nearMisses(answer, this.actions),
      fits.length ? h("div", null, h("h3", null, `Would fit on ${plural(fits.length, "node")}`),
        h("p", { class: "names" }, fits.slice(0, 50).map((/** @type {any} */ node) => h("button", { type: "button", class: "link", onclick: () => this.actions.openNode(node.name) }, node.name)), fits.length > 50 ? ` and ${fits.length - 50} more` : null)) : null,
      answer.nodes.length > fits.length ? [h("h3", null, fits.length ? "Reasons by other nodes" : "Reasons by node"), reasonList(answer.nodes, this.actions)] : null,
      answer.nodesOmitted ? h("p", { class: "faint" }, `${answer.nodesOmitted} more nodes are not listed.`) : null,
      h("p", { class: "faint small after" }, `CLI equivalent: dra-extender explain ${answer.name} -n ${answer.namespace} · API: GET /api/v1/pods/${answer.namespace}/${answer.name}/explain`),
    ].flat();
  }
}
