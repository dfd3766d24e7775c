/** Pods that wait for a node, and why. */
import { get, list } from "./api.js";
import { fill, h, plural, time } from "./dom.js";
import { compare } from "./fleet.js";
import { Pace } from "./pace.js";
import { failure, nothing } from "./parts.js";
import { nearMisses, reasonList } from "./reasons.js";

export class PodsView {
  /** @param {{ open: (namespace: string, name: string) => void, openNode: (name: string) => void, openClaim: (name: string) => void, announce: (text: string) => void, onCount: (count: number) => void }} actions */
  constructor(actions) {
    this.actions = actions;
    this.all = false;
    // Asking every node costs the service something, and near misses more.
    this.again = new Pace(async () => { if (this.wanted && !this.element.hidden) await this.explain(this.wanted); }, 2000);
    this.filter = "";
    this.pods = /** @type {any[] | null} */ (null);
    this.wanted = "";
    this.listing = h("div", { class: "list", role: "region", "aria-label": "List of Pods" });
    this.detail = h("article", { class: "detail", "aria-label": "Why", "aria-live": "off" });
    this.element = h("section", { class: "split", "aria-label": "Pods", hidden: true },
      h("div", { class: "side" },
        h("div", { class: "tools" },
          h("input", { type: "search", "aria-label": "Filter Pods", placeholder: "Filter by name, namespace or claim", oninput: (/** @type {any} */ event) => { this.filter = event.target.value.toLowerCase(); this.render(); } }),
          h("label", { class: "check" }, h("input", { type: "checkbox", onchange: (/** @type {any} */ event) => { this.all = event.target.checked; this.refresh(); } }), "Include running Pods")),
        this.listing),
      this.detail);
  }

  /** Reads the list, and the Pod in view again if the inventory has moved on. */
  async refresh() {
    try {
      // Running Pods are shown in the list only; the number of the others is in the bar.
      const pods = await list("/api/v1/pods", this.all && !this.element.hidden ? {} : { pending: true });
      this.actions.onCount(pods.filter((pod) => !pod.node).length);
      this.pods = pods;
      if (!this.element.hidden) this.render();
    } catch (error) {
      fill(this.listing, failure(error.message));
    }
    if (!this.element.hidden && this.wanted) this.again.ask();
  }

  /** @param {string[]} rest namespace and name, or nothing */
  async show(rest) {
    this.wanted = rest.length === 2 ? rest.join("/") : "";
    this.element.classList.toggle("picked", Boolean(this.wanted));
    if (this.pods) this.render();
    else fill(this.listing, h("p", { class: "faint pad" }, "Reading Pods…"));
    if (this.wanted) {
      fill(this.detail, h("p", { class: "faint pad" }, "Evaluating all nodes…"));
      await this.explain(this.wanted, true);
    } else {
      fill(this.detail, nothing("Why is it pending?", "Select a Pod to see the reason for each node."));
    }
  }

  render() {
    const pods = (this.pods ?? []).filter((pod) => (this.all || !pod.node) &&
      `${pod.namespace}/${pod.name} ${pod.claims.join(" ")}`.toLowerCase().includes(this.filter));
    pods.sort((one, other) => Number(Boolean(one.node)) - Number(Boolean(other.node)) || compare(`${one.namespace}/${one.name}`, `${other.namespace}/${other.name}`));
    if (!pods.length) {
      fill(this.listing, nothing(this.filter ? "No Pod matches." : this.all ? "No Pod is pending or holds claims." : "No Pod is pending.", ""));
      return;
    }
    fill(this.listing, h("ul", { class: "plain" }, pods.slice(0, 500).map((pod) => {
      const name = `${pod.namespace}/${pod.name}`;
      return h("li", null, h("button", { type: "button", class: "item", "data-key": name, "aria-current": name === this.wanted ? "true" : null, onclick: () => this.actions.open(pod.namespace, pod.name) },
        h("span", { class: "line" }, h("span", { class: "strong ellipsis" }, pod.name), h("span", { class: "muted" }, pod.namespace), pod.node ? h("span", { class: "tag good" }, "running") : h("span", { class: "tag warn" }, "pending")),
        h("span", { class: "muted ellipsis" }, pod.node ? `on ${pod.node}` : pod.said || `pending; claims: ${pod.claims.join(", ") || "none"}`)));
    })), pods.length > 500 && h("p", { class: "faint pad" }, `${pods.length - 500} more: narrow the filter.`));
  }

  /** @param {string} name @param {boolean} [aloud] */
  async explain(name, aloud = false) {
    const [namespace, ...rest] = name.split("/");
    const pod = rest.join("/");
    const path = `/api/v1/pods/${encodeURIComponent(namespace)}/${encodeURIComponent(pod)}/explain`;
    try {
      const answer = await get(path);
      if (this.wanted !== name) return;
      const shown = JSON.stringify({ ...answer, revision: "" });
      // Nothing of what a person reads or has opened moves without need.
      if (!aloud && shown === this.shown) return;
      this.shown = shown;
      fill(this.detail, ...this.explained(answer));
      if (aloud) this.actions.announce(answer.summary);
    } catch (error) {
      if (this.wanted === name) fill(this.detail, this.title(namespace, pod), failure(error.message));
    }
  }

  /** @param {string} namespace @param {string} name */
  title(namespace, name) {
    return h("header", null,
      h("button", { type: "button", class: "back", onclick: () => this.actions.open("", "") }, "‹ All Pods"),
      h("p", { class: "kind" }, `Pod in ${namespace}`), h("h2", null, name));
  }

  /** @param {any} answer */
  explained(answer) {
    const known = this.pods?.find((pod) => pod.namespace === answer.namespace && pod.name === answer.name);
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
