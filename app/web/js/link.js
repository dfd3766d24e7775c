/** The state of the connection, as a person needs it: are these figures from now? */
import { byId } from "./dom.js";
import { write } from "./renew.js";

/** @typedef {import("./stream.js").Link} Link */

let last = "";
const GOOD = new Set(["connecting", "live", "polling"]);

/** @param {Link} link @param {import("./fleet.js").Fleet} fleet @param {(text: string) => void} announce */
export function showLink(link, fleet, announce) {
  const pill = byId("link"), banner = byId("banner");
  const since = link.since ? new Date(link.since).toLocaleTimeString("en-GB") : "";
  pill.dataset.kind = link.kind;
  // Written only if they changed, because screen readers announce them.
  write(byId("link-text"), short(link, since, fleet.loaded));
  pill.title = link.error ? `${link.error} Click to retry now` : `Revision ${fleet.revision}`;
  banner.hidden = GOOD.has(link.kind);
  write(banner, banner.hidden ? "" : said(link, since, fleet.loaded));
  if (link.kind === "live" && last !== "live" && last !== "connecting") announce("Live again");
  last = link.kind;
}

/** @param {Link} link @param {string} since @param {boolean} loaded */
function short({ kind }, since, loaded) {
  if (kind === "stale") return loaded ? `stale since ${since}` : "no answer";
  return { connecting: "connecting", live: "live", late: `late since ${since}`, polling: `as of ${since}`, refused: "not live", login: "log in" }[kind];
}

/** What it is, and what to do. @param {Link} link @param {string} since @param {boolean} loaded */
function said({ kind, error }, since, loaded) {
  const data = loaded ? `This data is from ${since}` : "No data yet";
  switch (kind) {
    case "late": return `This data may be old: the service has had no event from the API server since ${since}. Its log and /readyz?verbose have the reason.`;
    case "refused": return `${loaded ? "Not live" : "No data yet"}: ${error} Views that you may read are updated every few seconds.`;
    case "login": return `${data}: ${error} Click “log in” to enter one.`;
    default: return `${data}: ${error} Retrying.`;
  }
}
