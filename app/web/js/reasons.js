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
    const text = node.reasons.map((/** @type {any} */ reason) => reason.message).join("; ") || "its devices cannot meet all claims together";
    const group = groups.get(text) ?? { text, verdict: node.verdict, nodes: [] };
    group.nodes.push(node);
    groups.set(text, group);
  }
  return [...groups.values()].sort((one, other) => other.nodes.length - one.nodes.length || one.text.localeCompare(other.text));
}

const SHOWN = 200;

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
  const counts = totals(nodes);
  const rest = nodes.length - SHOWN;
  fill(inside,
    counts.length ? h("p", { class: "muted" }, counts.map(([name, count]) => `${name} ${count}`).join(" · ")) : null,
    h("p", { class: "names" }, nodes.slice(0, SHOWN).map((node) => h("button", { type: "button", class: "link", onclick: () => openNode(node.name) }, node.name)),
      rest > 0 ? ` and ${rest} more` : null));
}

/** What the causes struck out, added up. @param {any[]} nodes @returns {[string, number][]} */
function totals(nodes) {
  /** @type {Map<string, number>} */
  const sums = new Map();
  for (const reason of nodes.flatMap((node) => node.reasons)) {
    for (const [name, count] of Object.entries(reason.counts ?? {})) sums.set(name, (sums.get(name) ?? 0) + Number(count));
  }
  return [...sums].sort(([, one], [, other]) => other - one).slice(0, 12);
}

/** The smallest changes that would make it fit. @param {any} explanation */
export function nearMisses(explanation) {
  const misses = explanation.nearMisses ?? [];
  if (!misses.length) return null;
  return h("div", { class: "near" }, h("h3", null, "It would fit if"), h("ul", null, misses.map((/** @type {any} */ miss) =>
    h("li", null, miss.message ?? String(miss), miss.nodes?.length ? h("span", { class: "muted" }, ` (${miss.nodes.slice(0, 5).join(", ")}${miss.nodes.length > 5 ? ", …" : ""})`) : miss.node ? h("span", { class: "muted" }, ` (${miss.node})`) : null))));
}
