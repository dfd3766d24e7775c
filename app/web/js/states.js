/**
 * What a view shows while it has nothing, or nothing new: each state has its words, and what to do about it.
 * `data-state` names it: loading, away, starting, busy, login, forbidden, failed.
 */
import { askAgain } from "./api.js";
import { h } from "./dom.js";

/** @typedef {{ retry?: () => void, since?: number, namespace?: { value: string, take: (name: string) => void } | null }} How
 *   retry: reads again, after a login; since: when what is shown below was read; namespace: for lists that a user of one namespace may read */

/** @type {Record<number, string>} */
const STATES = { 0: "away", 401: "login", 403: "forbidden", 429: "busy", 502: "away", 503: "starting", 504: "away" };
/** @type {Record<string, string>} */
const WORDS = {
  away: "The page retries by itself. Check the connection, and that the Pods of dra-extender run.",
  busy: "The page retries by itself.",
  starting: "The page retries by itself. /readyz?verbose lists what is missing.",
  login: "Enter the token of a user with read permission, such as from kubectl create token.",
  forbidden: "Request the permission from your administrator. Other views may be permitted.",
};

/** @type {Record<string, string>} */
const TITLES = { away: "The service does not answer", busy: "The service is busy", starting: "The service is not ready", forbidden: "Not permitted" };

/** The name of a state. @param {any} error of a request */
export function stateOf(error) {
  return STATES[error.status] ?? "failed";
}

/** Whether it may pass without anything being done. @param {any} error */
export function passes(error) {
  return ["away", "busy", "starting"].includes(stateOf(error));
}

/** What went wrong, as a sentence. @param {any} error */
export function sentence(error) {
  const text = String(error?.message ?? error);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** @param {string} text */
export function loading(text) {
  return h("p", { class: "faint pad", "data-state": "loading", role: "status" }, text);
}

/** A message that is read out, with what to do. @param {any} error @param {How} [how] */
export function trouble(error, { retry, since, namespace } = {}) {
  const state = stateOf(error);
  const what = state === "login" ? "You are not logged in, or your login has expired." : error.status === 0 ? sentence(error) : `${TITLES[state]}: ${sentence(error)}`;
  if (state === "failed") return h("p", { class: "error", role: "alert", "data-state": state }, [textOf(error), since && old(since)].filter(Boolean).join(" "));
  return h("div", { class: "trouble", "data-state": state },
    h("p", { class: "error", role: "alert" }, h("span", { class: "strong" }, what), ` ${WORDS[state]}`, since ? ` ${old(since)}` : null),
    state === "login" && h("button", { type: "button", "data-key": "log in", onclick: () => { askAgain(); retry?.(); } }, "Enter a token"),
    state === "forbidden" && namespace && namespaceForm(namespace.value, namespace.take));
}

/** The message about an input, with the field that it is about. @param {any} error */
export function textOf(error) {
  return error.path ? `${error.message} (${error.path})` : String(error.message ?? error);
}

/** For a user who may read one namespace only. @param {string} value @param {(name: string) => void} take */
function namespaceForm(value, take) {
  const field = h("input", { autocomplete: "off", required: true, value });
  return h("form", { class: "tools", onsubmit: (/** @type {Event} */ event) => { event.preventDefault(); take(field.value.trim()); } },
    h("label", { class: "field" }, "Show one namespace instead", field), h("button", { type: "submit" }, "Show"));
}

/** @param {number} since */
function old(since) {
  return `This data is from ${new Date(since).toLocaleTimeString("en-GB")}.`;
}
