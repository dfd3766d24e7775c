/** The result of a dry run for one Pod: where it goes and why, or why nowhere. */
import { h } from "./dom.js";
import { nearMisses, reasonList } from "./reasons.js";
import { devicesOf } from "./scenario.js";

/**
 * @typedef {import("./reasons.js").Actions & { openDevice: (key: string) => void, isThere: (node: string) => boolean }} Actions
 *   isThere: whether a node is on the map; those of the what-if are not
 */

/** @param {any} pod @param {Actions} actions */
export function podCard(pod, actions) {
  const title = h("p", { class: "line" }, h("span", { class: "strong ellipsis" }, pod.name), h("span", { class: "muted" }, pod.namespace),
    pod.node === null ? h("span", { class: "tag bad" }, "not placed") : h("span", { class: "tag good" }, "placed"),
    pod.evictedFrom && h("span", { class: "tag" }, `from ${pod.evictedFrom}`));
  return h("li", { class: "card" }, title, ...(pod.node === null ? refused(pod, actions) : placed(pod, actions)));
}

/** @param {any} pod @param {Actions} actions */
function refused(pod, actions) {
  return [h("p", { class: "said" }, pod.summary), evictions(pod.preemption), nearMisses(pod, actions), reasonList(pod.nodes, actions)];
}

/** @param {any} pod @param {Actions} actions */
function placed(pod, actions) {
  const keys = devicesOf(pod), there = actions.isThere(pod.node);
  const link = (/** @type {string} */ text, /** @type {string | null} */ title, /** @type {() => void} */ onclick) => (there ? h("button", { type: "button", class: "link", title, onclick }, text) : text);
  return [
    h("p", null, "on ", link(pod.node, null, () => actions.openNode(pod.node)), there ? "" : " (added)", keys.length ? " with " : "",
      keys.flatMap((key, at) => [at ? ", " : "", link(key.split("/").at(-1) ?? key, key, () => actions.openDevice(key))])),
    scored(pod),
  ];
}

/** The score, and what it is made of. @param {any} pod */
function scored(pod) {
  if (pod.score === null) return null;
  const parts = pod.nodes.find((/** @type {any} */ node) => node.name === pod.node)?.scoreParts ?? [];
  if (!parts.length) return h("p", { class: "faint" }, `score ${pod.score}`);
  return h("details", { class: "score" }, h("summary", { class: "faint" }, `score ${pod.score}`),
    h("ul", { class: "plain" }, parts.map((/** @type {any} */ part) => h("li", { class: "muted" },
      h("span", { class: "strong" }, part.policy), part.weight === 1 ? "" : ` × ${part.weight}`, `: ${Number(part.score.toFixed(2))}, ${part.why}`))));
}

/** Which Pods preemption would evict. @param {any} preemption of a Pod's answer, or null without the option */
function evictions(preemption) {
  if (!preemption) return null;
  const { node, victims, text } = preemption;
  const names = victims.map((/** @type {any} */ pod) => `${pod.namespace}/${pod.name} (priority ${pod.priority})`).join(", ");
  return h("p", { class: "said" }, h("span", { class: "strong" }, "Preemption "),
    node === null ? `would not help: ${text}` : names ? `would evict ${names} from ${node}` : `waits on ${node}: ${text}`);
}
