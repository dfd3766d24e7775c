/** The panel of the what-if, beside the map: what to place, what to change, and what would come of it. */
import { fill, h, plural } from "./dom.js";
import { failure } from "./parts.js";
import { nearMisses, reasonList } from "./reasons.js";
import { devicesOf } from "./scenario.js";

const SHOWN = 100;

export class WhatIfPanel {
  /**
   * @param {import("./scenario.js").Scenario} scenario
   * @param {{ openDevice: (key: string) => void, openNode: (name: string) => void, compare: () => void, announce: (text: string) => void }} actions
   */
  constructor(scenario, actions) {
    this.scenario = scenario;
    this.actions = actions;
    this.text = h("textarea", { id: "manifests", rows: "7", spellcheck: "false", "aria-describedby": "manifests-hint",
      placeholder: "Paste Pods, Jobs, Deployments …\nwith their claims, templates and classes" });
    this.file = h("input", { type: "file", multiple: true, accept: ".yaml,.yml,.json", class: "unseen", tabindex: "-1", "aria-label": "Manifest files", onchange: () => this.files(this.file.files) });
    this.read = h("div");
    this.policy = h("select", { id: "policy", onchange: () => { scenario.policy = this.policy.value; this.place(); } });
    this.replicas = h("input", { id: "replicas", type: "number", min: "0", max: "1000", placeholder: "as written", onchange: () => { scenario.replicas = this.replicas.value; this.place(); } });
    this.together = h("input", { type: "checkbox", onchange: () => { scenario.together = this.together.checked; this.place(); } });
    this.more = h("button", { type: "button", title: "How many of the first workload's Pods fit beside what is there", onclick: () => this.count() }, "How many more?");
    this.steps = h("div");
    this.result = h("div", { class: "result" });
    this.undo = h("button", { type: "button", title: "Undo the last change (u)", onclick: () => this.back() }, "Undo");
    this.clear = h("button", { type: "button", onclick: () => { scenario.clear(); } }, "Clear");
    this.again = h("button", { type: "button", onclick: () => this.place() }, "Place again");
    this.compare = h("button", { type: "button", onclick: () => actions.compare() }, "Compare policies");
    this.element = h("section", { class: "panel-body whatif", "aria-label": "What if" },
      h("header", { class: "panel-head" }, h("div", null, h("p", { class: "kind" }, "Nothing is written"), h("h2", { tabindex: "-1" }, "What if …"))),
      h("label", { class: "field", for: "manifests" }, "these were created"),
      this.text,
      h("p", { id: "manifests-hint", class: "faint small" }, "YAML or JSON; files can be dropped anywhere on the page."),
      h("div", { class: "buttons" },
        h("button", { type: "button", class: "primary", onclick: () => this.add(this.text.value) }, "Place"),
        h("button", { type: "button", onclick: () => this.file.click() }, "Open files"), this.file),
      this.read,
      this.steps,
      h("div", { class: "pair" },
        h("label", { class: "field", for: "policy" }, "Policy", this.policy),
        h("label", { class: "field", for: "replicas" }, "Replicas", this.replicas)),
      h("label", { class: "check" }, this.together, "All or nothing: a place for all Pods together"),
      h("div", { class: "buttons" }, this.undo, this.clear, this.again, this.compare, this.more),
      this.result);
    scenario.addEventListener("change", () => this.render());
    this.render();
  }

  /** @param {{ default: string, items: any[] }} policies */
  offer(policies) {
    fill(this.policy, h("option", { value: "" }, `default (${policies.default})`),
      policies.items.map((item) => h("option", { value: item.name, title: item.summary }, item.name)));
    this.policy.value = this.scenario.policy;
  }

  /** @param {string} text @param {string} [source] */
  async add(text, source = "") {
    if (!text.trim()) return this.place();
    fill(this.read);
    try {
      const count = await this.scenario.add(text);
      this.text.value = "";
      this.actions.announce(`${plural(count, "object")} read`);
      await this.place();
    } catch (error) {
      fill(this.read, failure(`${source ? `${source}: ` : ""}${error.message}${error.path ? ` (${error.path})` : ""}`));
    }
  }

  /** @param {Iterable<File> | null} files */
  async files(files) {
    for (const file of files ?? []) await this.add(await file.text(), file.name);
    this.file.value = "";
  }

  async place() {
    await this.scenario.run();
    const { answer } = this.scenario;
    if (answer) this.actions.announce(`${answer.placed} of ${plural(answer.placed + answer.unplaced, "Pod")} placed`);
  }

  async count() {
    await this.scenario.count();
    const { room } = this.scenario;
    if (room) this.actions.announce(roomText(room));
  }

  async back() {
    this.scenario.undo();
    await this.place();
  }

