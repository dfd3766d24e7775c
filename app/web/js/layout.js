/** Where everything on the map is: tiles of nodes in bands, bands below each other. Pure arithmetic. */

/** @typedef {import("./fleet.js").Row} Row */
/** @typedef {import("./fleet.js").Device} Device */
/** @typedef {{ cell: number, gap: number, label: number, most: number, pad: number, font: number, between: number }} Density */
/** @typedef {{ row: Row, x: number, y: number, width: number, height: number }} Tile */

/** @type {Record<string, Density>} */
export const DENSITIES = {
  comfortable: { cell: 22, gap: 3, label: 132, most: 16, pad: 7, font: 13, between: 22 },
  compact: { cell: 14, gap: 2, label: 104, most: 16, pad: 5, font: 12, between: 18 },
  dense: { cell: 8, gap: 1, label: 0, most: 16, pad: 3, font: 0, between: 9 },
};
const MARGIN = 16;

export class Layout {
  /**
   * @param {Row[]} rows in order
   * @param {number} width of the map in CSS pixels
   * @param {Density} density
   */
  constructor(rows, width, density) {
    this.rows = rows;
    this.density = density;
    const longest = rows.reduce((most, row) => Math.max(most, row.devices.length), 1);
    this.perLine = Math.min(longest, density.most, Math.max(1, Math.floor((width - 2 * MARGIN - density.label + density.gap) / this.step)));
    const least = density.label + this.perLine * this.step - density.gap;
    const room = width - 2 * MARGIN;
    const { between } = density;
    this.columns = Math.max(1, Math.min(rows.length || 1, Math.floor((room + between) / (least + between))));
    this.tileWidth = least;
    this.pitch = this.columns > 1 ? Math.min((room + between) / this.columns, least + between * 2.5) : room;
    this.bands = Math.ceil(rows.length / this.columns);
    this.tops = new Float64Array(this.bands + 1);
    this.tops[0] = MARGIN / 2;
    for (let band = 0; band < this.bands; band += 1) {
      let lines = 1;
      for (let at = band * this.columns; at < Math.min(rows.length, (band + 1) * this.columns); at += 1) {
        lines = Math.max(lines, Math.ceil(rows[at].devices.length / this.perLine));
      }
      this.tops[band + 1] = this.tops[band] + lines * this.step - density.gap + 2 * density.pad;
    }
  }

  get step() {
    return this.density.cell + this.density.gap;
  }

  get height() {
    return this.tops[this.bands] + MARGIN / 2;
  }

  /** The band at a height, by halving. @param {number} y */
  bandAt(y) {
    let low = 0, high = this.bands - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.tops[middle] <= y) low = middle;
      else high = middle - 1;
    }
    return Math.max(0, low);
  }

  /** @param {number} index of the row @returns {Tile} */
  tile(index) {
    const band = Math.floor(index / this.columns);
    return {
      row: this.rows[index],
      x: MARGIN + (index % this.columns) * this.pitch,
      y: this.tops[band],
      width: this.tileWidth,
      height: this.tops[band + 1] - this.tops[band],
    };
  }

  /** Rows between two heights: first and one behind the last. @param {number} top @param {number} bottom @returns {[number, number]} */
  between(top, bottom) {
    if (!this.rows.length) return [0, 0];
    return [this.bandAt(top) * this.columns, Math.min(this.rows.length, (this.bandAt(bottom) + 1) * this.columns)];
  }

  /** The left upper corner of a device. @param {Tile} tile @param {number} index @returns {[number, number]} */
  corner(tile, index) {
    return [
      tile.x + this.density.label + (index % this.perLine) * this.step,
      tile.y + this.density.pad + Math.floor(index / this.perLine) * this.step,
    ];
  }

  /**
   * What is at a point: a row, and which of its devices (-1: its name).
   * @param {number} x @param {number} y @returns {{ index: number, device: number } | null}
   */
  at(x, y) {
    if (!this.rows.length || y < this.tops[0] || y >= this.tops[this.bands]) return null;
    const column = Math.floor((x - MARGIN) / this.pitch);
    const index = this.bandAt(y) * this.columns + column;
    if (x < MARGIN || column >= this.columns || index >= this.rows.length) return null;
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
