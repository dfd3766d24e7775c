/** The lines above the map: what is searched for and found, and what is wrong. */
import { h, plural } from "./dom.js";
import { renew, write } from "./renew.js";
import { trouble } from "./states.js";

const HEAT = "Each square is a node: the darker, the more of its devices are in use";

export class MapStatus {
  /** @param {import("./map.js").FleetMap} map */
  constructor(map) {
    this.map = map;
    this.trouble = h("div");
    this.note = h("p", { id: "search-note", class: "note", role: "status" });
  }

  render() {
    const { fleet, search } = this.map;
    renew(this.trouble, fleet.error && trouble(fleet.error, { since: fleet.loaded ? fleet.refusedAt : 0 }));
    this.note.classList.toggle("error", Boolean(search.error));
    write(this.note, search.error || this.parts().filter(Boolean).join(". "));
  }

  parts() {
    const { fleet, search, density } = this.map;
    const rows = this.map.rows(), found = this.map.matched?.size ?? 0;
    return [
      !fleet.loaded && fleet.rows.size > 0 && `Reading the inventory: ${plural(fleet.rows.size, "node")} so far`,
      fleet.loaded && !fleet.devices.size && fleet.rows.size > 1 && "No driver has published devices. Install a DRA driver, or check its Pods: kubectl get resourceslices",
      density === "heat" && fleet.loaded && HEAT,
      search.active && `${plural(found, "device")} on ${plural(rows.length, "node")}`,
      search.note,
    ];
  }
}
