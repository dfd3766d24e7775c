/** Why Pods do not fit, put together: nodes that say the same are one group. */
import { fill, h, plural } from "./dom.js";
import { evidence } from "./evidence.js";

/** @typedef {{ openNode: (name: string) => void, openClaim: (name: string) => void, free?: (claims: string[]) => void }} Actions */

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
  return [...groups.values()].toSorted((one, other) => other.nodes.length - one.nodes.length || one.text.localeCompare(other.text));
}

const SHOWN = 100;
const TEXTS = 20;

/**
 * @param {any[]} nodes
 * @param {Actions} actions
 */
export function reasonList(nodes, actions) {
  const groups = grouped(nodes);
  if (!groups.length) return null;
  return h("ol", { class: "reasons" }, groups.map((group) => h("li", null,
    h("details", { ontoggle: (/** @type {Event} */ event) => expand(event, group.nodes, actions) },
      h("summary", null, h("span", { class: "count" }, plural(group.nodes.length, "node")),
        group.verdict === "invalid" && h("span", { class: "tag bad" }, "invalid input"), h("span", { class: "said" }, group.text)),
      h("div", { class: "inside" })))));
}

/** Fills a group when it is opened: thousands of nodes are not made for nothing. @param {Event} event @param {any[]} nodes @param {Actions} actions */
function expand(event, nodes, actions) {
  const details = /** @type {HTMLDetailsElement} */ (event.target);
  const inside = /** @type {Element} */ (details.querySelector(".inside"));
  if (!details.open || inside.childElementCount) return;
  const groups = exactly(nodes);
  fill(inside, groups.slice(0, TEXTS).map(([text, some]) => h("div", { class: "exact" }, h("p", null, text),
    // What they say in full is the same, and so is what stands behind it.
    some[0].reasons.map((/** @type {any} */ reason) => evidence(reason, actions.openClaim)),
    h("p", { class: "names" }, some.slice(0, SHOWN).map((node) => h("button", { type: "button", class: "link", onclick: () => actions.openNode(node.name) }, node.name)),
      some.length > SHOWN ? ` and ${some.length - SHOWN} more` : null))),
  groups.length > TEXTS && h("p", { class: "faint" }, `and ${groups.length - TEXTS} other reasons`));
}

/** All reasons of a node, with counts. @param {any} node */
function said(node) {
  return node.reasons.map((/** @type {any} */ reason) => reason.message).join("; ") || "its devices cannot satisfy all claims together";
}

/** Nodes by what they say in full. @param {any[]} nodes @returns {[string, any[]][]} */
function exactly(nodes) {
  /** @type {Map<string, any[]>} */
  const groups = new Map();
  for (const node of nodes) groups.set(said(node), [...(groups.get(said(node)) ?? []), node]);
  return [...groups].toSorted(([, one], [, other]) => other.length - one.length);
}

/** The smallest changes that would make it fit. @param {any} explanation @param {Actions} actions */
export function nearMisses(explanation, actions) {
  const misses = explanation.nearMisses ?? [];
  if (!misses.length) return null;
  return h("div", { class: "near" }, h("h3", null, "It would fit …"),
    h("ul", null, misses.map((/** @type {any} */ miss) => h("li", null, withNode(miss, actions), ...tries(miss, actions)))));
}

/** The text, with the node's name to press. @param {any} miss @param {Actions} actions */
function withNode({ text, node }, actions) {
  const end = `(node ${node})`;
  if (!node || !text.endsWith(end)) return text;
  return [`${text.slice(0, -end.length)}(node `, h("button", { type: "button", class: "link", onclick: () => actions.openNode(node) }, node), ")"];
}

/** What of it can be tried at once: claims that are gone. @param {any} miss @param {Actions} actions */
function tries({ changes }, { free }) {
  const claims = changes.flatMap((/** @type {any} */ change) => (change.code === "FreeDevices" ? change.claims : []));
  if (!free || !claims.length || changes.length > 1) return [];
  return [" ", h("button", { type: "button", class: "link", onclick: () => free(claims) }, "Try it")];
}
