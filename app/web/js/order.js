/** The order of the map's rows: by group, then by what they are sorted by. */
import { plural } from "./dom.js";

/** @typedef {import("./fleet.js").Row} Row */

const order = new Intl.Collator("en", { numeric: true });

export class Order {
  constructor() {
    /** By what rows are grouped: "", driver, or what the service sends (`label:…`, `attribute:…`). */
    this.groupBy = "";
    this.sortBy = "name";
  }

  /** @param {Row[]} rows by name @returns {Row[]} */
  of(rows) {
    const { sortBy } = this;
    if (sortBy === "free") rows.sort((one, other) => other.free - one.free);
    if (sortBy === "used") rows.sort((one, other) => other.used - one.used);
    const groupOf = this.grouping();
    return groupOf ? rows.toSorted((one, other) => inOrder(groupOf(one), groupOf(other))) : rows;
  }

  /** @returns {((row: Row) => string) | null} */
  grouping() {
    if (!this.groupBy) return null;
    if (this.groupBy === "driver") return (row) => [...new Set(row.devices.map((device) => device.driver))].toSorted().join(", ") || "without devices";
    const [, name = ""] = this.groupBy.split(/:(.*)/s);
    return (row) => (row.name === "*" ? "shared devices" : row.group || `without ${name}`);
  }

  /** A title for each group, with its numbers. @param {Row[]} rows @returns {((row: Row) => string) | null} */
  titles(rows) {
    const groupOf = this.grouping();
    if (!groupOf) return null;
    /** @type {Map<string, { nodes: number, used: number, free: number }>} */
    const sums = new Map();
    for (const row of rows) {
      const name = groupOf(row), sum = sums.get(name) ?? { nodes: 0, used: 0, free: 0 };
      sums.set(name, { nodes: sum.nodes + 1, used: sum.used + row.used, free: sum.free + row.free });
    }
    const texts = new Map([...sums].map(([name, sum]) => [name, `${name} · ${plural(sum.nodes, "node")}, ${sum.used.toLocaleString("en")} in use, ${sum.free.toLocaleString("en")} free`]));
    return (row) => texts.get(groupOf(row)) ?? "";
  }
}

/** What has no value comes last. @param {string} one @param {string} other */
function inOrder(one, other) {
  return Number(one.startsWith("without ")) - Number(other.startsWith("without ")) || order.compare(one, other);
}
