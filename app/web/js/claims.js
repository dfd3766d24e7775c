/** ResourceClaims: what each holds, and for which Pods. */
import { list } from "./api.js";
import { fill, h, plural, time } from "./dom.js";
import { failure, nothing, table } from "./parts.js";

const PAGE = 200;

export class ClaimsView {
  /** @param {{ openDevice: (key: string) => void, openPod: (namespace: string, name: string) => void, onSearch: (query: string) => void }} actions */
  constructor(actions) {
    this.actions = actions;
    this.claims = /** @type {any[] | null} */ (null);
    this.query = "";
    this.start = 0;
    this.input = h("input", { type: "search", "aria-label": "Filter claims", placeholder: "Filter by claim, Pod, device; or free, held", oninput: (/** @type {any} */ event) => {
      this.query = event.target.value;
      this.start = 0;
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
    this.start = Math.min(this.start, Math.max(0, Math.floor((found.length - 1) / PAGE) * PAGE));
    const end = Math.min(found.length, this.start + PAGE);
    this.count.textContent = found.length > PAGE ? `${this.start + 1}–${end} of ${plural(found.length, "claim")}` : plural(found.length, "claim");
    if (!found.length) {
      fill(this.body, nothing(this.claims.length ? "No claim matches." : "There are no claims.", ""));
      return;
    }
    fill(this.body, table("Claims", ["Claim", "Devices", "Reserved for", "Allocated"], found.slice(this.start, end).map((claim) => [
      [h("span", { class: "strong" }, claim.name), " ", h("span", { class: "muted" }, claim.namespace), claim.assumed && h("span", { class: "tag" }, "assumed")],
      this.devices(claim),
      claim.reservedFor.length ? claim.reservedFor.flatMap((/** @type {any} */ pod) => [pod.resource === "pods" ? h("button", { type: "button", class: "link", "data-key": `${claim.namespace}/${claim.name} for ${pod.name}`, onclick: () => this.actions.openPod(claim.namespace, pod.name) }, pod.name) : `${pod.resource}/${pod.name}`, " "]) : h("span", { class: "faint" }, "nobody"),
      claim.allocation ? time(claim.allocation.allocationTimestamp) : h("span", { class: "faint" }, "not allocated"),
    ])), found.length > PAGE && this.pager(end, found.length));
  }

  /** @param {number} end @param {number} total */
  pager(end, total) {
    const turn = (/** @type {number} */ by) => { this.start += by; this.render(); this.body.scrollTop = 0; };
    return h("p", { class: "pager" },
      h("button", { type: "button", "data-key": "previous", disabled: this.start === 0, onclick: () => turn(-PAGE) }, "Previous"),
      h("button", { type: "button", "data-key": "next", disabled: end >= total, onclick: () => turn(PAGE) }, "Next"));
  }

  /** @param {any} claim */
  devices(claim) {
    const results = claim.allocation?.devices?.results ?? [];
    if (!results.length) return h("span", { class: "faint" }, claim.allocation ? "no devices" : "none yet");
    /** @type {Map<string, any[]>} */
    const pools = new Map();
    for (const result of results) {
      const key = `${result.driver}/${result.pool}`, known = pools.get(key);
      if (known) known.push(result);
      else pools.set(key, [result]);
    }
    return [...pools.values()].flatMap((held, at) => [at ? ", " : "", h("button", {
      type: "button", class: "link", "data-key": `${claim.namespace}/${claim.name} ${held[0].pool}`, title: held.map((result) => `${result.driver}/${result.pool}/${result.device}, for request ${result.request}`).join("\n"),
      onclick: () => this.actions.openDevice(`${held[0].driver}/${held[0].pool}/${held[0].device}`),
    }, `${held[0].pool}: ${devicesOf(held.map((result) => result.device))}`)]);
  }
}

const order = new Intl.Collator("en", { numeric: true });

/** Names of devices in one line, runs of numbers as one: `gpu-0…7 (8)`. @param {string[]} names */
export function devicesOf(names) {
  const sorted = names.toSorted(order.compare);
  /** @type {{ head: string, from: number, to: number, text: string }[]} */
  const runs = [];
  for (const name of sorted) {
    const [, head = "", digits = ""] = /^(.*?)(\d+)$/.exec(name) ?? [null, name, ""];
    const number = digits === "" ? NaN : Number(digits), last = runs.at(-1);
    if (last && last.head === head && last.to + 1 === number) last.to = number;
    else runs.push({ head, from: number, to: number, text: name });
  }
  const text = runs.map(({ head, from, to, text: name }) => (from < to ? `${head}${from}…${to}` : name)).join(", ");
  return names.length > 1 ? `${text} (${names.length})` : text;
}

/** @param {any} claim */
function words_of(claim) {
  const results = claim.allocation?.devices?.results ?? [];
  const devices = results.map((/** @type {any} */ result) => `${result.driver}/${result.pool}/${result.device}`);
  const pods = claim.reservedFor.map((/** @type {any} */ pod) => pod.name);
  return [`${claim.namespace}/${claim.name}`, ...devices, ...pods, claim.allocation ? "held" : "free"].join(" ").toLowerCase();
}
