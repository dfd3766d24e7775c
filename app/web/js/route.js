/** What is shown, kept in the URL's fragment: `#/view/more?name=value`. A link to it shows the same. */

/** @typedef {{ view: string, rest: string[], query: Record<string, string> }} Place */

export const VIEWS = ["overview", "map", "whatif", "pods", "claims", "decisions"];

/** @param {string} hash @returns {Place} */
export function read(hash) {
  const [path, search = ""] = hash.replace(/^#\/?/, "").split("?");
  const [view, ...rest] = path.split("/").map(decoded);
  return {
    view: VIEWS.includes(view) ? view : "overview",
    rest: rest.filter(Boolean),
    query: Object.fromEntries(new URLSearchParams(search)),
  };
}

/** @param {Place} place @returns {string} */
export function write({ view, rest, query }) {
  const path = [view, ...rest].map(encodeURIComponent).join("/");
  const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== "")).toString();
  return `#/${path}${search ? `?${search}` : ""}`;
}

export class Route extends EventTarget {
  constructor() {
    super();
    this.place = read(location.hash);
    addEventListener("hashchange", () => this.take());
  }

  /** Goes to another view; what the views share stays. @param {string} view @param {...string} rest */
  go(view, ...rest) {
    location.hash = write({ view, rest, query: this.place.query });
  }

  /** Goes to a view with another query, as a new entry in the browser's history. @param {Record<string, string>} changes @param {string} view @param {...string} rest */
  goWith(changes, view, ...rest) {
    location.hash = write({ view, rest, query: { ...this.place.query, ...changes } });
  }

  /** Changes some of the query without a new entry in the browser's history. @param {Record<string, string>} changes */
  set(changes) {
    this.place = { ...this.place, query: { ...this.place.query, ...changes } };
    history.replaceState(null, "", write(this.place));
    this.dispatchEvent(new Event("query"));
  }

  take() {
    this.place = read(location.hash);
    this.dispatchEvent(new Event("change"));
  }
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
