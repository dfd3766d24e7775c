/** Recent decisions: each filter, bind and preemption, newest first. */
import { get } from "./api.js";
import { fill, h, plural, time } from "./dom.js";
import { failure, nothing, table } from "./parts.js";

const PAGE = 200;
/** @type {Record<string, string>} */
const TAGS = { passed: "good", bound: "good", refused: "warn", failed: "bad", evicted: "bad", useless: "" };

export class DecisionsView {
  /** @param {{ openPod: (namespace: string, name: string) => void, openNode: (name: string) => void }} actions */
  constructor(actions) {
    this.actions = actions;
    this.items = /** @type {any[]} */ ([]);
    this.next = /** @type {string | null} */ (null);
    this.last = -1;
    this.filter = "";
    this.outcome = "";
    this.verb = "";
    this.body = h("div", { class: "fill" });
    this.count = h("p", { class: "muted", role: "status" });
    this.element = h("section", { class: "page decisions", "aria-label": "Decisions", hidden: true },
      h("div", { class: "tools" },
        h("input", { type: "search", "aria-label": "Filter decisions", placeholder: "Filter by Pod, node, outcome or reason", oninput: (/** @type {any} */ event) => { this.filter = event.target.value.toLowerCase(); this.render(); } }),
        this.choice("Calls", "all calls", ["filter", "bind", "preempt"], (value) => { this.verb = value; }),
        this.choice("Outcomes", "all outcomes", Object.keys(TAGS), (value) => { this.outcome = value; }),
        this.count),
      this.body);
  }

  /** @param {string} label @param {string} all @param {string[]} values @param {(value: string) => void} take */
  choice(label, all, values, take) {
    return h("select", { "aria-label": label, onchange: (/** @type {any} */ event) => { take(event.target.value); this.render(); } },
      h("option", { value: "" }, all), values.map((value) => h("option", { value }, value)));
  }

  /** @param {number} last number of the newest decision */
  async refresh(last) {
    if (this.element.hidden || last === this.last) return;
    try {
      const page = await get("/api/v1/decisions", { limit: PAGE });
      this.last = last;
      this.items = page.items;
      this.next = page.next;
      this.render();
    } catch (error) {
      fill(this.body, failure(error.message));
    }
  }

  async more() {
    const page = await get("/api/v1/decisions", { limit: PAGE, cursor: this.next ?? "" });
    this.items = [...this.items, ...page.items];
    this.next = page.next;
    this.render();
  }

  render() {
    const found = this.items.filter((item) => `${item.namespace}/${item.name} ${item.verb} ${item.outcome} ${item.node ?? ""} ${item.summary}`.toLowerCase().includes(this.filter)
      && (!this.verb || item.verb === this.verb) && (!this.outcome || item.outcome === this.outcome));
    this.count.textContent = this.items.length ? plural(found.length, "decision") : "";
    if (!found.length) {
      fill(this.body, this.items.length ? nothing("No decision matches.", "")
        : nothing("There are no decisions yet.", "This list shows the last thousand filters, binds and preemptions of this process."));
      return;
    }
    fill(this.body, table("Decisions", ["Time", "Pod", "Call", "Outcome", "Node", "Reason", "Latency"], found.map((item) => [
      [time(item.at), item.times > 1 && h("span", { class: "muted", title: `first ${item.first}` }, ` ${item.times} times`)],
      [h("button", { type: "button", class: "link", "data-key": `${item.namespace}/${item.name} ${item.verb} ${item.first}`, onclick: () => this.actions.openPod(item.namespace, item.name) }, item.name), " ", h("span", { class: "muted" }, item.namespace)],
      item.verb,
      h("span", { class: `tag ${TAGS[item.outcome]}` }, item.outcome),
      item.node ? h("button", { type: "button", class: "link", onclick: () => this.actions.openNode(item.node) }, item.node) : "",
      item.summary,
      item.seconds > 0 ? h("span", { class: "latency" }, `${(item.seconds * 1000).toFixed(1)} ms`) : "",
    ])), this.next && h("p", { class: "pad" }, h("button", { type: "button", onclick: () => this.more() }, "Older")));
  }
}