  render() {
    const { scenario } = this;
    const { items, drained, tainted } = scenario.step;
    this.undo.disabled = !scenario.before.length;
    this.clear.disabled = scenario.empty;
    this.again.disabled = this.compare.disabled = !scenario.placeable || scenario.busy;
    this.more.disabled = !scenario.workloads.length || scenario.busy;
    const change = (/** @type {string} */ text, /** @type {string} */ role, /** @type {() => void} */ remove) => h("li", null,
      h("span", { class: "tag" }, role), h("span", { class: "ellipsis grow", title: text }, text),
      h("button", { type: "button", class: "icon", "aria-label": `Take ${text} out`, onclick: async () => { remove(); await this.place(); } }, "✕"));
    /** @type {Record<string, string>} */
    const roles = { workload: "place", object: "assume", ignored: "ignored" };
    const changes = items.length + drained.length + tainted.length;
    const open = this.steps.querySelector("details")?.open ?? changes < 4;
    this.text.rows = items.length ? 3 : 7;
    fill(this.steps, changes ? h("details", { class: "read", open }, h("summary", null, counted(items, drained, tainted)), h("ul", { class: "changes" },
      items.map((item) => change(`${item.kind} ${item.namespace ? `${item.namespace}/` : ""}${item.name}`, roles[item.role], () => scenario.remove(item))),
      drained.map((name) => change(`Node ${name}`, "drain", () => scenario.drain(name))),
      tainted.map((key) => change(`Device ${key}`, "taint", () => scenario.taint(key))))) : null);
    fill(this.result, ...this.outcome());
  }

  outcome() {
    const { scenario } = this;
    if (scenario.busy) return [h("p", { class: "faint" }, "Asking every node…")];
    if (scenario.error) return [failure(scenario.error)];
    const { answer, room } = scenario;
    if (scenario.note) return [h("p", { class: "muted" }, scenario.note)];
    if (!answer) {
      return [h("p", { class: "faint" }, scenario.placeable ? "Not placed yet." : "Add a workload to see where its Pods would go. Nodes can be drained and devices tainted from the map.")];
    }
    const total = answer.placed + answer.unplaced;
    return [
      h("p", { class: `headline ${answer.unplaced || !answer.complete ? "bad" : "good"}` }, `${answer.placed} of ${plural(total, "Pod")} placed`),
      answer.gang && h("p", { class: "muted" }, answer.gang.text),
      room && h("p", { class: "card" }, h("span", { class: "strong" }, roomText(room)), room.summary && h("span", { class: "muted" }, ` ${room.summary}`)),
      !answer.complete && h("p", { class: "error" }, "Time was up before the last Pod."),
      h("ol", { class: "placed" }, answer.pods.slice(0, SHOWN).map((/** @type {any} */ pod) => this.pod(pod))),
      answer.pods.length > SHOWN && h("p", { class: "faint" }, `${answer.pods.length - SHOWN} more Pods.`),
    ].filter(Boolean);
  }

  /** @param {any} pod */
  pod(pod) {
    const name = h("p", { class: "line" }, h("span", { class: "strong ellipsis" }, pod.name), h("span", { class: "muted" }, pod.namespace),
      pod.node === null ? h("span", { class: "tag bad" }, "not placed") : h("span", { class: "tag good" }, "placed"),
      pod.evictedFrom && h("span", { class: "tag" }, `from ${pod.evictedFrom}`));
    if (pod.node === null) return h("li", { class: "card" }, name, h("p", { class: "said" }, pod.summary), nearMisses(pod), reasonList(pod.nodes, this.actions.openNode));
    const keys = devicesOf(pod);
    return h("li", { class: "card" }, name, h("p", null, "on ", h("button", { type: "button", class: "link", onclick: () => this.actions.openNode(pod.node) }, pod.node),
      keys.length ? " with " : "", keys.map((key, at) => [at ? ", " : "", h("button", { type: "button", class: "link", title: key, onclick: () => this.actions.openDevice(key) }, key.split("/").slice(-1)[0])]).flat(),
      h("span", { class: "faint" }, pod.score === null ? "" : ` · score ${pod.score}`)));
  }
}

/** @param {any[]} items @param {string[]} drained @param {string[]} tainted */
function counted(items, drained, tainted) {
  const place = items.filter((item) => item.role === "workload").length;
  return [
    place && `${place} to place`, items.length - place && `${items.length - place} beside`,
    drained.length && `${drained.length} drained`, tainted.length && `${tainted.length} tainted`,
  ].filter(Boolean).join(", ");
}

/** @param {any} room */
function roomText(room) {
  const nodes = plural(room.nodes.length, "node");
  return room.fits ? `${room.capped ? "At least " : ""}${room.fits} more ${room.fits === 1 ? "fits" : "fit"}, on ${nodes}.` : "No more fit.";
}
