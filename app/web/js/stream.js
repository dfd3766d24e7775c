/**
 * News of the inventory: server-sent events over fetch (which can send a token, EventSource cannot). While they
 * do not come through, /api/v1/changes is polled, so that a proxy that holds streams back costs
 * seconds, not the page.
 */
import { get, send } from "./api.js";
import { sentence, stateOf } from "./states.js";

const FIRST_WAIT = 1000;
const LONGEST_WAIT = 15000;
const SILENCE = 40000;

/** @typedef {{ revision: string, cursor: string, nodes: number, changed: string[] | null, decisions: number, lateSeconds: number | null }} News */
/**
 * @typedef {{ kind: "connecting" | "live" | "late" | "polling" | "stale" | "refused" | "login", since?: number, error?: string }} Link
 *   late: the service itself has no news from the API server; refused: the user may not read changes; since: milliseconds
 */

export class Stream {
  /**
   * @param {(news: News) => Promise<void> | void} onNews
   * @param {(link: Link) => void} onLink
   */
  constructor(onNews, onLink) {
    this.onNews = onNews;
    this.onLink = onLink;
    this.cursor = "";
    this.heard = Date.now();
    this.failures = 0;
    /** Since when the service has no news from the API server, milliseconds; 0 if it has. */
    this.lateSince = 0;
    /** @type {(() => void) | null} */
    this.wake = null;
  }

  /** Never returns. */
  async run() {
    this.onLink({ kind: "connecting" });
    for (;;) {
      let error = "The stream ended.";
      try {
        // The service ends each stream after a while, to authenticate again: the next one is opened at once.
        while (await this.listen()) this.failures = 0;
      } catch (caught) {
        error = sentence(caught);
      }
      await this.bridge(error);
    }
  }

  /** Tries again at once. */
  retry() {
    this.wake?.();
  }

  /** One stream, to its end. @returns {Promise<boolean>} whether anything came by it */
  async listen() {
    const stop = new AbortController();
    let timer = 0, live = false;
    const watch = () => {
      clearTimeout(timer);
      timer = setTimeout(() => stop.abort(new Error("No data for 40 s.")), SILENCE);
    };
    watch();
    try {
      const answer = await send(`/api/v1/stream?since=${encodeURIComponent(this.cursor)}`, { signal: stop.signal });
      const reader = /** @type {ReadableStream<Uint8Array>} */ (answer.body).pipeThrough(new TextDecoderStream()).getReader();
      let buffer = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return live;
        watch();
        buffer += value;
        const events = buffer.split("\n\n");
        buffer = events.pop() ?? "";
        this.failures = 0;
        this.heard = Date.now();
        live = true;
        for (const event of events) await this.read(event);
        this.onLink(this.current());
      }
    } finally {
      clearTimeout(timer);
      stop.abort();
    }
  }

  /** The link while news comes. @returns {Link} */
  current() {
    return this.lateSince ? { kind: "late", since: this.lateSince } : { kind: "live" };
  }

  /** @param {string} event */
  async read(event) {
    const data = event.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5)).join("\n");
    if (data) await this.tell(JSON.parse(data));
  }

  /** @param {News} news */
  async tell(news) {
    // The cursor moves on only when the news has been taken in.
    await this.onNews(news);
    this.cursor = news.cursor;
    this.lateSince = news.lateSeconds === null ? 0 : Date.now() - news.lateSeconds * 1000;
  }

  /** Waits before the next attempt, asking once what has changed. @param {string} error */
  async bridge(error) {
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.failures) * (0.75 + Math.random() / 2);
    this.failures += 1;
    try {
      const news = await get("/api/v1/changes", { since: this.cursor });
      await this.tell(news);
      this.heard = Date.now();
      this.onLink(this.lateSince ? this.current() : { kind: "polling", since: this.heard, error });
    } catch (/** @type {any} */ caught) {
      const state = stateOf(caught);
      this.onLink({ kind: state === "forbidden" ? "refused" : state === "login" ? "login" : "stale", since: this.heard, error: sentence(caught) });
    }
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, wait);
      this.wake = () => { clearTimeout(timer); resolve(null); };
    });
    this.wake = null;
  }
}
