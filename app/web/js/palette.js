/** How a device looks: a color and a shape for each state, a bar for its driver. Drawn once, then copied. */
import { STATES } from "./fleet.js";

/** @typedef {{ colourBy: string, cell: number, ratio: number }} Look */
/** @typedef {Record<string, ImageBitmap[]>} Sheet */

/** What each state means, for the legend. @type {Record<string, string>} */
export const MEANINGS = {
  free: "No claim holds it",
  taken: "A claim holds it",
  shared: "Claims hold shares of it",
  assumed: "Allocated, not yet confirmed by the API server",
  tainted: "Free, but tainted: only for claims that tolerate it",
  unusable: "Its pool is incomplete or invalid",
};
export const DRIVER_COLOURS = 8;

export class Palette {
  constructor() {
    /** @type {Map<string, Sheet>} */
    this.sheets = new Map();
    /** @type {Record<string, string>} */
    this.colours = {};
    this.theme = "";
    this.refresh();
  }

  /** Reads the colors of the style sheet: after a change between light and dark. */
  refresh() {
    const style = getComputedStyle(document.documentElement);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`).trim();
    this.theme = style.colorScheme + colour("surface");
    this.sheets.clear();
    for (const name of [...STATES, "surface", "text", "muted", "faint", "accent", "line", "plan", "heat"]) {
      this.colours[name] = colour(name);
      this.colours[`${name}-fill`] = colour(`${name}-fill`);
    }
    for (let index = 0; index < DRIVER_COLOURS; index += 1) this.colours[`driver-${index}`] = colour(`driver-${index}`);
  }

  /** The color of a node of which this share (0 to 1) is in use. @param {number} share */
  heat(share) {
    return `color-mix(in srgb, ${this.colours["taken"]} ${Math.round(share * 100)}%, ${this.colours["heat"]})`;
  }

  /** @param {number} index */
  driver(index) {
    return this.colours[`driver-${index % DRIVER_COLOURS}`];
  }

  /**
   * All pictures of a look, by state, in the order of drivers; the first is without a bar.
   * @param {Look} look @returns {Sheet}
   */
  sheet(look) {
    const key = `${look.colourBy} ${look.cell} ${look.ratio}`;
    let sheet = this.sheets.get(key);
    if (!sheet) {
      const drivers = Array.from({ length: DRIVER_COLOURS + 1 }, (_, index) => index);
      sheet = Object.fromEntries(STATES.map((state) => [state, drivers.map((driver) => this.sprite(state, driver - 1, look))]));
      this.sheets.set(key, sheet);
    }
    return sheet;
  }

  /** A device's picture. @param {string} state @param {number} driver -1 for no bar @param {Look} look @returns {ImageBitmap} */
  sprite(state, driver, look) {
    const size = Math.ceil(look.cell * look.ratio);
    const canvas = new OffscreenCanvas(size, size);
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.scale(look.ratio, look.ratio);
    this.draw(context, state, driver, look);
    return canvas.transferToImageBitmap();
  }

  /** @param {OffscreenCanvasRenderingContext2D} context @param {string} state @param {number} driver @param {Look} look */
  draw(context, state, driver, { cell, colourBy, ratio }) {
    const byDriver = colourBy === "driver" && driver >= 0;
    const strong = byDriver ? this.driver(driver) : this.colours[state];
    const weak = byDriver ? this.colours["surface"] : this.colours[`${state}-fill`];
    const radius = cell > 12 ? 3 : cell > 8 ? 2 : 1;
    const bar = byDriver || driver < 0 ? 0 : cell > 18 ? 3 : cell > 12 ? 2 : 1;
    const height = bar ? cell - bar - 1 : cell;
    const outline = new Path2D();
    // A line of whole pixels, on whole pixels.
    const stroke = Math.max(1, Math.round(ratio)) / ratio;
    outline.roundRect(stroke / 2, stroke / 2, cell - stroke, height - stroke, radius);
    context.fillStyle = state === "taken" ? strong : weak;
    context.fill(outline);
    context.save();
    context.clip(outline);
    pattern(context, state, strong, cell, height);
    context.restore();
    context.lineWidth = stroke;
    context.strokeStyle = strong;
    if (state === "unusable") context.setLineDash([2, 2]);
    context.stroke(outline);
    context.setLineDash([]);
    if (bar) {
      context.fillStyle = this.driver(driver);
      context.fillRect(0, cell - bar, cell, bar);
    }
  }
}

/** The part that is recognizable without color. @param {OffscreenCanvasRenderingContext2D} context @param {string} state @param {string} colour @param {number} cell @param {number} height */
function pattern(context, state, colour, cell, height) {
  context.fillStyle = context.strokeStyle = colour;
  const middle = height / 2;
  context.beginPath();
  switch (state) {
    case "shared":
      context.moveTo(0, height);
      context.lineTo(0, 0);
      context.lineTo(cell, 0);
      context.fill();
      break;
    case "assumed":
      context.arc(cell / 2, middle, height / 4, 0, Math.PI * 2);
      context.fill();
      break;
    case "tainted":
      context.lineWidth = cell > 12 ? 1.6 : 1.2;
      for (let at = -cell; at < cell * 2; at += cell > 12 ? 5 : 3.5) {
        context.moveTo(at, cell);
        context.lineTo(at + cell, 0);
      }
      context.stroke();
      break;
    case "unusable":
      context.lineWidth = cell > 12 ? 1.6 : 1.2;
      context.moveTo(cell * 0.25, height * 0.25);
      context.lineTo(cell * 0.75, height * 0.75);
      context.moveTo(cell * 0.75, height * 0.25);
      context.lineTo(cell * 0.25, height * 0.75);
      context.stroke();
      break;
    default:
  }
}
