/** The panel of the what-if, beside the map: what to place, what to change, and what would come of it. */
import { Choices } from "./choices.js";
import { fill, h, plural } from "./dom.js";
import { MoreNodes } from "./morenodes.js";
import { movesCard } from "./moves.js";
import { podCard } from "./podcard.js";
import { loading, trouble } from "./states.js";
import { inWords } from "./step.js";

const SHOWN = 100;
/** Pixels below the headline in which what follows it can be seen. */
const REST = 120;

export class WhatIfPanel {
  /**
   * @param {import("./scenario.js").Scenario} scenario
   * @param {{ openDevice: (key: string) => void, openNode: (name: string) => void, openClaim: (name: string) => void, compare: () => void, showPlaced: () => void, announce: (text: string) => void, nodes: () => Map<string, any> }} actions
   */
  constructor(scenario, actions) {
    this.scenario = scenario;
    this.actions = actions;
    this.text = h("textarea", { id: "manifests", rows: "7", spellcheck: "false", "aria-describedby": "manifests-hint",
      placeholder: "Paste Pods, Jobs, Deployments …\nwith their claims, templates and classes" });
    this.file = h("input", { type: "file", multiple: true, accept: ".yaml,.yml,.json", class: "unseen", tabindex: "-1", "aria-label": "Manifest files", onchange: () => this.files(this.file.files) });
    this.read = h("div");
    this.choices = new Choices(scenario, () => this.place());
    this.nodes = new MoreNodes(() => [...actions.nodes().keys()].filter((name) => name !== "*"), (like, count) => this.moreNodes(like, count));
    this.more = h("button", { type: "button", title: "How many more Pods of the first workload fit", onclick: () => this.count() }, "How many more?");
    this.moves = h("button", { type: "button", title: "The fewest running Pods to move so that all of these fit", onclick: () => this.plan() }, "Which Pods to move?");
    this.steps = h("div");
    this.result = h("div", { class: "result" });
    this.undo = h("button", { type: "button", title: "Undo the last change (u)", onclick: () => this.back() }, "Undo");
    this.clear = h("button", { type: "button", onclick: () => { scenario.clear(); } }, "Clear");
    this.again = h("button", { type: "button", onclick: async () => { await this.place(); this.reveal(); } }, "Place again");
    this.compare = h("button", { type: "button", onclick: () => actions.compare() }, "Compare policies");
    const form = h("div", { class: "whatif-form" },
      h("header", { class: "panel-head" }, h("div", null, h("p", { class: "kind" }, "Nothing is written"), h("h2", { tabindex: "-1" }, "What if …"))),
      h("label", { class: "field", for: "manifests" }, "Manifests to create"),
      this.text,
      h("p", { id: "manifests-hint", class: "faint small" }, "YAML or JSON. You can drop files anywhere on the page."),
      h("div", { class: "buttons" },
        h("button", { type: "button", class: "primary", onclick: () => this.add(this.text.value) }, "Place"),
        h("button", { type: "button", onclick: () => this.file.click() }, "Open files"), this.file),
      this.read,
      this.nodes.element,
      this.steps,
      this.choices.element,
      h("div", { class: "buttons" }, this.undo, this.clear, this.again, this.compare, this.more, this.moves));
    this.element = h("section", { class: "panel-body whatif", "aria-label": "What if" }, form, this.result);
    scenario.addEventListener("change", () => this.render());
    this.render();
  }

