/** The bar above the map while there is a what-if. */
import { h, plural } from "./dom.js";
import { renew } from "./renew.js";
import { inWords } from "./step.js";

/** The search for what the what-if placed. */
export const PLACED = "whatif:placed";

export class PlanBar {
  /**
   * @param {import("./scenario.js").Scenario} scenario
   * @param {{ back: () => void, open: () => void, showPlaced: () => void, placed: () => number, query: () => string }} actions
   */
  constructor(scenario, actions) {
    this.scenario = scenario;
    this.actions = actions;
    this.element = h("div", { class: "plan-bar", hidden: true });
  }

  /** @param {boolean} shown */
  render(shown) {
    const { scenario, actions } = this;
    const { answer, step, busy } = scenario;
    this.element.hidden = scenario.empty || !shown;
    const parts = [
      answer && `${answer.placed} of ${plural(answer.placed + answer.unplaced, "Pod")} placed`,
      busy && "placing…",
      ...inWords(step),
    ].filter(Boolean);
    renew(this.element, h("span", { class: "strong" }, "What if"), h("span", { class: "grow" }, parts.join(" · ") || "nothing to place yet"),
      actions.placed() > 0 && h("button", { type: "button", "data-key": "placed", onclick: () => actions.showPlaced() }, actions.query() === PLACED ? "Show all devices" : "Show only these devices"),
      h("button", { type: "button", "data-key": "undo", onclick: () => actions.back(), disabled: !scenario.before.length }, "Undo"),
      h("button", { type: "button", "data-key": "clear", onclick: () => scenario.clear() }, "Clear"),
      h("a", { href: "#/whatif", class: "button", onclick: (/** @type {Event} */ event) => { event.preventDefault(); actions.open(); } }, "Open"));
  }
}
