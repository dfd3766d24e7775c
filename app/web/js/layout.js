/** Where the rows and devices of the map are: pure arithmetic, so that a hit test needs no DOM. */

/** @typedef {import("./fleet.js").Row} Row */
/** @typedef {{ cell: number, gap: number, label: number, most: number, pad: number, font: number, between: number, heat?: boolean }} Density */
/** @typedef {{ row: Row, x: number, y: number, width: number, height: number }} Tile */
/** @typedef {{ first: number, count: number, lines: number, title: string }} Band */

/** @type {Record<string, Density>} */
export const DENSITIES = {
  comfortable: { cell: 22, gap: 3, label: 132, most: 16, pad: 7, font: 13, between: 22 },
  compact: { cell: 14, gap: 2, label: 104, most: 16, pad: 5, font: 12, between: 18 },
  dense: { cell: 8, gap: 1, label: 0, most: 16, pad: 3, font: 0, between: 9 },
  heat: { cell: 12, gap: 1, label: 0, most: 1, pad: 0, font: 0, between: 0, heat: true },
};
const MARGIN = 16, TITLE = 26;
/** Width of a character at a font size of 1, and the widest column of names. */
const LETTER = 0.58, WIDEST = 300;

/**
 * The density with a column of names as wide as the part that differs needs.
 * @param {Density} density @param {number} letters the most letters of a name that are not in all names
 * @returns {Density}
 */
export function widened(density, letters) {
  if (!density.label) return density;
  const needed = Math.ceil(letters * density.font * LETTER) + 16;
  return { ...density, label: Math.min(WIDEST, Math.max(density.label, needed)) };
}

export class Layout {
  /**
   * @param {Row[]} rows in order, those of a group together
   * @param {number} width of the map in CSS pixels
   * @param {Density} density
   * @param {((row: Row) => string) | null} [groupOf] a title for each group
   * @param {number} [height] of the window: a heat map fits into it as far as it can
   */
  constructor(rows, width, density, groupOf = null, height = 600) {
    this.rows = rows;
    this.heat = Boolean(density.heat);
    this.density = this.heat ? { ...density, ...heatCell(rows, width - 2 * MARGIN, height - MARGIN, groupOf) } : density;
    const longest = rows.reduce((most, row) => Math.max(most, row.devices.length), 1);
    this.perLine = this.heat ? 1 : Math.min(longest, density.most, Math.max(1, Math.floor((width - 2 * MARGIN - density.label + density.gap) / this.step)));
    const room = width - 2 * MARGIN, { between } = density;
    this.tileWidth = this.density.label + this.perLine * this.step - this.density.gap;
    this.columns = Math.max(1, Math.min(rows.length || 1, Math.floor((room + (this.heat ? this.density.gap : between)) / (this.tileWidth + (this.heat ? this.density.gap : between)))));
    if (this.heat) this.pitch = this.step;
    else this.pitch = this.columns > 1 ? Math.min((room + between) / this.columns, this.tileWidth + between * 2.5) : room;
    this.arrange(groupOf);
  }

  /** @param {((row: Row) => string) | null} groupOf */
  arrange(groupOf) {
    /** @type {Band[]} */
    this.bands = [];
    this.bandOfRow = new Int32Array(this.rows.length);
    let title = "";
    this.rows.forEach((row, index) => {
      const group = groupOf?.(row) ?? "";
      let band = this.bands.at(-1);
      if (!band || band.count === this.columns || (groupOf && group !== title)) {
        band = { first: index, count: 0, lines: 1, title: groupOf && (group !== title || !this.bands.length) ? group : "" };
        this.bands.push(band);
        title = group;
      }
      band.count += 1;
      band.lines = this.heat ? 1 : Math.max(band.lines, Math.ceil(row.devices.length / this.perLine));
      this.bandOfRow[index] = this.bands.length - 1;
    });
    this.tops = new Float64Array(this.bands.length + 1);
    this.tops[0] = MARGIN / 2;
    this.bands.forEach((band, at) => {
      const lines = band.lines * this.step - (this.heat ? 0 : this.density.gap);
      this.tops[at + 1] = this.tops[at] + (band.title ? TITLE : 0) + lines + 2 * this.density.pad;
    });
  }

