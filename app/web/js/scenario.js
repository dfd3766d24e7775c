/** A what-if: manifests to place and changes to the inventory. Every step can be undone. */
import { post } from "./api.js";

/**
 * @typedef {{ kind: string, namespace: string, name: string, role: string, object: any }} Item
 * @typedef {{ items: Item[], drained: string[], tainted: string[] }} Step
 */

const NOTHING = /** @type {Step} */ ({ items: [], drained: [], tainted: [] });
const TAINT = { key: "dra-extender/what-if", effect: "NoSchedule" };
const NOBODY = "No Pod with claims runs on the drained nodes.";

export class Scenario extends EventTarget {
  constructor() {
    super();
    /** @type {Step} */
    this.step = NOTHING;
    /** @type {Step[]} */
    this.before = [];
    this.policy = "";
    this.replicas = "";
    this.together = false;
    /** @type {any} */
    this.answer = null;
    this.error = "";
    this.note = "";
    /** How many more of the first workload's Pods fit. @type {any} */
    this.room = null;
    this.busy = false;
  }

  get empty() {
    return !this.step.items.length && !this.step.drained.length && !this.step.tainted.length;
  }

  get workloads() {
    return this.step.items.filter((item) => item.role === "workload").map((item) => item.object);
  }

  /** Whether there may be Pods to place. */
  get placeable() {
    return this.workloads.length > 0 || this.step.drained.length > 0;
  }

  /** Reads manifests and adds them. @param {string} text */
  async add(text) {
    const { items } = await post("/api/v1/documents", text);
    const name = (/** @type {Item} */ item) => `${item.kind}/${item.namespace}/${item.name}`;
    const fresh = new Set(items.map(name));
    this.take({ items: [...this.step.items.filter((item) => !fresh.has(name(item))), ...items] });
    return items.length;
  }

  /** @param {Item} item */
  remove(item) {
    this.take({ items: this.step.items.filter((known) => known !== item) });
  }

  /** @param {string} node */
  drain(node) {
    this.take({ drained: switched(this.step.drained, node) });
  }

  /** @param {string} key of the device: driver/pool/device */
  taint(key) {
    this.take({ tainted: switched(this.step.tainted, key) });
  }

  undo() {
    const step = this.before.pop();
    if (step) this.put(step);
  }

  clear() {
    if (!this.empty) this.take(NOTHING);
  }

  /** @param {Partial<Step>} change */
  take(change) {
    this.before.push(this.step);
    this.put({ ...this.step, ...change });
  }

  /** @param {Step} step */
  put(step) {
    this.step = step;
    this.answer = this.room = null;
    this.error = this.note = "";
    this.changed();
  }

  /** What is to be judged by. @param {string} policy @returns {Record<string, any>} */
  cluster(policy) {
    const { items, drained, tainted } = this.step;
    return {
      objects: items.filter((item) => item.role === "object").map((item) => item.object),
      drain: drained,
      taints: tainted.map(taintOf),
      ...(policy ? { policy } : {}),
    };
  }

  /** The body of the dry run. @param {string} [policy] */
  request(policy = this.policy) {
    const body = { ...this.cluster(policy), workloads: this.workloads, allOrNothing: this.together, explain: "full" };
    if (this.replicas !== "") body.replicas = Number(this.replicas);
    return body;
  }

  /** Counts how many of the first workload's Pods fit beside what is there. */
  async count() {
    const { step } = this;
    try {
      const room = await post("/api/v1/capacity", { ...this.cluster(this.policy), workload: this.workloads[0] });
      if (this.step === step) this.room = room;
    } catch (error) {
      if (this.step === step) this.error = error.message;
    }
    this.changed();
  }

  /** Places the Pods; nothing is written anywhere. */
  async run() {
    if (!this.placeable) return;
    const { step } = this;
    this.busy = true;
    this.error = this.note = "";
    this.changed();
    try {
      const answer = await post("/api/v1/placements", this.request());
      if (this.step === step) this.answer = answer;
      if (this.step === step && !answer.pods.length) this.note = NOBODY;
    } catch (error) {
      if (this.step === step) this.error = error.path ? `${error.message} (${error.path})` : error.message;
    }
    this.busy = false;
    this.changed();
  }

  /** Devices that the answer gives, with the Pod that gets each. @returns {Map<string, string>} */
  planned() {
    const found = new Map();
    for (const pod of this.answer?.pods ?? []) {
      for (const key of pod.node === null ? [] : devicesOf(pod)) found.set(key, `${pod.namespace}/${pod.name}`);
    }
    return found;
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** @param {any} pod of an answer @returns {string[]} */
export function devicesOf(pod) {
  return pod.claims.flatMap((/** @type {any} */ claim) => (claim.allocation?.devices?.results ?? [])
    .map((/** @type {any} */ result) => `${result.driver}/${result.pool}/${result.device}`));
}

/** @param {string[]} list @param {string} item */
function switched(list, item) {
  return list.includes(item) ? list.filter((known) => known !== item) : [...list, item];
}

/** @param {string} key driver/pool/device */
function taintOf(key) {
  const [driver, ...rest] = key.split("/");
  const device = rest.pop();
  return { driver, pool: rest.join("/"), device, ...TAINT };
}
