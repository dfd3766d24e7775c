/** What a what-if changes, at one moment: manifests, and what is done to the cluster's own nodes, devices and claims. */
import { plural } from "./dom.js";

/**
 * @typedef {{ kind: string, namespace: string, name: string, role: string, object: any }} Item
 * @typedef {{ like: string, count: number }} More nodes like one there is
 * @typedef {{ items: Item[], drained: string[], tainted: string[], added: More[], removed: string[] }} Step
 *   tainted: driver/pool/device; removed: namespace/name of claims
 */

export const NOTHING = /** @type {Step} */ ({ items: [], drained: [], tainted: [], added: [], removed: [] });
const TAINT = { key: "dra-extender/what-if", effect: "NoSchedule" };

/** @param {Step} step */
export function isEmpty(step) {
  return Object.values(step).every((list) => !list.length);
}

/** The step as the body of a dry run. @param {Step} step @returns {Record<string, any>} */
export function asked({ items, drained, tainted, added, removed }) {
  return {
    objects: items.filter((item) => item.role === "object").map((item) => item.object),
    drain: drained,
    taints: tainted.map(taintOf),
    addNodes: added,
    remove: removed.map(claimOf),
  };
}

/** The changes of the cluster in a few words each. @param {Step} step @returns {string[]} */
export function inWords({ drained, tainted, added, removed }) {
  const more = added.reduce((sum, { count }) => sum + count, 0);
  return [
    more && `${plural(more, "node")} added`, drained.length && `${plural(drained.length, "node")} drained`,
    tainted.length && `${plural(tainted.length, "device")} tainted`, removed.length && `${plural(removed.length, "claim")} released`,
  ].filter((text) => typeof text === "string");
}

/** A step that came by a URL. @param {any} raw @returns {Step | null} null if it is none */
export function stepOf(raw) {
  const { items, drained, tainted, added = [], removed = [] } = raw;
  if (![items, drained, tainted, added, removed].every(Array.isArray)) return null;
  if ([...items, ...added].some((item) => typeof item !== "object" || item === null)) return null;
  return {
    items, drained: drained.map(String), tainted: tainted.map(String), removed: removed.map(String),
    added: added.map((/** @type {any} */ more) => ({ like: String(more.like), count: Number(more.count) })),
  };
}

/** With the item, or without it if it was in. @param {string[]} list @param {string} item */
export function switched(list, item) {
  return list.includes(item) ? list.filter((known) => known !== item) : [...list, item];
}

/** @param {string} key driver/pool/device */
function taintOf(key) {
  const [driver, ...rest] = key.split("/");
  const device = rest.pop();
  return { driver, pool: rest.join("/"), device, ...TAINT };
}

/** @param {string} key namespace/name */
function claimOf(key) {
  const [namespace, name] = key.split("/");
  return { kind: "ResourceClaim", namespace, name };
}
