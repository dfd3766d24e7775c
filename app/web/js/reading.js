/** One answer of the API that a view shows: kept when a later read fails, and read again until that works. */
import { passes } from "./states.js";

const FIRST_WAIT = 2000;
const LONGEST_WAIT = 30000;

export class Reading {
  /**
   * @param {() => Promise<any>} work reads it
   * @param {() => void} changed called after each read
   * @param {() => boolean} wanted whether it is in view
   */
  constructor(work, changed, wanted) {
    this.work = work;
    this.changed = changed;
    this.wanted = wanted;
    /** @type {any} null before the first answer */
    this.data = null;
    /** @type {any} of the last read */
    this.error = null;
    /** When the data was read, milliseconds. */
    this.at = 0;
    this.turn = 0;
    this.failures = 0;
    this.timer = 0;
  }

  /** Reads it. Of several reads at once, the last one counts. */
  async read() {
    clearTimeout(this.timer);
    this.turn += 1;
    const { turn } = this;
    try {
      const data = await this.work();
      if (turn !== this.turn) return;
      Object.assign(this, { data, error: null, at: Date.now(), failures: 0 });
    } catch (error) {
      if (turn !== this.turn) return;
      this.error = error;
      this.failures += 1;
      if (passes(error)) this.timer = setTimeout(() => { if (this.wanted()) this.read(); }, Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (this.failures - 1)));
    }
    this.changed();
  }

  /** Forgets what was read: the next answer is to another question. */
  forget() {
    this.turn += 1;
    Object.assign(this, { data: null, error: null, at: 0 });
  }
}
