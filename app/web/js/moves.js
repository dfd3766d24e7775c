/** The plan of moves: which running Pods to move so that those of the what-if fit. */
import { h, plural } from "./dom.js";

const SHOWN = 100;

/**
 * @param {any} plan of POST /api/v1/repack
 * @param {{ openNode: (name: string) => void, nodes: () => Map<string, any> }} actions
 */
export function movesCard(plan, actions) {
  const node = (/** @type {string} */ name) => (actions.nodes().has(name)
    ? h("button", { type: "button", class: "link", onclick: () => actions.openNode(name) }, name) : h("span", null, name));
  const step = (/** @type {any} */ move) => h("li", null,
    h("span", { class: "strong" }, `${move.namespace}/${move.name}`), " from ", node(move.from), " to ", node(move.to),
    h("span", { class: "muted" }, ` ${move.claims.flatMap((/** @type {any} */ claim) => claim.after).map(lastPart).join(", ")}`));
  const stays = Object.entries(plan.stays).map(([reason, count]) => `${count} ${reason}`);
  const fits = plan.outcome === "fits";
  return h("section", { class: "card moves", "aria-label": "Pods to move" },
    h("p", { class: `strong ${fits ? "good" : "bad"}` }, plan.text),
    plan.moves.length > 0 && h("ol", null, plan.moves.slice(0, SHOWN).map(step)),
    plan.moves.length > SHOWN && h("p", { class: "faint" }, `${plural(plan.moves.length - SHOWN, "more move")}.`),
    fits && h("p", null, "Then these fit: ", plan.pods.slice(0, SHOWN).flatMap((/** @type {any} */ pod, /** @type {number} */ at) => [at > 0 && ", ", `${pod.namespace}/${pod.name} on `, node(pod.node)])),
    stays.length > 0 && h("p", { class: "muted small" }, `Pods that stay: ${stays.join("; ")}.`),
    fits && plan.moves.length > 0 && h("p", { class: "faint small" }, "Each step is safe by itself. Nothing is moved here: ", h("code", null, "dra-extender repack --apply"), " carries out such a plan."));
}

/** @param {string} key driver/pool/device */
function lastPart(key) {
  return key.split("/").at(-1) ?? key;
}
