/** Policies side by side: the same what-if under each of them. */
import { get, post } from "./api.js";
import { fill, h, plural } from "./dom.js";
import { table } from "./parts.js";
import { devicesOf } from "./scenario.js";
import { loading, trouble } from "./states.js";

const SHOWN = 200;

export class CompareDialog {
  /** @param {import("./scenario.js").Scenario} scenario */
  constructor(scenario) {
    this.scenario = scenario;
    this.body = h("div", { class: "fill" });
    this.element = h("dialog", { class: "wide", "aria-labelledby": "compare-title" },
      h("header", { class: "panel-head" }, h("h2", { id: "compare-title" }, "Comparison of policies"),
        h("button", { type: "button", class: "icon", "aria-label": "Close", onclick: () => this.element.close() }, "✕")),
      this.body);
  }

  async open() {
    const chosen = this.scenario.choices.policy;
    if (!this.element.open) this.element.showModal();
    fill(this.body, loading("Placing with each policy…"));
    try {
      const named = /** @type {any[]} */ ((await get("/api/v1/policies")).items);
      const policies = !chosen || named.some(({ name }) => name === chosen) ? named : [{ name: chosen, summary: "As selected." }, ...named];
      // One after another: dry runs leave room for the webhooks.
      const answers = [];
      for (const policy of policies) answers.push(await post("/api/v1/placements", this.scenario.request(policy.name)));
      fill(this.body, ...this.compared(policies, answers));
    } catch (error) {
      fill(this.body, trouble(error, { retry: () => this.open() }));
    }
  }

  /** @param {any[]} policies @param {any[]} answers */
  compared(policies, answers) {
    const heads = ["Policy", ...policies.map((policy) => policy.name)];
    const best = Math.max(...answers.map((answer) => answer.placed));
    const pods = answers[0].pods.slice(0, SHOWN);
    const placed = (/** @type {any} */ answer) => h("span", { class: answer.placed === best ? "strong good" : "strong" }, `${answer.placed} of ${answer.placed + answer.unplaced}`);
    const rows = pods.map((/** @type {any} */ pod, /** @type {number} */ at) => {
      const cells = answers.map((answer) => answer.pods[at]);
      const same = cells.every((cell) => cell?.node === cells[0]?.node);
      return [`${pod.namespace}/${pod.name}`, ...cells.map((cell) => this.cell(cell, !same))];
    });
    return [
      table("Policies", heads, [
        ["What it does", ...policies.map((policy) => h("span", { class: "muted" }, policy.summary))],
        ["Pods placed", ...answers.map(placed)],
        ["Nodes used", ...answers.map((answer) => String(new Set(answer.pods.map((/** @type {any} */ pod) => pod.node).filter(Boolean)).size))],
        ["Devices allocated", ...answers.map((answer) => String(new Set(answer.pods.flatMap((/** @type {any} */ pod) => (pod.node === null ? [] : devicesOf(pod)))).size))],
        ...rows,
      ], { compared: true }),
      h("p", { class: "faint small" }, `${plural(answers[0].pods.length, "Pod")}. Nodes are marked where policies differ.`),
    ];
  }

  /** @param {any} pod @param {boolean} differs */
  cell(pod, differs) {
    if (!pod || pod.node === null) return h("span", { class: "tag bad", title: pod?.summary }, "not placed");
    return [h("span", { class: differs ? "differs" : null }, pod.node), h("span", { class: "muted" }, ` ${devicesOf(pod).map((key) => key.split("/").at(-1)).join(", ")}`)];
  }
}
