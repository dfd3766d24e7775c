/** The inventory as the page knows it: nodes and their devices, read once and then node by node. */
import { get, list } from "./api.js";

/**
 * @typedef {{ key: string, driver: string, pool: string, device: string, state: string, colour: number, claims: string[],
 *   note: string, nodes: string[] | null, row: Row }} Device
 * @typedef {{ name: string, kind: string, unschedulable: boolean, group: string, used: number, free: number, usable: number, devices: Device[] }} Row
 *   used: devices that a claim holds; usable: those and free ones
 */

export const STATES = ["free", "taken", "shared", "assumed", "tainted", "unusable"];
const BATCH = 100;
const FULL_EVERY = 3000;
const REFUSED_AGAIN = 30000;

export class Fleet extends EventTarget {
  constructor() {
    super();
    /** @type {Map<string, Row>} */
    this.rows = new Map();
    /** @type {Map<string, Device>} */
    this.devices = new Map();
    /** @type {string[]} in order of first appearance, so that their colors stay */
    this.drivers = [];
    this.revision = "";
    this.loaded = false;
    /** That this user may not read it: the other views go on. @type {any} */
    this.error = null;
    this.refusedAt = 0;
    /** Rows read so far: the work that news has caused. */
    this.read = 0;
    this.lastFull = 0;
    this.names = /** @type {string[] | null} */ (null);
    /** By what rows are grouped: a parameter of the request. @type {Record<string, string>} */
    this.by = {};
  }

  /** Groups rows by a label of nodes or an attribute of devices: reads all of them again. @param {Record<string, string>} by */
  async group(by) {
    if (JSON.stringify(by) === JSON.stringify(this.by)) return;
    this.by = by;
    if (!this.loaded) return;
    this.lastFull = 0;
    await this.permitted(() => this.readAll());
    this.changed();
  }

  /**
   * Takes in news: reads what has changed.
   * @param {import("./stream.js").News} news
   */
  async follow(news) {
    const { changed } = news;
    if (changed === null || this.error) await this.permitted(() => this.readAll());
    else if (changed.length) await this.permitted(() => this.readSome(changed));
    this.revision = news.revision;
    this.changed();
  }

  /** Reads; a refusal is kept, and the next read is tried after a while. @param {() => Promise<void>} read */
  async permitted(read) {
    if (this.error && Date.now() - this.refusedAt < REFUSED_AGAIN) return;
    try {
      await read();
      this.error = null;
    } catch (/** @type {any} */ error) {
      if (error.status !== 403) throw error;
      this.error = error;
      this.refusedAt = Date.now();
    }
  }

  /** Sorted names of all rows; `*`, devices of no single node, comes first. */
  sorted() {
    this.names ??= [...this.rows.keys()].toSorted(compare);
    return this.names;
  }

  async readAll() {
    // Where devices belong to no node, each event may concern everything: not more often than this.
    const wait = this.lastFull + FULL_EVERY - Date.now();
    if (this.loaded && wait > 0) await new Promise((resolve) => { setTimeout(resolve, wait); });
    this.lastFull = Date.now();
    const seen = new Set();
    await list("/api/v1/fleet", this.by, (items) => {
      for (const item of items) {
        seen.add(item.name);
        this.put(item);
      }
      if (!this.loaded) this.changed();
    });
    for (const name of this.rows.keys()) if (!seen.has(name)) this.drop(name);
    this.loaded = true;
  }

  /** @param {string[]} changed */
  async readSome(changed) {
    for (let start = 0; start < changed.length; start += BATCH) {
      const wanted = changed.slice(start, start + BATCH);
      const answer = await get("/api/v1/fleet", { ...this.by, node: wanted, limit: BATCH });
      const found = new Set(answer.items.map((/** @type {any} */ item) => item.name));
      for (const item of answer.items) this.put(item);
      for (const name of wanted) if (!found.has(name)) this.drop(name);
    }
  }

  /** @param {any} item */
  put(item) {
    this.read += 1;
    if (!this.rows.has(item.name)) this.names = null;
    this.forget(item.name);
    /** @type {Row} */
    const row = { name: item.name, kind: item.kind, unschedulable: item.unschedulable, group: item.group ?? "", used: 0, free: 0, usable: 0, devices: [] };
    for (const pool of item.pools) {
      if (!this.drivers.includes(pool.driver)) this.drivers.push(pool.driver);
      const colour = this.drivers.indexOf(pool.driver);
      for (const raw of pool.devices) {
        const key = `${pool.driver}/${pool.pool}/${raw.device}`;
        const device = {
          key, driver: pool.driver, pool: pool.pool, device: raw.device, state: raw.state, colour,
          claims: raw.claims ?? [], note: raw.note ?? "", nodes: raw.nodes ?? null, row,
        };
        row.devices.push(device);
        if (raw.state === "free") row.free += 1;
        else if (raw.state === "taken" || raw.state === "shared" || raw.state === "assumed") row.used += 1;
        this.devices.set(key, device);
      }
    }
    row.usable = row.used + row.free;
    this.rows.set(item.name, row);
  }

  /** @param {string} name */
  drop(name) {
    this.forget(name);
    if (this.rows.delete(name)) this.names = null;
  }

  /** @param {string} name */
  forget(name) {
    for (const device of this.rows.get(name)?.devices ?? []) {
      if (this.devices.get(device.key)?.row.name === name) this.devices.delete(device.key);
    }
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }
}

const order = new Intl.Collator("en", { numeric: true });

/** @param {string} one @param {string} other */
export function compare(one, other) {
  if (one === "*" || other === "*") return one === other ? 0 : one === "*" ? -1 : 1;
  return order.compare(one, other);
}
