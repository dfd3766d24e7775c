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
 * @param {{ compared?: boolean, sort?: { by: string, down: boolean, pick: (head: string) => void } | null }} [how] sort: what happens when a head is clicked
 */
export function table(caption, heads, rows, { compared = false, sort = null } = {}) {
  const top = (/** @type {string} */ head) => (sort
    ? h("th", { role: "columnheader", scope: "col", "aria-sort": sort.by === head ? (sort.down ? "descending" : "ascending") : "none" },
      h("button", { type: "button", class: "sorted", "data-key": `sort ${head}`, onclick: () => sort.pick(head) }, head, h("span", { "aria-hidden": "true" }, sort.by === head ? (sort.down ? " ↓" : " ↑") : "")))
    : h("th", { role: "columnheader", scope: "col" }, head));
  const line = (/** @type {any[]} */ row) => h("tr", { role: "row" }, row.map((cell, at) => (at
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

/** A message that is read out. @param {string} text */
export function failure(text) {
  return h("p", { class: "error", role: "alert" }, text);
}
