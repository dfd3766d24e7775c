/** Small parts that several views are made of. */
import { h } from "./dom.js";

/** A state with its picture. @param {string} state */
export function badge(state) {
  return h("span", { class: `badge state-${state}` }, h("span", { class: "swatch", "aria-hidden": "true" }), state);
}

/** @param {string} kind @param {string} title @param {() => void} close */
export function panelHead(kind, title, close) {
  return h("header", { class: "panel-head" },
    h("div", null, h("p", { class: "kind" }, kind), h("h2", { tabindex: "-1" }, title)),
    h("button", { type: "button", class: "icon", "aria-label": "Close", title: "Close (Esc)", onclick: close }, "✕"));
}

/** A term and its value. @param {any} term @param {any} value */
export function definition(term, value) {
  return h("div", null, h("dt", null, term), h("dd", null, value));
}

/** @param {([any, any] | null)[]} rows */
export function facts(rows) {
  return h("dl", { class: "facts" }, rows.filter((row) => row !== null).map((row) => definition(row[0], row[1])));
}

/**
 * A table whose head names its columns. On a narrow window each row stands by itself, with the heads beside its
 * cells, unless rows are there to be compared. Roles are named: an element in grid layout has no role by itself.
 * @param {string} caption @param {string[]} heads @param {any[][]} rows
 * @param {{ compared?: boolean, keys?: string[], sort?: { by: string, down: boolean, pick: (head: string) => void } | null }} [how] keys: of the rows, by which they are found again; sort: what happens when a head is clicked
 */
export function table(caption, heads, rows, { compared = false, keys = [], sort = null } = {}) {
  const top = (/** @type {string} */ head) => (sort
    ? h("th", { role: "columnheader", scope: "col", "aria-sort": sort.by === head ? (sort.down ? "descending" : "ascending") : "none" },
      h("button", { type: "button", class: "sorted", "data-key": `sort ${head}`, onclick: () => sort.pick(head) }, head, h("span", { "aria-hidden": "true" }, sort.by === head ? (sort.down ? " ↓" : " ↑") : "")))
    : h("th", { role: "columnheader", scope: "col" }, head));
  const line = (/** @type {any[]} */ row, /** @type {number} */ index) => h("tr", { role: "row", "data-key": keys.length ? `row ${keys[index]}` : null }, row.map((cell, at) => (at
    ? h("td", { role: "cell", "data-head": heads[at] }, h("div", null, cell))
    : h("th", { role: "rowheader", scope: "row" }, cell))));
  return h("div", { class: "table-box", tabindex: "0", role: "region", "aria-label": `${caption}, a table` },
    h("table", { role: "table", class: compared ? "compared" : "stacked" }, h("caption", { class: "unseen" }, caption),
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, heads.map(top))),
      h("tbody", { role: "rowgroup" }, rows.map(line))));
}

/** @param {string} title @param {string} text */
export function nothing(title, text) {
  return h("div", { class: "nothing" }, h("p", { class: "strong" }, title), h("p", { class: "muted" }, text));
}

/** The namespace that a list is narrowed to, with the way back. @param {string} namespace @param {(name: string) => void} narrow */
export function narrowed(namespace, narrow) {
  return namespace ? h("p", { class: "line narrowed" }, h("span", { class: "tag" }, `namespace ${namespace}`), h("button", { type: "button", class: "link", "data-key": "whole cluster", onclick: () => narrow("") }, "Whole cluster")) : null;
}

/** Previous and next page of a list. @param {number} start @param {number} size @param {number} total @param {(by: number) => void} turn */
export function pager(start, size, total, turn) {
  const button = (/** @type {string} */ text, /** @type {boolean} */ disabled, /** @type {number} */ by) => h("button", { type: "button", "data-key": text.toLowerCase(), disabled, onclick: () => turn(by) }, text);
  return h("p", { class: "pager" }, button("Previous", start === 0, -size), button("Next", start + size >= total, size));
}

/** A message that is read out. @param {string} text */
export function failure(text) {
  return h("p", { class: "error", role: "alert" }, text);
}
