/** Work after updates, done when it is worth it: not while the page is hidden, and never more than a fifth of the time. */

export class Pace {
  /**
   * @param {() => Promise<void>} work
   * @param {number} least milliseconds from one start to the next
   */
  constructor(work, least) {
    this.work = work;
    this.least = least;
    this.due = 0;
    this.timer = 0;
    this.running = false;
    this.wanted = false;
    document.addEventListener("visibilitychange", () => { if (this.wanted) this.ask(); });
  }

  /** Requests the work: now, or as soon as it is due. */
  ask() {
    this.wanted = true;
    if (this.running || this.timer || document.hidden) return;
    this.timer = setTimeout(() => this.start(), Math.max(0, this.due - Date.now()));
  }

  async start() {
    this.timer = 0;
    this.wanted = false;
    this.running = true;
    const begun = Date.now();
    try {
      await this.work();
    } finally {
      this.running = false;
      this.due = Math.max(begun + this.least, Date.now() + 4 * (Date.now() - begun));
      if (this.wanted) this.ask();
    }
  }
}
