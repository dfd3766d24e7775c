/**
 * Elements, made without ever reading text as HTML: what objects of the cluster are named is not ours to trust.
 */

/** @typedef {Node | string | number | null | undefined | false} Child */

/** @type {WeakSet<Element>} */
const LISTENING = new WeakSet();

/**
 * Makes an element. `on…` properties are listeners, `class`, `data-…`, `aria-…` and the like are attributes,
 * true and false set and leave out an attribute.
 * @param {string} tag
 * @param {Record<string, any> | null} [properties]
 * @param {...(Child | Child[])} children
 * @returns {any}
 */
export function h(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) {
      element.addEventListener(name.slice(2), value);
      LISTENING.add(element);
    } else if (name === "value" || name === "checked") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...nodes(children));
  return element;
}

/**
 * Puts children in the place of what an element holds. If the focus was on something with a `data-key`, it goes
 * to what has that key now: news must not throw out who goes through a list by keyboard.
 * @param {Element} element
 * @param {...(Child | Child[])} children
 */
export function fill(element, ...children) {
  const active = /** @type {HTMLElement | null} */ (document.activeElement);
  const key = active && element.contains(active) ? active.dataset.key : undefined;
  element.replaceChildren(...nodes(children));
  if (key === undefined) return;
  const same = /** @type {HTMLElement[]} */ ([...element.querySelectorAll("[data-key]")]).find((known) => known.dataset.key === key);
  same?.focus({ preventScroll: true });
}

/** Whether an element was made with a listener. @param {Element} element */
export function listens(element) {
  return LISTENING.has(element);
}

/** @param {string} id @returns {any} */
export function byId(id) {
  return document.getElementById(id);
}

/** @param {number} count @param {string} one @param {string} [many] */
export function plural(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

/** A time as people read it, with the exact one on hover. @param {string | null | undefined} text */
export function time(text) {
  const at = new Date(text ?? NaN);
  if (Number.isNaN(at.getTime())) return h("span", { class: "faint" }, "not recorded");
  return h("time", { datetime: text, title: at.toISOString() }, ago(at.getTime()));
}

/** @param {number} at milliseconds @param {number} [now] */
export function ago(at, now = Date.now()) {
  const seconds = Math.max(0, Math.round((now - at) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} days ago`;
}

/** @param {(Child | Child[])[]} children @returns {(Node | string)[]} */
export function nodes(children) {
  return /** @type {any[]} */ (children)
    .flat()
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}
