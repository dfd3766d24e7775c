/** The state of the connection, as a person needs it: are these figures from now? */
import { byId } from "./dom.js";

let last = "";

/** @param {import("./stream.js").Link} link @param {import("./fleet.js").Fleet} fleet @param {(text: string) => void} announce */
export function showLink(link, fleet, announce) {
  const pill = byId("link"), text = byId("link-text"), banner = byId("banner");
  pill.dataset.kind = link.kind;
  const since = link.since ? new Date(link.since).toLocaleTimeString("en-GB") : "";
  text.textContent = { connecting: "connecting", live: "live", polling: `as of ${since}`, stale: fleet.loaded ? `stale since ${since}` : "no answer" }[link.kind];
  pill.title = link.error ? `${link.error}; click to retry now` : `Revision ${fleet.revision}`;
  banner.hidden = link.kind !== "stale";
  if (link.kind === "stale") {
    const said = fleet.loaded ? `This data is from ${since}: ${link.error} Retrying.` : `No data yet: ${link.error} Retrying.`;
    // Set only if it changed, because screen readers announce it.
    if (banner.textContent !== said) banner.textContent = said;
  }
  if (link.kind === "live" && (last === "stale" || last === "polling")) announce("Live again");
  last = link.kind;
}