  get step() {
    return this.density.cell + this.density.gap;
  }

  get height() {
    return this.tops[this.bands.length] + MARGIN / 2;
  }

  /** The band at a height, by halving. @param {number} y */
  bandAt(y) {
    let low = 0, high = this.bands.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.tops[middle] <= y) low = middle;
      else high = middle - 1;
    }
    return Math.max(0, low);
  }

  /** Where the rows of a band begin, below its title. @param {number} band */
  topOf(band) {
    return this.tops[band] + (this.bands[band].title ? TITLE : 0);
  }

  /** @param {number} index of the row @returns {Tile} */
  tile(index) {
    const at = this.bandOfRow[index], band = this.bands[at], y = this.topOf(at);
    return { row: this.rows[index], x: MARGIN + (index - band.first) * this.pitch, y, width: this.tileWidth, height: this.tops[at + 1] - y };
  }

  /** Rows between two heights: first and one behind the last. @param {number} top @param {number} bottom @returns {[number, number]} */
  between(top, bottom) {
    if (!this.rows.length) return [0, 0];
    const last = this.bands[this.bandAt(bottom)];
    return [this.bands[this.bandAt(top)].first, last.first + last.count];
  }

  /** Titles of groups between two heights. @param {number} top @param {number} bottom @returns {{ text: string, x: number, y: number }[]} */
  titles(top, bottom) {
    const found = [];
    for (let at = this.bandAt(top); at < this.bands.length && this.tops[at] <= bottom; at += 1) {
      if (this.bands[at].title) found.push({ text: this.bands[at].title, x: MARGIN, y: this.tops[at] + TITLE / 2 + 2 });
    }
    return found;
  }

  /** The left upper corner of a device. @param {Tile} tile @param {number} index @returns {[number, number]} */
  corner(tile, index) {
    if (this.heat) return [tile.x, tile.y];
    return [
      tile.x + this.density.label + (index % this.perLine) * this.step,
      tile.y + this.density.pad + Math.floor(index / this.perLine) * this.step,
    ];
  }

  /**
   * What is at a point: a row, and which of its devices (-1: its name, or the whole node in a heat map).
   * @param {number} x @param {number} y @returns {{ index: number, device: number } | null}
   */
  at(x, y) {
    if (!this.rows.length || y < this.tops[0] || y >= this.tops[this.bands.length]) return null;
    const column = Math.floor((x - MARGIN) / this.pitch), at = this.bandAt(y), band = this.bands[at];
    if (x < MARGIN || column >= band.count || y < this.topOf(at)) return null;
    const index = band.first + column;
    if (this.heat) return { index, device: -1 };
    const tile = this.tile(index);
    const right = x - tile.x - this.density.label;
    if (right < 0) return { index, device: -1 };
    const place = Math.floor(right / this.step);
    if (place >= this.perLine) return null;
    const line = Math.floor((y - tile.y - this.density.pad) / this.step);
    const device = Math.max(0, line) * this.perLine + place;
    return device < tile.row.devices.length ? { index, device } : null;
  }
}

/**
 * The largest squares with which all rows fit into the window, from 3 to 22 pixels.
 * @param {Row[]} rows @param {number} width @param {number} height @param {((row: Row) => string) | null} groupOf
 */
function heatCell(rows, width, height, groupOf) {
  /** @type {Map<string, number>} */
  const groups = new Map();
  for (const row of rows) {
    const name = groupOf?.(row) ?? "";
    groups.set(name, (groups.get(name) ?? 0) + 1);
  }
  for (let cell = 22; cell > 3; cell -= 1) {
    const gap = cell > 8 ? 2 : cell > 4 ? 1 : 0;
    const columns = Math.max(1, Math.floor((width + gap) / (cell + gap)));
    let used = 0;
    for (const count of groups.values()) used += Math.ceil(count / columns) * (cell + gap) + (groupOf ? TITLE : 0);
    if (used <= height) return { cell, gap };
  }
  return { cell: 3, gap: 0 };
}
