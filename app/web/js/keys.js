/** Keys that work everywhere but in fields and dialogs. */
import { keysOn } from "./dialogs.js";
import { VIEWS } from "./route.js";

export class Keys {
  /** @param {{ route: import("./route.js").Route, mapView: any, help: any, scenario: any, whatif: any }} parts */
  constructor(parts) {
    this.parts = parts;
  }

  listen() {
    addEventListener("keydown", (event) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      const target = /** @type {HTMLElement} */ (event.target);
      if (target.closest("dialog")) return;
      const field = target.closest("input, textarea, select");
      if (event.key === "Escape") this.escape(field);
      else if (field || !keysOn() || !this.press(event.key)) return;
      event.preventDefault();
    });
  }

  /** @param {Element | null} field */
  escape(field) {
    const { mapView } = this.parts;
    if (field) mapView.map.scroller.focus();
    else mapView.close();
  }

  /** @param {string} key @returns {boolean} whether it means anything */
  press(key) {
    const { route, mapView, help, scenario, whatif } = this.parts;
    const view = VIEWS[Number(key) - 1];
    if (view) route.go(view);
    else if (key === "/") this.search();
    else if (key === "?") help.open();
    else if (key === "[") mapView.denser(1);
    else if (key === "]") mapView.denser(-1);
    else if (key === "v") mapView.flip();
    else if (key === "u" && scenario.before.length) whatif.back();
    else if (key === "t") mapView.taintCurrent();
    else if (key === "d") mapView.drainCurrent();
    else return false;
    return true;
  }

  search() {
    const shown = [.../** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("main input[type=search]"))].find((input) => input.offsetParent);
    shown?.focus();
  }
}
