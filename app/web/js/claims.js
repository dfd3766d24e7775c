/** ResourceClaims: what each holds, and for which Pods. */
import { list } from "./api.js";
import { fill, h, plural, time } from "./dom.js";
import { failure, nothing, table } from "./parts.js";

const SHOWN = 500;

export class ClaimsView {
  /** @param {{ openDevice: (key: string) => void, openPod: (namespace: string, name: string) => void, onSearch: (query: string) => void }} actions */
  constructor(actions) {
    this.actions = actions;
    this.claims = /** @type {any[] | null} */ (null);
    this.query = "";
    this.input = h("input", { type: "search", "aria-label": "Filter claims", placeholder: "Filter by claim, Pod, device; or free, held", oninput: (/** @type {any} */ event) => {
      this.query = event.target.value;
      actions.onSearch(this.query);
      this.render();
    } });
    this.count = h("p", { class: "muted", role: "status" });
    this.body = h("div", { class: "fill" });
    this.element = h("section", { class: "page", "aria-label": "Claims", hidden: true }, h("div", { class: "tools" }, this.input, this.count), this.body);
  }

  /** @param {string} query */
  show(query) {
    this.query = this.input.value = query;
    this.render();
    this.refresh();
  }

  async refresh() {
    if (this.element.hidden) return;
    try {
      this.claims = await list("/api/v1/claims");
      this.render();
    } catch (error) {
      fill(this.body, failure(error.message));
    }
  }

  render() {
    if (this.element.hidden) return;
    if (!this.claims) {
      fill(this.body, h("p", { class: "faint pad" }, "Reading claims…"));
      return;
    }
    const words = this.query.toLowerCase().split(/\s+/).filter(Boolean);
    const found = this.claims.filter((claim) => {
      const text = words.length ? words_of(claim) : "";
      return words.every((word) => text.includes(word));
    });
    this.count.textContent = `${plural(found.length, "claim")}${found.length > SHOWN ? `, the first ${SHOWN} shown` : ""}`;
    if (!found.length) {
      fill(this.body, nothing(this.claims.length ? "No claim matches." : "There are no claims.", ""));
      return;
    }
    fill(this.body, table("Claims", ["Claim", "Devices", "Reserved for", "Allocated"], found.slice(0, SHOWN).map((claim) => [
      [h("span", { class: "strong" }, claim.name), " ", h("span", { class: "muted" }, claim.namespace), claim.assumed && h("span", { class: "tag" }, "assumed")],
      this.devices(claim),
      claim.reservedFor.length ? claim.reservedFor.flatMap((/** @type {any} */ pod) => [pod.resource === "pods" ? h("button", { type: "button", class: "link", "data-key": `${claim.namespace}/${claim.name} for ${pod.name}`, onclick: () => this.actions.openPod(claim.namespace, pod.name) }, pod.name) : `${pod.resource}/${pod.name}`, " "]) : h("span", { class: "faint" }, "nobody"),
      claim.allocation ? time(claim.allocation.allocationTimestamp) : h("span", { class: "faint" }, "not allocated"),
    ])));
  }

  /** @param {any} claim */
  devices(claim) {
    const results = claim.allocation?.devices?.results ?? [];
    if (!results.length) return h("span", { class: "faint" }, claim.allocation ? "no devices" : "none yet");
    return results.flatMap((/** @type {any} */ result) => [h("button", {
      type: "button", class: "link", "data-key": `${claim.namespace}/${claim.name} ${result.device}`, title: `${result.driver}, for request ${result.request}`,
      onclick: () => this.actions.openDevice(`${result.driver}/${result.pool}/${result.device}`),
    }, `${result.pool}/${result.device}`), " "]);
  }
}

/** @param {any} claim */
function words_of(claim) {
  const results = claim.allocation?.devices?.results ?? [];
  const devices = results.map((/** @type {any} */ result) => `${result.driver}/${result.pool}/${result.device}`);
  const pods = claim.reservedFor.map((/** @type {any} */ pod) => pod.name);
  return [`${claim.namespace}/${claim.name}`, ...devices, ...pods, claim.allocation ? "held" : "free"].join(" ").toLowerCase();
}
