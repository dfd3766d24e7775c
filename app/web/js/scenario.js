/** A what-if: manifests to place, changes to the inventory, and how to place. Every change can be undone. */
import { post } from "./api.js";
import { NOTHING, asked, isEmpty, stepOf, switched } from "./step.js";

/**
 * @typedef {import("./step.js").Item} Item
 * @typedef {import("./step.js").Step} Step
 * @typedef {{ policy: string, replicas: string, together: boolean, preemption: boolean }} Choices
 *   policy: its name, or several with weights; replicas: "" for the workloads' own
 */

const NOBODY = "No Pod with claims runs on the drained nodes.";
const AS_USUAL = /** @type {Choices} */ ({ policy: "", replicas: "", together: false, preemption: false });

export class Scenario extends EventTarget {
  constructor() {
    super();
    /** @type {Step} */
    this.step = NOTHING;
    /** @type {Step[]} */
    this.before = [];
    /** @type {Choices} */
    this.choices = AS_USUAL;
    /** @type {any} */
    this.answer = null;
    /** @type {any} of the last request, or null */
    this.error = null;
    this.note = "";
    /** How many more of the first workload's Pods fit. @type {any} */
    this.room = null;
    /** Which running Pods to move so that all fit. @type {any} */
    this.moves = null;
    this.running = 0;
  }

  /** Whether an answer is awaited. */
  get busy() {
    return this.running > 0;
  }

  get empty() {
    return isEmpty(this.step);
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
    const fresh = new Set(items.map(nameOf));
    this.take({ items: [...this.step.items.filter((item) => !fresh.has(nameOf(item))), ...items] });
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

  /** Claims that are gone, or back again. @param {string[]} keys namespace/name */
  free(keys) {
    this.take({ removed: keys.reduce(switched, this.step.removed) });
  }

  /** More nodes like one there is; 0 for none any more. @param {string} like @param {number} count */
  more(like, count) {
    const rest = this.step.added.filter((more) => more.like !== like);
    this.take({ added: count ? [...rest, { like, count }] : rest });
  }

  /** How many nodes like this one are added. @param {string} like */
  moreLike(like) {
    return this.step.added.find((more) => more.like === like)?.count ?? 0;
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
    this.forget();
    this.changed();
  }

  /** @param {Partial<Choices>} change */
  choose(change) {
    this.choices = { ...this.choices, ...change };
    this.forget();
    this.changed();
  }

  forget() {
    this.answer = this.room = this.moves = null;
    this.error = null;
    this.note = "";
  }

  /** Everything that the URL needs to show the same to another person. */
  shared() {
    return this.empty ? null : { ...this.step, ...this.choices };
  }

  /** Takes over what ``shared`` gave. @param {any} raw @returns {boolean} whether it was that */
  receive(raw) {
    const step = raw && stepOf(raw);
    if (!step) return false;
    this.choices = {
      policy: String(raw.policy ?? ""), replicas: String(raw.replicas ?? ""),
      together: Boolean(raw.together), preemption: Boolean(raw.preemption),
    };
    this.put(step);
    return true;
  }

  /** The policy of a dry run, as fields of the request. @param {string} policy @returns {Record<string, any>} */
  cluster(policy) {
    return { ...asked(this.step), ...(policy ? { policy } : {}) };
  }

  /** The body of the dry run. @param {string} [policy] */
  request(policy = this.choices.policy) {
    const { replicas, together, preemption } = this.choices;
    const body = { ...this.cluster(policy), workloads: this.workloads, allOrNothing: together, preemption, explain: "full" };
    if (replicas !== "") body.replicas = Number(replicas);
    return body;
  }

  /** Counts how many of the first workload's Pods fit beside what is there. */
  async count() {
    await this.ask("/api/v1/capacity", { workload: this.workloads[0] }, (room) => { this.room = room; });
  }

  /** Plans which running Pods to move so that all Pods fit. */
  async plan() {
    const { replicas } = this.choices;
    const body = { workloads: this.workloads, ...(replicas === "" ? {} : { replicas: Number(replicas) }) };
    await this.ask("/api/v1/repack", body, (moves) => { this.moves = moves; });
  }

  /** Queries the changed cluster. @param {string} path @param {any} body @param {(answer: any) => void} take */
  async ask(path, body, take) {
    const { step, choices } = this;
    const current = () => this.step === step && this.choices === choices;
    try {
      const answer = await post(path, { ...this.cluster(choices.policy), ...body });
      if (current()) take(answer);
    } catch (error) {
      if (current()) this.error = error;
    }
    this.changed();
  }

  /** Places the Pods; nothing is written anywhere. */
  async run() {
    if (!this.placeable) return;
    const { step, choices } = this;
    const current = () => this.step === step && this.choices === choices;
    this.running += 1;
    this.error = null;
    this.note = "";
    this.changed();
    try {
      const answer = await post("/api/v1/placements", this.request());
      if (current()) this.answer = answer;
      if (current() && !answer.pods.length) this.note = NOBODY;
    } catch (error) {
      if (current()) this.error = error;
    }
    this.running -= 1;
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

/** @param {Item} item */
function nameOf(item) {
  return `${item.kind}/${item.namespace}/${item.name}`;
}

/** @param {any} pod of an answer @returns {string[]} */
export function devicesOf(pod) {
  return pod.claims.flatMap((/** @type {any} */ claim) => (claim.allocation?.devices?.results ?? [])
    .map((/** @type {any} */ result) => `${result.driver}/${result.pool}/${result.device}`));
}
