/** ResourceClaims: what each holds, and for which Pods. */
import { list } from "./api.js";
import { h, plural, time } from "./dom.js";
import { narrowed, nothing, pager, table } from "./parts.js";
import { Reading } from "./reading.js";
import { renew, write } from "./renew.js";
import { loading, trouble } from "./states.js";

const PAGE = 200;

export class ClaimsView {
  /** @param {{ openDevice: (key: string) => void, openPod: (namespace: string, name: string) => void, onSearch: (query: string) => void, narrow: (namespace: string) => void }} actions */
  constructor(actions) {
    this.actions = actions;
    this.namespace = "";
    this.reading = new Reading(() => list("/api/v1/claims", this.namespace ? { namespace: this.namespace } : {}), () => this.render(), () => !this.element.hidden);
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
    this.scope = h("span");
    this.element = h("section", { class: "page", "aria-label": "Claims", hidden: true }, h("div", { class: "tools" }, this.input, this.scope, this.count), this.body);
  }

  /** @param {string} query @param {string} namespace the only one to read, or "" */
  async show(query, namespace) {
    if (namespace !== this.namespace) this.reading.forget();
    this.namespace = namespace;
    this.query = this.input.value = query;
    this.render();
    await this.refresh();
  }

  async refresh() {
    if (!this.element.hidden) await this.reading.read();
  }

  render() {
    if (this.element.hidden) return;
    const { data, error, at } = this.reading;
    renew(this.scope, narrowed(this.namespace, this.actions.narrow));
    const problem = error && trouble(error, { retry: () => this.refresh(), since: at, namespace: { value: this.namespace, take: this.actions.narrow } });
    if (!data) {
      write(this.count, "");
      renew(this.body, problem || loading("Reading claims…"));
      return;
    }
    renew(this.body, problem, ...this.listed(data));
  }

  /** @param {any[]} claims */
  listed(claims) {
    const words = this.query.toLowerCase().split(/\s+/).filter(Boolean);
    const found = claims.filter((claim) => {
      const text = words.length ? words_of(claim) : "";
      return words.every((word) => text.includes(word));
    });
    this.start = Math.min(this.start, Math.max(0, Math.floor((found.length - 1) / PAGE) * PAGE));
    const end = Math.min(found.length, this.start + PAGE);
    write(this.count, found.length > PAGE ? `${this.start + 1}–${end} of ${plural(found.length, "claim")}` : plural(found.length, "claim"));
    if (!found.length) {
      return [claims.length ? nothing("No claim matches.", "Clear the filter to list all of them.")
        : nothing("There are no claims.", "A Pod gets one from its ResourceClaimTemplate, or you create a ResourceClaim.")];
    }
    const turn = (/** @type {number} */ by) => { this.start += by; this.render(); this.body.scrollTop = 0; };
    const shown = found.slice(this.start, end);
    return [table("Claims", ["Claim", "Devices", "Reserved for", "Allocated"], shown.map((claim) => [
      [h("span", { class: "strong" }, claim.name), " ", h("span", { class: "muted" }, claim.namespace), claim.assumed && h("span", { class: "tag" }, "assumed")],
      this.devices(claim),
      claim.reservedFor.length ? claim.reservedFor.flatMap((/** @type {any} */ pod) => [pod.resource === "pods" ? h("button", { type: "button", class: "link", "data-key": `${claim.namespace}/${claim.name} for ${pod.name}`, onclick: () => this.actions.openPod(claim.namespace, pod.name) }, pod.name) : `${pod.resource}/${pod.name}`, " "]) : h("span", { class: "faint" }, "nobody"),
      claim.allocation ? time(claim.allocation.allocationTimestamp) : h("span", { class: "faint" }, "not allocated"),
    ]), { keys: shown.map((claim) => `${claim.namespace}/${claim.name}`) }), found.length > PAGE && pager(this.start, PAGE, found.length, turn)];
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
