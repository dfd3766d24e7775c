/** Recent decisions: each filter, bind and preemption, newest first. */
import { get } from "./api.js";
import { h, plural, time } from "./dom.js";
import { nothing, table } from "./parts.js";
import { Reading } from "./reading.js";
import { renew, write } from "./renew.js";
import { loading, trouble } from "./states.js";

const PAGE = 200;
/** @type {Record<string, string>} */
const TAGS = { passed: "good", bound: "good", refused: "warn", failed: "bad", evicted: "bad", useless: "" };

export class DecisionsView {
  /** @param {{ openPod: (namespace: string, name: string) => void, openNode: (name: string) => void }} actions */
  constructor(actions) {
    this.actions = actions;
    /** How many pages are shown. */
    this.pages = 1;
    this.newest = 0;
    this.last = -1;
    this.reading = new Reading(() => this.read(), () => this.render(), () => !this.element.hidden);
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
    this.newest = last;
    if (this.element.hidden) return;
    this.render();
    if (last !== this.last || this.reading.error) await this.reading.read();
  }

  /** The next refresh reads, also without news. */
  outdate() {
    this.last = -1;
  }

  /** As many pages as are shown: a new decision does not fold the older ones away. */
  async read() {
    const { newest, pages } = this;
    /** @type {any} */
    let page = await get("/api/v1/decisions", { limit: PAGE });
    const items = [...page.items];
    for (let more = 1; more < pages && page.next; more += 1) {
      page = await get("/api/v1/decisions", { limit: PAGE, cursor: page.next });
      items.push(...page.items);
    }
    this.last = newest;
    return { items, next: page.next, decides: page.decides };
  }

  async more() {
    this.pages += 1;
    await this.reading.read();
  }

  render() {
    if (this.element.hidden) return;
    const { data, error, at } = this.reading;
    const problem = error && trouble(error, { retry: () => this.reading.read(), since: at });
    if (!data) {
      write(this.count, "");
      renew(this.body, problem || loading("Reading decisions…"));
      return;
    }
    renew(this.body, problem, ...this.listed(data));
  }

  /** @param {{ items: any[], next: string | null, decides: boolean }} page */
  listed({ items, next, decides }) {
    const found = items.filter((item) => `${item.namespace}/${item.name} ${item.verb} ${item.outcome} ${item.node ?? ""} ${item.summary}`.toLowerCase().includes(this.filter)
      && (!this.verb || item.verb === this.verb) && (!this.outcome || item.outcome === this.outcome));
    write(this.count, items.length ? plural(found.length, "decision") : "");
    if (!found.length) {
      const older = next && this.older();
      if (items.length) return [nothing("No decision matches.", "Clear the filters to list all of them."), older];
      return [decides ? nothing("There are no decisions yet.", "This list shows the last thousand filters, binds and preemptions of this process. Create a Pod that names the scheduler.")
        : nothing("This process decides nothing.", "Another one answers kube-scheduler, and keeps the list. For the reasons of a pending Pod, see Pods.")];
    }
    return [table("Decisions", ["Time", "Pod", "Call", "Outcome", "Node", "Reason", "Latency"], found.map((item) => [
      [time(item.at), item.times > 1 && h("span", { class: "muted", title: `first ${item.first}` }, ` ${item.times} times`)],
      [h("button", { type: "button", class: "link", "data-key": `${item.namespace}/${item.name} ${item.verb} ${item.first}`, onclick: () => this.actions.openPod(item.namespace, item.name) }, item.name), " ", h("span", { class: "muted" }, item.namespace)],
      item.verb,
      h("span", { class: `tag ${TAGS[item.outcome]}` }, item.outcome),
      item.node ? h("button", { type: "button", class: "link", "data-key": `${item.namespace}/${item.name} ${item.verb} ${item.first} node`, onclick: () => this.actions.openNode(item.node) }, item.node) : "",
      item.summary,
      item.seconds > 0 ? h("span", { class: "latency" }, `${(item.seconds * 1000).toFixed(1)} ms`) : "",
    ])), next && this.older()];
  }

  older() {
    return h("p", { class: "pad" }, h("button", { type: "button", "data-key": "older", onclick: () => this.more() }, "Older"));
  }
}
