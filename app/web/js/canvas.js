/** Draws the part of the map that is in view, on whole pixels of the screen whatever its ratio. */

import { DRIVER_COLOURS } from "./palette.js";

/** @typedef {import("./layout.js").Layout} Layout */
/** @typedef {import("./fleet.js").Device} Device */
/** @typedef {import("./palette.js").Palette} Palette */
/**
 * @typedef {object} Scene
 * @property {Layout} layout
 * @property {Palette} palette
 * @property {import("./names.js").Names} names
 * @property {string} colourBy
 * @property {string[]} drivers
 * @property {(device: Device) => boolean} dimmed
 * @property {string} cursor key of the device that the keyboard is at
 * @property {string} hover key of a device, in a heat map the name of a node
 * @property {string} selected
 * @property {string} selectedNode
 * @property {Map<string, string>} planned devices that a dry run has given, with the Pod
 * @property {Set<string>} plannedNodes nodes of these devices
 * @property {Set<string>} tainted devices that a dry run takes for tainted
 * @property {Set<string>} drained nodes that a dry run goes without
 * @property {Map<string, number>} index places of the rows by name
 * @property {{ version: number, key: string, picture: OffscreenCanvas | null }} squares those of a heat map, kept from frame to frame
 */

const HEAT_STEPS = 11;

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Scene} scene
 * @param {{ top: number, width: number, height: number }} view
 * @returns {number} devices drawn, in a heat map nodes whose squares could not be copied
 */
export function paint(canvas, scene, view) {
  const ratio = devicePixelRatio || 1;
  const width = Math.round(view.width * ratio), height = Math.round(view.height * ratio);
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, width, height);
  context.setTransform(ratio, 0, 0, ratio, 0, -Math.round(view.top * ratio));
  const { layout } = scene;
  titles(context, scene, view);
  const [first, end] = layout.between(view.top, view.top + view.height);
  if (layout.heat) return heat(context, scene, first, end, { top: view.top, ratio });
  const sheet = scene.palette.sheet({ colourBy: scene.colourBy, cell: layout.density.cell, ratio });
  let drawn = 0;
  for (let index = first; index < end; index += 1) drawn += tile(context, scene, index, sheet, ratio);
  return drawn;
}

/** @param {CanvasRenderingContext2D} context @param {Scene} scene @param {{ top: number, height: number }} view */
function titles(context, scene, view) {
  context.font = "600 12.5px system-ui, sans-serif";
  context.textBaseline = "middle";
  context.fillStyle = scene.palette.colours.text;
  for (const { text, x, y } of scene.layout.titles(view.top, view.top + view.height)) context.fillText(text, x, y);
}

/**
 * A square for each node, the darker the more of it is in use. Squares are drawn once and then copied: what a pointer
 * or a what-if marks is drawn over them.
 * @param {CanvasRenderingContext2D} context @param {Scene} scene @param {number} first @param {number} end @param {{ top: number, ratio: number }} at
 * @returns {number} squares drawn: none if all could be copied
 */
function heat(context, scene, first, end, { top, ratio }) {
  const { layout, palette, squares } = scene;
  const { width, height } = context.canvas;
  const key = [squares.version, first, end, top, width, height, ratio, palette.theme].join(" ");
  const fresh = squares.key !== key || !squares.picture;
  if (fresh) {
    squares.key = key;
    squares.picture = new OffscreenCanvas(width, height);
    drawSquares(/** @type {any} */ (squares.picture.getContext("2d")), context.getTransform(), scene, first, end, ratio);
  }
  context.save();
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.drawImage(/** @type {any} */ (squares.picture), 0, 0);
  context.restore();
  const marks = [...[...scene.drained].map((name) => [name, palette.colours.plan]), ...[...scene.plannedNodes].map((name) => [name, palette.colours.plan]),
    [scene.selectedNode, palette.colours.accent], [scene.hover, palette.colours.text]];
  for (const [name, colour] of marks) {
    const index = scene.index.get(name);
    if (index === undefined) continue;
    const { x, y } = layout.tile(index);
    frame(context, colour, x, y, layout.density.cell, 2, 1);
  }
  return fresh ? end - first : 0;
}

/**
 * By color: a change of color costs more than a square.
 * @param {OffscreenCanvasRenderingContext2D} context @param {DOMMatrix} transform @param {Scene} scene @param {number} first @param {number} end @param {number} ratio
 */
function drawSquares(context, transform, scene, first, end, ratio) {
  const { layout, palette } = scene;
  const size = Math.max(1, Math.round(layout.density.cell * ratio)) / ratio;
  context.setTransform(transform);
  /** @type {Map<string, number[]>} */
  const byColour = new Map();
  for (let index = first; index < end; index += 1) {
    const row = layout.rows[index];
    const colour = heatColour(palette, row, row.devices.length > 0 && row.devices.every(scene.dimmed));
    const known = byColour.get(colour);
    if (known) known.push(index);
    else byColour.set(colour, [index]);
  }
  for (const [colour, indexes] of byColour) {
    context.fillStyle = colour;
    for (const index of indexes) {
      const { x, y } = layout.tile(index);
      context.fillRect(snapped(x, ratio), snapped(y, ratio), size, size);
    }
  }
}

/** @param {Palette} palette @param {import("./fleet.js").Row} row @param {boolean} dimmed */
function heatColour(palette, row, dimmed) {
  const { used, usable } = row;
  if (!row.devices.length || dimmed) return palette.colours["line"];
  if (!usable) return palette.colours["unusable"];
  return palette.heat(Math.round((used / usable) * (HEAT_STEPS - 1)) / (HEAT_STEPS - 1));
}

/** @param {number} value @param {number} ratio */
function snapped(value, ratio) {
  return Math.round(value * ratio) / ratio;
}

/** @param {CanvasRenderingContext2D} context @param {Scene} scene @param {number} index @param {import("./palette.js").Sheet} sheet @param {number} ratio */
function tile(context, scene, index, sheet, ratio) {
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
    const corner = layout.corner(place, number);
    const x = snapped(corner[0], ratio), y = snapped(corner[1], ratio);
    const { key } = device;
    const tainted = scene.tainted.has(key);
    const alpha = drained ? 0.25 : scene.dimmed(device) ? 0.16 : 1;
    const state = tainted && device.state === "free" ? "tainted" : device.state;
    if (alpha !== 1) context.globalAlpha = alpha;
    const picture = sheet[state][bars ? 1 + (device.colour % DRIVER_COLOURS) : 0];
    // As many pixels as it has: a picture that is scaled is blurred.
    context.drawImage(picture, x, y, picture.width / ratio, picture.height / ratio);
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
  const text = fitted(context, scene.names, row.name, density.label - 12);
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

/** The whole name if it fits, else without what all names have, else cut in its middle. @param {CanvasRenderingContext2D} context @param {import("./names.js").Names} names @param {string} name @param {number} width */
function fitted(context, names, name, width) {
  const whole = name === "*" ? "shared devices" : name;
  if (context.measureText(whole).width <= width) return whole;
  const text = names.short(name);
  let cut = text;
  for (let keep = Math.min(text.length - 1, 60); keep > 4 && context.measureText(cut).width > width; keep -= 1) {
    cut = `${text.slice(0, Math.floor(keep / 2))}…${text.slice(text.length - Math.ceil(keep / 2))}`;
  }
  return cut;
}
