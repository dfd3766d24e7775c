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
    this.body = h("div", { class: "fill" });
    this.count = h("p", { class: "muted", role: "status" });
    this.element = h("section", { class: "page", "aria-label": "Decisions", hidden: true },
      h("div", { class: "tools" },
        h("input", { type: "search", "aria-label": "Filter decisions", placeholder: "Filter by Pod, node, outcome or reason", oninput: (/** @type {any} */ event) => { this.filter = event.target.value.toLowerCase(); this.render(); } }),
        this.count),
      this.body);
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
    const found = this.items.filter((item) => `${item.namespace}/${item.name} ${item.verb} ${item.outcome} ${item.node ?? ""} ${item.summary}`.toLowerCase().includes(this.filter));
    this.count.textContent = this.items.length ? plural(found.length, "decision") : "";
    if (!found.length) {
      fill(this.body, this.items.length ? nothing("No decision matches.", "")
        : nothing("There are no decisions yet.", "This list shows the last thousand filters, binds and preemptions of this process."));
      return;
    }
    fill(this.body, table("Decisions", ["Time", "Pod", "Call", "Outcome", "Reason"], found.map((item) => [
      [time(item.at), item.times > 1 && h("span", { class: "muted", title: `first ${item.first}` }, ` ${item.times} times`)],
      [h("button", { type: "button", class: "link", "data-key": `${item.namespace}/${item.name} ${item.verb} ${item.first}`, onclick: () => this.actions.openPod(item.namespace, item.name) }, item.name), " ", h("span", { class: "muted" }, item.namespace)],
      item.verb,
      h("span", { class: `tag ${TAGS[item.outcome]}` }, item.outcome),
      [item.node && h("button", { type: "button", class: "link", onclick: () => this.actions.openNode(item.node) }, item.node), " ", item.summary, item.seconds > 0 && h("span", { class: "faint" }, ` ${(item.seconds * 1000).toFixed(1)} ms`)],
    ])), this.next && h("p", { class: "pad" }, h("button", { type: "button", onclick: () => this.more() }, "Older")));
  }
}
