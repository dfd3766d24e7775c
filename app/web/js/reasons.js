/** Why Pods do not fit, put together: nodes that say the same are one group. */
import { fill, h, plural } from "./dom.js";

/**
 * Nodes by what they say, most frequent first.
 * @param {any[]} nodes verdicts of an explanation or a placement
 */
export function grouped(nodes) {
  /** @type {Map<string, { text: string, verdict: string, nodes: any[] }>} */
  const groups = new Map();
  for (const node of nodes) {
    if (node.verdict === "fits") continue;
    const text = node.headline || said(node);
    const group = groups.get(text) ?? { text, verdict: node.verdict, nodes: [] };
    group.nodes.push(node);
    groups.set(text, group);
  }
  return [...groups.values()].sort((one, other) => other.nodes.length - one.nodes.length || one.text.localeCompare(other.text));
}

const SHOWN = 100;
const TEXTS = 20;

/**
 * @param {any[]} nodes
 * @param {(name: string) => void} openNode
 */
export function reasonList(nodes, openNode) {
  const groups = grouped(nodes);
  if (!groups.length) return null;
  return h("ol", { class: "reasons" }, groups.map((group) => h("li", null,
    h("details", { ontoggle: (/** @type {Event} */ event) => expand(event, group.nodes, openNode) },
      h("summary", null, h("span", { class: "count" }, plural(group.nodes.length, "node")),
        group.verdict === "invalid" && h("span", { class: "tag bad" }, "wrong input"), h("span", { class: "said" }, group.text)),
      h("div", { class: "inside" })))));
}

/** Fills a group when it is opened: thousands of nodes are not made for nothing. @param {Event} event @param {any[]} nodes @param {(name: string) => void} openNode */
function expand(event, nodes, openNode) {
  const details = /** @type {HTMLDetailsElement} */ (event.target);
  const inside = /** @type {Element} */ (details.querySelector(".inside"));
  if (!details.open || inside.childElementCount) return;
  const groups = exactly(nodes);
  fill(inside, groups.slice(0, TEXTS).map(([text, some]) => h("div", { class: "exact" }, h("p", { class: "muted" }, text),
    h("p", { class: "names" }, some.slice(0, SHOWN).map((node) => h("button", { type: "button", class: "link", onclick: () => openNode(node.name) }, node.name)),
      some.length > SHOWN ? ` and ${some.length - SHOWN} more` : null))),
  groups.length > TEXTS && h("p", { class: "faint" }, `and ${groups.length - TEXTS} other texts`));
}

/** All that a node says, with counts. @param {any} node */
function said(node) {
  return node.reasons.map((/** @type {any} */ reason) => reason.message).join("; ") || "its devices cannot meet all claims together";
}

/** Nodes by what they say in full. @param {any[]} nodes @returns {[string, any[]][]} */
function exactly(nodes) {
  /** @type {Map<string, any[]>} */
  const groups = new Map();
  for (const node of nodes) groups.set(said(node), [...(groups.get(said(node)) ?? []), node]);
  return [...groups].sort(([, one], [, other]) => other.length - one.length);
}

/** The smallest changes that would make it fit. @param {any} explanation */
export function nearMisses(explanation) {
  const misses = explanation.nearMisses ?? [];
  if (!misses.length) return null;
  return h("div", { class: "near" }, h("h3", null, "It would fit …"), h("ul", null, misses.map((/** @type {any} */ miss) =>
    h("li", null, miss.text))));
}
