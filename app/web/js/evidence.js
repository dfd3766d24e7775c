/** What stands behind a reason: holders, selectors, taints, counters, capacities, constraints. */
import { h, plural } from "./dom.js";
import { facts } from "./parts.js";

/**
 * @param {any} reason of a verdict
 * @param {(name: string) => void} openClaim
 */
export function evidence(reason, openClaim) {
  const { holders = [], selectors = [], taints = [], counters = [], capacities = [], constraints = [] } = reason.evidence ?? {};
  const rows = [
    ...holders.map((/** @type {any} */ item) => ["Held by", [h("button", { type: "button", class: "link", onclick: () => openClaim(item.claim) }, item.claim), `, ${plural(item.devices, "device")}`]]),
    ...selectors.map((/** @type {any} */ item) => [`Rejected by ${item.where}`, selector(item)]),
    ...taints.map((/** @type {any} */ item) => ["Taint", `${item.key}${item.value ? `=${item.value}` : ""}:${item.effect}, on ${plural(item.devices, "device")}`]),
    ...counters.map((/** @type {any} */ item) => [`Counter ${item.counterSet} / ${item.counter}`, `${item.needed} needed, ${item.left} left in pool ${item.pool}`]),
    ...capacities.map((/** @type {any} */ item) => [`Capacity ${item.name}`, `${item.wanted} requested, ${item.best === null ? "no device has it" : `largest available: ${item.best}`}`]),
    ...constraints.map((/** @type {any} */ item) => [`${item.kind} ${item.attribute}`, `${plural(item.wanted, "device")} requested; usable devices have ${values(item.values)}`]),
  ];
  return rows.length ? facts(rows) : null;
}

/** A selector, and which of its terms fail. @param {any} item */
function selector({ text, devices, terms }) {
  return [
    h("p", null, h("code", null, text), ` ${plural(devices, "device")}`),
    terms.length > 1 || terms.some((/** @type {any} */ term) => term.best !== null || term.seen?.length)
      ? h("ul", { class: "plain" }, terms.map((/** @type {any} */ term) => h("li", { class: "muted" }, h("code", null, term.text), ` fails on ${term.devices}`, has(term))))
      : null,
  ];
}

/** What devices have instead. @param {any} term */
function has(term) {
  if (term.best !== null) return `; best available: ${term.best}`;
  return term.seen?.length ? `; found: ${term.seen.join(", ")}` : null;
}

/** @param {{ value: string | null, devices: number }[]} [found] */
function values(found = []) {
  return found.map(({ value, devices }) => `${value ?? "no value"} (${plural(devices, "device")})`).join(", ") || "none";
}
