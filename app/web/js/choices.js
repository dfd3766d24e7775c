/** How the what-if places: policy or weights, replicas, all or nothing, preemption. */
import { fill, h } from "./dom.js";

const COMBINED = "*";

export class Choices {
  /**
   * @param {import("./scenario.js").Scenario} scenario
   * @param {() => void} chosen called after a choice
   */
  constructor(scenario, chosen) {
    this.scenario = scenario;
    const choose = (/** @type {Partial<import("./scenario.js").Choices>} */ change) => { scenario.choose(change); chosen(); };
    /** @type {{ name: string, summary: string, field: any }[]} */
    this.policies = [];
    /** The policy of the service. */
    this.usual = "";
    this.combining = false;
    this.policy = h("select", { id: "policy", onchange: () => choose({ policy: this.picked() }) });
    this.weights = h("fieldset", { class: "weights", hidden: true });
    this.weighed = () => choose({ policy: this.combination() });
    this.replicas = h("input", { id: "replicas", type: "number", min: "0", max: "1000", placeholder: "as in the manifest", onchange: () => choose({ replicas: this.replicas.value }) });
    this.together = h("input", { type: "checkbox", onchange: () => choose({ together: this.together.checked }) });
    this.preemption = h("input", { type: "checkbox", onchange: () => choose({ preemption: this.preemption.checked }) });
    this.element = h("div", { class: "choices" },
      h("div", { class: "pair" },
        h("label", { class: "field", for: "policy" }, "Policy", this.policy),
        h("label", { class: "field", for: "replicas" }, "Replicas", this.replicas)),
      this.weights,
      h("label", { class: "check" }, this.together, "All or nothing: place all Pods together"),
      h("label", { class: "check" }, this.preemption, "Show which Pods preemption would evict"));
  }

  /** @param {{ default: string, items: any[] }} policies */
  offer(policies) {
    this.usual = policies.default;
    this.policies = policies.items.map(({ name, summary }) => ({
      name, summary, field: h("input", { type: "number", min: "0", max: "1000", step: "any", placeholder: "0", onchange: this.weighed }),
    }));
    fill(this.policy, h("option", { value: "" }, `default (${policies.default})`),
      this.policies.map(({ name, summary }) => h("option", { value: name, title: summary }, name)),
      h("option", { value: COMBINED }, "with weights …"));
    fill(this.weights, h("legend", null, "Weights"),
      this.policies.map(({ name, summary, field }) => h("label", { class: "weight", title: summary }, h("span", null, name), field)));
    this.render();
  }

  /** The select has changed. */
  picked() {
    this.combining = this.policy.value === COMBINED;
    if (!this.combining) return this.policy.value;
    // Starts from what counted before.
    this.weigh(this.scenario.choices.policy || this.usual);
    return this.combination();
  }

  /** Puts a policy, or several, into the fields. @param {string} text */
  weigh(text) {
    const weights = Object.fromEntries(text.split(",").map((part) => {
      const [name, weight = "1"] = part.split("=");
      return [name.trim(), weight.trim()];
    }));
    for (const { name, field } of this.policies) field.value = weights[name] ?? "";
  }

  /** What the fields say: `binpack=1,spread=2`. */
  combination() {
    return this.policies.filter(({ field }) => Number(field.value) > 0).map(({ name, field }) => `${name}=${Number(field.value)}`).join(",");
  }

  /** Shows what is chosen: it may have come by the URL. */
  render() {
    const { policy, replicas, together, preemption } = this.scenario.choices;
    if (/[=,]/.test(policy)) {
      this.combining = true;
      this.weigh(policy);
    } else if (policy) this.combining = false;
    this.policy.value = this.combining ? COMBINED : policy;
    this.weights.hidden = !this.combining;
    this.replicas.value = replicas;
    this.together.checked = together;
    this.preemption.checked = preemption;
  }
}
