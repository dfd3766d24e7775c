/** The links to the views. */
import { fill, h } from "./dom.js";
import { renew } from "./renew.js";

/** @type {[string, string][]} */
const TABS = [["overview", "Overview"], ["map", "Map"], ["whatif", "What if"], ["pods", "Pods"], ["claims", "Claims"], ["decisions", "Decisions"]];

export class Tabs {
  /** @param {HTMLElement} element @param {(view: string) => void} go */
  constructor(element, go) {
    /** @type {Map<string, any>} */
    this.links = new Map(TABS.map(([view, title]) => [view, h("a", {
      href: `#/${view}`,
      // By hand, so that search and what-if go along.
      onclick: (/** @type {MouseEvent} */ event) => { if (!event.ctrlKey && !event.metaKey && !event.shiftKey) { event.preventDefault(); go(view); } },
    }, title)]));
    /** @type {Map<string, HTMLElement>} */
    this.counts = new Map();
    fill(element, [...this.links.values()]);
  }

  /** @param {string} view */
  title(view) {
    return TABS.find(([name]) => name === view)?.[1] ?? "";
  }

  /** @param {string} view */
  mark(view) {
    for (const [name, link] of this.links) {
      if (name === view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  /** Shows that something waits there. @param {string} view @param {number} count */
  count(view, count) {
    const link = this.links.get(view);
    renew(link, this.title(view), count ? [" ", h("span", { class: "bubble", title: `${count} pending` }, String(count), h("span", { class: "unseen" }, " pending"))] : null);
  }
}