  /** @param {{ default: string, items: any[] }} policies */
  offer(policies) {
    this.choices.offer(policies);
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
      this.reveal();
    } catch (error) {
      fill(this.read, source && h("p", { class: "strong" }, source), trouble(error, { retry: () => this.add(text, source) }));
    }
  }

  /** Puts an object back into the field, to be changed and placed again. @param {import("./step.js").Item} item */
  edit(item) {
    this.text.value = JSON.stringify(item.object, null, 2);
    this.text.rows = 14;
    this.scenario.remove(item);
    this.text.focus();
    this.text.setSelectionRange(0, 0);
    this.actions.announce(`${item.kind} ${item.name} can be edited`);
  }

  /** @param {Iterable<File> | null} files */
  async files(files) {
    for (const file of files ?? []) await this.add(await file.text(), file.name);
    this.file.value = "";
  }

  /** @param {string} like @param {number} count */
  async moreNodes(like, count) {
    this.scenario.more(like, this.scenario.moreLike(like) + count);
    await this.place();
  }

  async place() {
    await this.scenario.run();
    const { answer } = this.scenario;
    if (answer) this.actions.announce(`${answer.placed} of ${plural(answer.placed + answer.unplaced, "Pod")} placed`);
  }

  /** Brings what came of it into view, if it is further down: on a phone, the form fills the panel. */
  reveal() {
    const [head] = this.result.children, panel = this.element.parentElement;
    if (!head || !panel || head.getBoundingClientRect().bottom < panel.getBoundingClientRect().bottom - REST) return;
    head.scrollIntoView({ block: "center" });
  }

  async count() {
    await this.scenario.count();
    const { room } = this.scenario;
    if (room) this.actions.announce(roomText(room));
  }

  async plan() {
    await this.scenario.plan();
    const { moves } = this.scenario;
    if (moves) this.actions.announce(moves.text);
  }

  async back() {
    this.scenario.undo();
    await this.place();
  }

  render() {
    const { scenario } = this;
    const { items, drained, tainted, added, removed } = scenario.step;
    this.undo.disabled = !scenario.before.length;
    this.clear.disabled = scenario.empty;
    this.again.disabled = this.compare.disabled = !scenario.placeable || scenario.busy;
    this.moves.disabled = scenario.busy || !scenario.answer?.unplaced;
    this.more.disabled = !scenario.workloads.length || scenario.busy;
    const change = (/** @type {string} */ text, /** @type {string} */ role, /** @type {() => void} */ remove, /** @type {(() => void) | null} */ edit = null) => h("li", null,
      h("span", { class: "tag" }, role), h("span", { class: "ellipsis grow", title: text }, text),
      edit && h("button", { type: "button", class: "link", "aria-label": `Edit ${text}`, onclick: edit }, "edit"),
      h("button", { type: "button", class: "icon", "aria-label": `Remove ${text}`, onclick: async () => { remove(); await this.place(); } }, "✕"));
    /** @type {Record<string, string>} */
    const roles = { workload: "place", object: "add", ignored: "ignored" };
    const changes = Object.values(scenario.step).reduce((sum, list) => sum + list.length, 0);
    this.choices.render();
    const open = this.steps.querySelector("details")?.open ?? changes < 4;
    this.text.rows = this.text.value ? 14 : items.length ? 3 : 7;
    fill(this.steps, changes ? h("details", { class: "read", open }, h("summary", null, counted(scenario.step)), h("ul", { class: "changes" },
      items.map((item) => change(`${item.kind} ${item.namespace ? `${item.namespace}/` : ""}${item.name}`, roles[item.role], () => scenario.remove(item), () => this.edit(item))),
      added.map(({ like, count }) => change(`${plural(count, "Node")} like ${like}`, "add", () => scenario.more(like, 0))),
      drained.map((name) => change(`Node ${name}`, "drain", () => scenario.drain(name))),
      tainted.map((key) => change(`Device ${key}`, "taint", () => scenario.taint(key))),
      removed.map((key) => change(`ResourceClaim ${key}`, "release", () => scenario.free([key]))))) : null);
    fill(this.result, ...this.outcome());
  }

  outcome() {
    const { scenario } = this;
    if (scenario.busy) return [loading("Evaluating all nodes…")];
    if (scenario.error) return [trouble(scenario.error, { retry: () => this.place() })];
    const { answer, room, moves } = scenario;
    if (scenario.note) return [h("p", { class: "muted" }, scenario.note)];
    if (!answer) {
      return [h("p", { class: "faint" }, scenario.placeable ? "Not placed yet." : "Add a workload to see where its Pods would go. Nodes can be added, drained, and devices tainted or freed from the map.")];
    }
    const total = answer.placed + answer.unplaced;
    return [
      h("p", { class: `headline ${answer.unplaced || !answer.complete ? "bad" : "good"}` }, `${answer.placed} of ${plural(total, "Pod")} placed`),
      answer.placed > 0 && h("div", { class: "buttons" }, h("button", { type: "button", title: "On the map; again: all devices", onclick: () => this.actions.showPlaced() }, "Show only these devices")),
      answer.gang && h("p", { class: "muted" }, answer.gang.text),
      ...answer.notes.map((/** @type {string} */ note) => h("p", { class: "muted" }, note)),
      room && h("p", { class: "card" }, h("span", { class: "strong" }, roomText(room)), room.summary && h("span", { class: "muted" }, ` ${room.summary}`)),
      moves && movesCard(moves, this.actions),
      !answer.complete && h("p", { class: "error" }, "The time limit was reached before the last Pod."),
      h("ol", { class: "placed" }, answer.pods.slice(0, SHOWN).map((/** @type {any} */ pod) => this.card(pod))),
      answer.pods.length > SHOWN && h("p", { class: "faint" }, `${answer.pods.length - SHOWN} more Pods.`),
    ].filter(Boolean);
  }

  /** @param {any} pod */
  card(pod) {
    return podCard(pod, {
      ...this.actions,
      isThere: (name) => this.actions.nodes().has(name),
      free: async (claims) => { this.scenario.free(claims); await this.place(); },
    });
  }
}

/** @param {import("./step.js").Step} step */
function counted(step) {
  const place = step.items.filter((item) => item.role === "workload").length, beside = step.items.length - place;
  return [place && `${plural(place, "workload")} to place`, beside && `${plural(beside, "other object")}`, ...inWords(step)].filter(Boolean).join(", ");
}

/** @param {any} room */
function roomText(room) {
  const nodes = plural(room.nodes.length, "node");
  return room.fits ? `${room.capped ? "At least " : ""}${room.fits} more ${room.fits === 1 ? "fits" : "fit"}, on ${nodes}.` : "No more fit.";
}
