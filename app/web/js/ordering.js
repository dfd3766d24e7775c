/** The fields of the map's tool bar for groups and order. */
import { get } from "./api.js";
import { fill, h } from "./dom.js";

const SORTS = [["name", "sort by name"], ["free", "most free first"], ["used", "most used first"]];

export class Ordering {
  /**
   * @param {import("./order.js").Order} order @param {import("./fleet.js").Fleet} fleet
   * @param {(changes: Record<string, string>) => void} changed what is in the URL from now on
   */
  constructor(order, fleet, changed) {
    this.order = order;
    this.fleet = fleet;
    this.offered = false;
    this.groups = h("select", { "aria-label": "Group nodes", onchange: () => changed({ group: this.groups.value }) }, h("option", { value: "" }, "no groups"));
    this.sorts = h("select", { "aria-label": "Sort nodes", onchange: () => changed({ sort: this.sorts.value }) }, SORTS.map(([value, text]) => h("option", { value }, text)));
  }

  /** Reads the URL, and has the service send the values to group by. @param {Record<string, string>} query */
  async take({ group = "", sort = "name" }) {
    this.order.groupBy = group;
    this.order.sortBy = this.sorts.value = sort;
    if (group && ![...this.groups.options].some((option) => option.value === group)) this.groups.append(h("option", { value: group }, titleOf(group)));
    this.groups.value = group;
    const [kind, name] = group.split(/:(.*)/s);
    await this.fleet.group(kind === "label" || kind === "attribute" ? { [kind]: name } : {});
  }

  /** Offers what nodes may be grouped by: the service knows which labels and attributes have few values. */
  async offer() {
    if (this.offered) return;
    this.offered = true;
    const seen = await get("/api/v1/overview").catch((error) => {
      // The next time that the map is entered, it is read again.
      this.offered = false;
      this.groups.title = `Labels and attributes cannot be listed: ${error.message}`;
      return { labelNames: [], attributes: [] };
    });
    const values = ["", "driver", ...seen.labelNames.map((/** @type {string} */ name) => `label:${name}`), ...seen.attributes.map((/** @type {string} */ name) => `attribute:${name}`)];
    const { value } = this.groups;
    if (!values.includes(value)) values.push(value);
    fill(this.groups, values.map((known) => h("option", { value: known }, titleOf(known))));
    this.groups.value = value;
  }
}

/** @param {string} group */
function titleOf(group) {
  const [kind, name] = group.split(/:(.*)/s);
  if (!group) return "no groups";
  return kind === "driver" ? "by driver" : kind === "label" ? `by label ${name}` : `by ${name}`;
}
