/** The search field: words and `field:value` terms, all of which must hold; `-` turns a term round. */
import { get } from "./api.js";
import { sentence } from "./states.js";

/** @typedef {import("./fleet.js").Device} Device */
/** @typedef {{ field: string, values: string[], not: boolean, text: string }} Term */

export const FIELDS = ["node", "driver", "pool", "device", "state", "claim", "attr", "whatif", "cel"];
const ASKED = new Set(["attr", "cel"]);

/**
 * Reads a query. Values are separated by commas (any of them), quoted if they hold blanks, with a backslash before
 * a quote or a backslash; `cel:` takes all the rest of the line.
 * @param {string} text
 * @returns {Term[]}
 */
export function parse(text) {
  /** @type {Term[]} */
  const terms = [];
  const cel = /(^|\s)(-?)cel:(.*)$/s.exec(text);
  const before = cel ? text.slice(0, cel.index) : text;
  for (const [word] of before.matchAll(/(?:[^\s"]+|"(?:[^"\\]|\\.)*(?:"|$))+/g)) {
    const plain = word.replaceAll(/\\(["\\])|"/g, "$1");
    const not = plain.length > 1 && plain.startsWith("-");
    const rest = not ? plain.slice(1) : plain;
    const field = FIELDS.find((name) => rest.startsWith(`${name}:`));
    const value = field ? rest.slice(field.length + 1) : rest;
    if (!value) continue;
    const values = field === "attr" ? [value] : value.toLowerCase().split(",").filter(Boolean);
    if (values.length) terms.push({ field: field ?? "", values, not, text: word });
  }
  if (cel?.[3].trim()) terms.push({ field: "cel", values: [cel[3].trim()], not: cel[2] === "-", text: cel[0].trim() });
  return terms;
}

/** A term for exactly this value, quoted where it must be. @param {string} field @param {string} value */
export function termOf(field, value) {
  if (!/[\s"\\]/.test(value)) return `${field}:${value}`;
  return `${field}:"${value.replaceAll(/["\\]/g, "\\$&")}"`;
}

/** Puts a term `field:value` into a query, or takes it out. @param {string} query @param {string} field @param {string} value */
export function toggled(query, field, value) {
  const terms = parse(query);
  const term = terms.find((known) => known.field === field && !known.not);
  const values = new Set(term?.values ?? []);
  if (!values.delete(value)) values.add(value);
  const rest = terms.filter((known) => known !== term).map((known) => known.text);
  const text = values.size ? [`${field}:${[...values].join(",")}`] : [];
  // cel: takes the rest of the line, so it stays last.
  return [...text, ...rest].join(" ");
}

export class Search {
  constructor() {
    this.query = "";
    /** @type {Term[]} */
    this.terms = [];
    /** @type {Map<Term, Set<string>>} */
    this.found = new Map();
    this.error = "";
    this.note = "";
    /** Devices that a what-if has given. @type {Map<string, string>} */
    this.planned = new Map();
  }

  /** Whether anything is looked for. */
  get active() {
    return this.terms.length > 0;
  }

  /**
   * Sets the query; the service evaluates attributes and CEL expressions.
   * @param {string} query
   * @returns {Promise<boolean>} whether this query is still the current one
   */
  async set(query) {
    this.query = query;
    const terms = parse(query);
    /** @type {Map<Term, Set<string>>} */
    const found = new Map();
    let error = "", note = "";
    for (const term of terms.filter((known) => ASKED.has(known.field))) {
      try {
        const question = term.field === "cel" ? { selector: term.values[0] } : { attribute: term.values[0] };
        const answer = await get("/api/v1/matches", question);
        found.set(term, new Set(answer.items));
        if (answer.failures.length) note = `Some devices cannot be evaluated: ${answer.failures[0].message}`;
      } catch (caught) {
        error = sentence(caught);
        found.set(term, new Set());
      }
    }
    if (this.query !== query) return false;
    Object.assign(this, { terms, found, error, note });
    return true;
  }

  /** @param {Device} device */
  matches(device) {
    return this.terms.every((term) => this.holds(term, device) !== term.not);
  }

  /** @param {Term} term @param {Device} device @returns {boolean} */
  holds(term, device) {
    const asked = this.found.get(term);
    if (asked) return asked.has(device.key);
    if (term.field === "whatif") return this.planned.has(device.key);
    return term.values.some((value) => texts(term.field, device).some((text) => text.toLowerCase().includes(value)));
  }
}

/** @param {string} field @param {Device} device @returns {string[]} */
function texts(field, device) {
  switch (field) {
    case "node": return device.nodes ?? [device.row.name];
    case "driver": return [device.driver];
    case "pool": return [device.pool];
    case "device": return [device.device];
    case "state": return [device.state];
    case "claim": return device.claims;
    case "": return [...(device.nodes ?? [device.row.name]), device.key, device.state, ...device.claims];
    default: return [];
  }
}
