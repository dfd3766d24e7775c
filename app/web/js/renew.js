/**
 * Puts new children in the place of old ones, and leaves what is equal where it is: focus, selection and scroll
 * position stay, and screen readers repeat nothing. Listeners of what stays are those of before, so they may
 * hold on to names, and not to objects.
 */
import { listens, nodes } from "./dom.js";

const ITEMS = new Set(["LI", "TR"]);

/** @param {Element} element @param {...(import("./dom.js").Child | import("./dom.js").Child[])} children */
export function renew(element, ...children) {
  const active = /** @type {HTMLElement | null} */ (document.activeElement);
  const key = active && element.contains(active) ? active.dataset.key : undefined;
  const fresh = document.createDocumentFragment();
  fresh.append(...nodes(children));
  align(element, fresh);
  // What had the focus may have been replaced by its like.
  if (key === undefined || document.activeElement === active) return;
  const same = /** @type {HTMLElement[]} */ ([...element.querySelectorAll("[data-key]")]).find((known) => known.dataset.key === key);
  same?.focus({ preventScroll: true });
}

/** Sets a text, if it is another one. @param {Element} element @param {string} text */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {Node} old @param {Node} fresh whose children it gets */
function align(old, fresh) {
  const wanted = [...fresh.childNodes], names = namesOf(wanted), there = new Set(names);
  const before = [...old.childNodes];
  /** @type {Map<string, Node>} */
  const named = new Map();
  namesOf(before).forEach((name, at) => {
    if (name && there.has(name)) named.set(name, before[at]);
    else if (name) before[at].remove();
  });
  let place = old.firstChild;
  for (const [at, child] of wanted.entries()) {
    const name = names[at], known = name ? named.get(name) : alike(place, child);
    // What was skipped without a name has nothing to become.
    while (known && !name && place !== known) place = dropped(place);
    const kept = known && merged(known, child) ? known : child;
    if (known === place) place = known?.nextSibling ?? null;
    if (kept === child || kept.nextSibling !== place) old.insertBefore(kept, place);
    if (known && kept === child) dropped(known);
  }
  while (place) place = dropped(place);
}

/** The next sibling without a name that can become this one. @param {Node | null} place @param {Node} fresh */
function alike(place, fresh) {
  for (let known = place; known && !nameOf(known); known = known.nextSibling) {
    if (known.isEqualNode(fresh) || mergeable(known, fresh)) return known;
  }
  return null;
}

/** @param {Node | null} node @returns {ChildNode | null} what follows it */
function dropped(node) {
  const next = /** @type {ChildNode} */ (node).nextSibling;
  /** @type {ChildNode} */ (node).remove();
  return next;
}

/** Makes an old node like a new one, if that is possible. @param {Node} old @param {Node} fresh */
function merged(old, fresh) {
  if (old.isEqualNode(fresh)) return true;
  if (!mergeable(old, fresh)) return false;
  if (old instanceof Text) old.data = /** @type {Text} */ (fresh).data;
  else align(old, fresh);
  return true;
}

/** Whether two nodes differ in their children at most. @param {Node} old @param {Node} fresh */
function mergeable(old, fresh) {
  if (old instanceof Text || fresh instanceof Text) return old instanceof Text && fresh instanceof Text;
  // A control has its own state and listener.
  return old instanceof Element && fresh instanceof Element && old.tagName === fresh.tagName && !listens(old) && !listens(fresh)
    && old.cloneNode(false).isEqualNode(fresh.cloneNode(false));
}

/** The names of siblings, of which equal ones are numbered. @param {Node[]} siblings */
function namesOf(siblings) {
  /** @type {Map<string, number>} */
  const seen = new Map();
  return siblings.map((node) => {
    const name = nameOf(node), times = (seen.get(name) ?? 0) + 1;
    seen.set(name, times);
    return name && times > 1 ? `${name} ${times}` : name;
  });
}

/** By what an item of a list, a row or a control is found again. @param {Node} node */
function nameOf(node) {
  if (!(node instanceof HTMLElement)) return "";
  if (node.dataset.key !== undefined || !ITEMS.has(node.tagName)) return node.dataset.key ?? "";
  return /** @type {HTMLElement | null} */ (node.querySelector("[data-key]"))?.dataset.key ?? "";
}
