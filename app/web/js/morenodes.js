/** The field of the what-if for more nodes like one there is. */
import { fill, h } from "./dom.js";

const OFFERED = 50;

export class MoreNodes {
  /**
   * @param {() => Iterable<string>} names of the nodes there are
   * @param {(like: string, count: number) => void} add
   */
  constructor(names, add) {
    this.names = names;
    this.add = add;
    this.offered = h("datalist", { id: "like-nodes" });
    this.like = h("input", { id: "like", list: "like-nodes", placeholder: "a node", autocomplete: "off", required: true, oninput: () => this.offer(), onfocus: () => this.offer() });
    this.count = h("input", { id: "count", type: "number", min: "1", max: "10000", value: "1", required: true });
    this.element = h("form", { class: "more", onsubmit: (/** @type {Event} */ event) => this.take(event) },
      h("label", { class: "field", for: "like" }, "Add nodes like", this.like),
      h("label", { class: "field", for: "count" }, "Number", this.count),
      h("button", { type: "submit" }, "Add"), this.offered);
  }

  /** Offers the names that fit what is typed: all of 5,000 would take a browser seconds to show. */
  offer() {
    const found = [];
    for (const name of this.names()) {
      if (name.includes(this.like.value)) found.push(name);
      if (found.length === OFFERED) break;
    }
    fill(this.offered, found.map((name) => h("option", { value: name })));
  }

  /** @param {Event} event */
  take(event) {
    event.preventDefault();
    this.add(this.like.value.trim(), Number(this.count.value));
    this.like.value = "";
    this.count.value = "1";
  }
}
