/** A small line of the last 24 hours. */

const SPACE = "http://www.w3.org/2000/svg";
const WIDTH = 160, HEIGHT = 32;

/**
 * A line over time, with its first and last value in words. Null leaves a gap.
 * @param {string[]} at times, RFC 3339
 * @param {(number | null)[]} values
 * @param {string} title what the numbers are
 * @param {(value: number) => string} text
 * @returns {Element | null} null with less than two values
 */
export function line(at, values, title, text) {
  const known = /** @type {number[]} */ (values.filter((value) => value !== null));
  if (known.length < 2) return null;
  const low = Math.min(...known), high = Math.max(...known);
  const times = at.map((moment) => Date.parse(moment));
  const span = Math.max(1, (times.at(-1) ?? 0) - times[0]);
  const x = (/** @type {number} */ index) => ((times[index] - times[0]) / span) * WIDTH;
  const y = (/** @type {number} */ value) => HEIGHT - 3 - (high > low ? ((value - low) / (high - low)) * (HEIGHT - 6) : (HEIGHT - 6) / 2);
  let path = "", open = false;
  values.forEach((value, index) => {
    if (value !== null) path += `${open ? "L" : "M"}${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
    open = value !== null;
  });
  const picture = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "line-chart", role: "img", preserveAspectRatio: "none" });
  picture.setAttribute("aria-label", `${title} over the last ${hours(span)}: from ${text(known[0])} to ${text(known.at(-1) ?? 0)}, between ${text(low)} and ${text(high)}`);
  const label = element("title", {});
  label.textContent = picture.getAttribute("aria-label");
  picture.append(label, element("path", { d: path, class: "line-path", "vector-effect": "non-scaling-stroke" }));
  return picture;
}

/** @param {number} span milliseconds */
export function hours(span) {
  const minutes = Math.max(1, Math.round(span / 60000));
  return minutes < 90 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

/** @param {string} tag @param {Record<string, string>} attributes */
function element(tag, attributes) {
  const made = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}
