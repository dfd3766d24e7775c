/** Draws the part of the map that is in view. */

import { DRIVER_COLOURS } from "./palette.js";

/** @typedef {import("./layout.js").Layout} Layout */
/** @typedef {import("./fleet.js").Device} Device */
/** @typedef {import("./palette.js").Palette} Palette */
/**
 * @typedef {object} Scene
 * @property {Layout} layout
 * @property {Palette} palette
 * @property {string} colourBy
 * @property {string[]} drivers
 * @property {(device: Device) => boolean} dimmed
 * @property {string} cursor key of the device that the keyboard is at
 * @property {string} hover
 * @property {string} selected
 * @property {Map<string, string>} planned devices that a dry run has given, with the Pod
 * @property {Set<string>} tainted devices that a dry run takes for tainted
 * @property {Set<string>} drained nodes that a dry run goes without
 */

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Scene} scene
 * @param {{ top: number, width: number, height: number }} view
 * @returns {number} devices drawn
 */
export function paint(canvas, scene, view) {
  const ratio = devicePixelRatio || 1;
  const width = Math.round(view.width * ratio), height = Math.round(view.height * ratio);
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, view.width, view.height);
  context.translate(0, -view.top);
  const { layout } = scene;
  const [first, end] = layout.between(view.top, view.top + view.height);
  const look = { colourBy: scene.colourBy, cell: layout.density.cell, ratio };
  const sheet = scene.palette.sheet(look);
  let drawn = 0;
  for (let index = first; index < end; index += 1) drawn += tile(context, scene, index, sheet);
  return drawn;
}

/** @param {CanvasRenderingContext2D} context @param {Scene} scene @param {number} index @param {import("./palette.js").Sheet} sheet */
function tile(context, scene, index, sheet) {
  const { layout, palette } = scene;
  const { density } = layout;
  const place = layout.tile(index);
  const { row } = place;
  const drained = scene.drained.has(row.name);
  if (density.label) label(context, scene, place, drained);
  const { cell } = density;
  const bars = scene.drivers.length > 1 || scene.colourBy === "driver";
  // With a bar below, the square is not as high as the cell.
  const middle = bars && scene.colourBy !== "driver" ? cell * 0.42 : cell / 2;
  row.devices.forEach((device, number) => {
    const [x, y] = layout.corner(place, number);
    const { key } = device;
    const tainted = scene.tainted.has(key);
    const alpha = drained ? 0.25 : scene.dimmed(device) ? 0.16 : 1;
    const state = tainted && device.state === "free" ? "tainted" : device.state;
    if (alpha !== 1) context.globalAlpha = alpha;
    context.drawImage(sheet[state][bars ? 1 + (device.colour % DRIVER_COLOURS) : 0], x, y, cell, cell);
    if (alpha !== 1) context.globalAlpha = 1;
    if (scene.planned.has(key)) plan(context, palette, x, y, cell, middle);
    else if (tainted) frame(context, palette.colours.plan, x, y, cell, 1, 1);
    if (key === scene.hover) frame(context, palette.colours.text, x, y, cell, 1, 1);
    if (key === scene.selected) frame(context, palette.colours.accent, x, y, cell, 2, 2);
    if (key === scene.cursor) frame(context, palette.colours.text, x, y, cell, 2, 3);
  });
  if (!row.devices.length && density.label) {
    context.fillStyle = palette.colours.faint;
    context.fillText("no devices", place.x + density.label, place.y + density.pad + density.cell / 2);
  }
  return row.devices.length;
}

/** @param {CanvasRenderingContext2D} context @param {Scene} scene @param {import("./layout.js").Tile} place @param {boolean} drained */
function label(context, scene, { row, x, y }, drained) {
  const { density } = scene.layout;
  const { colours } = scene.palette;
  context.font = `${density.font}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  const middle = y + density.pad + density.cell / 2;
  const off = drained || row.unschedulable;
  context.fillStyle = off ? colours.faint : colours.muted;
  const name = row.name === "*" ? "shared devices" : row.name;
  const text = fitted(context, name, density.label - 12);
  context.fillText(text, x, middle);
  if (off) {
    context.fillStyle = drained ? colours.plan : colours.faint;
    context.fillRect(x, middle, context.measureText(text).width, 1);
  }
}

/** @param {CanvasRenderingContext2D} context @param {Palette} palette @param {number} x @param {number} y @param {number} cell @param {number} middle */
function plan(context, palette, x, y, cell, middle) {
  context.beginPath();
  context.arc(x + cell / 2, y + middle, Math.max(2, cell / 4.5), 0, Math.PI * 2);
  context.fillStyle = palette.colours.plan;
  context.fill();
  frame(context, palette.colours.plan, x, y, cell, 2, 1.5);
}

/** @param {CanvasRenderingContext2D} context @param {string} colour @param {number} x @param {number} y @param {number} cell @param {number} width @param {number} out */
function frame(context, colour, x, y, cell, width, out) {
  context.lineWidth = width;
  context.strokeStyle = colour;
  context.beginPath();
  context.roundRect(x - out + 0.5, y - out + 0.5, cell + 2 * out - 1, cell + 2 * out - 1, 4);
  context.stroke();
}

/** @type {Map<string, string>} */
const fits = new Map();

/** A name cut in its middle, where it differs least. @param {CanvasRenderingContext2D} context @param {string} text @param {number} width */
function fitted(context, text, width) {
  const key = `${context.font} ${width} ${text}`;
  let cut = fits.get(key);
  if (cut === undefined) {
    cut = text;
    for (let keep = Math.min(text.length - 1, 60); keep > 4 && context.measureText(cut).width > width; keep -= 1) {
      cut = `${text.slice(0, Math.floor(keep / 3))}…${text.slice(text.length - Math.ceil((keep * 2) / 3))}`;
    }
    if (fits.size > 20000) fits.clear();
    fits.set(key, cut);
  }
  return cut;
}
