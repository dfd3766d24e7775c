/** Names of nodes, shortened without losing what distinguishes them. */

export class Names {
  /** @param {string[]} names all of them @param {number} [most] letters that all names have in common may be left out beyond this length */
  constructor(names, most = 16) {
    const known = names.filter((name) => name !== "*");
    this.most = most;
    this.head = known.length > 1 ? common(known) : 0;
    this.tail = known.length > 1 ? common(known.map(reversed)) : 0;
    /** Letters of the longest name that is shown. */
    this.letters = known.reduce((longest, name) => Math.max(longest, this.short(name).length), 0);
  }

  /** The name, or the part of it that others do not have. @param {string} name */
  short(name) {
    if (name === "*") return "shared devices";
    if (name.length <= this.most) return name;
    let start = this.head, end = name.length - this.tail;
    // Whole words, and at least one letter: `pool-1` and `pool-12` differ by a tail that one of them has.
    while (start > 0 && !/[-._/]/.test(name[start - 1])) start -= 1;
    while (end < name.length && !/[-._/]/.test(name[end])) end += 1;
    if (end <= start) return name;
    const kept = name.slice(start, end);
    return `${start > 1 ? "…" : name.slice(0, start)}${kept}${end < name.length - 1 ? "…" : name.slice(end)}`;
  }
}

/** Letters that all have at their beginning. @param {string[]} names */
function common(names) {
  let [shared] = names;
  for (const name of names) {
    let at = 0;
    while (at < shared.length && shared[at] === name[at]) at += 1;
    shared = shared.slice(0, at);
  }
  return shared.length;
}

/** @param {string} text */
function reversed(text) {
  return [...text].toReversed().join("");
}
