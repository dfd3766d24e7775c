/** Light or dark: the system's choice, or that of the user. */

const KEY = "dra-extender.theme";
const NEXT = /** @type {Record<string, string>} */ ({ "": "light", light: "dark", dark: "" });

/** The choice of the user, or that of the system. @param {string} [choice] */
export function wantedTheme(choice = localStorage.getItem(KEY) ?? "") {
  return choice || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

export class Theme extends EventTarget {
  /** @param {HTMLElement} button */
  constructor(button) {
    super();
    this.choice = localStorage.getItem(KEY) ?? "";
    this.button = button;
    this.apply();
    button.addEventListener("click", () => {
      this.choice = NEXT[this.choice] ?? "";
      localStorage.setItem(KEY, this.choice);
      this.apply();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.apply());
  }

  apply() {
    document.documentElement.dataset.theme = wantedTheme(this.choice);
    this.button.title = `Theme: ${this.choice || "system"}`;
    this.dispatchEvent(new Event("change"));
  }
}
