/** The page put together: the only module that knows all parts. */
import { askAgain, get, onUnauthorized } from "./api.js";
import { ClaimsView } from "./claims.js";
import { CompareDialog } from "./compare.js";
import { DecisionsView } from "./decisions.js";
import { HelpDialog, tokenQuestion } from "./dialogs.js";
import { ago, byId } from "./dom.js";
import { acceptDrops } from "./drops.js";
import { Fleet } from "./fleet.js";
import { Keys } from "./keys.js";
import { showLink } from "./link.js";
import { MapView } from "./mapview.js";
import { OverviewView } from "./overview.js";
import { Pace } from "./pace.js";
import { Palette } from "./palette.js";
import { PodsView } from "./pods.js";
import { write } from "./renew.js";
import { Route } from "./route.js";
import { Scenario } from "./scenario.js";
import { Search } from "./search.js";
import { Stream } from "./stream.js";
import { Tabs } from "./tabs.js";
import { Theme } from "./theme.js";
import { WhatIfPanel } from "./whatif.js";

const main = byId("main");
const announcer = byId("announcer");
const announce = (/** @type {string} */ text) => { announcer.textContent = text; };

const theme = new Theme(byId("theme"));
const palette = new Palette();
const route = new Route();
const fleet = new Fleet();
const search = new Search();
const scenario = new Scenario();

const openPod = (/** @type {string} */ namespace, /** @type {string} */ name) => route.goWith({ reason: "" }, "pods", namespace, name);
const openDevice = (/** @type {string} */ key) => mapView.openDevice(key);
const openNode = (/** @type {string} */ name) => mapView.openNode(name);

const narrow = (/** @type {string} */ namespace) => route.goWith({ ns: namespace }, route.place.view);
const openClaim = (/** @type {string} */ name) => { route.set({ claims: name }); route.go("claims"); };

const compare = new CompareDialog(scenario);
const whatif = new WhatIfPanel(scenario, {
  openDevice, openNode, openClaim, announce,
  compare: () => compare.open(),
  nodes: () => fleet.rows,
  showPlaced: () => mapView.showPlanned(),
});
const mapView = new MapView({ fleet, search, palette, route, scenario, whatif, announce, openPod });
acceptDrops(() => { if (route.place.view !== "whatif") route.go("whatif"); }, whatif);
const tabs = new Tabs(byId("views"), (view) => route.go(view));
const pods = new PodsView({ open: (namespace, name) => route.go("pods", ...[namespace, name].filter(Boolean)), openNode, openClaim, announce, onCount: (count) => tabs.count("pods", count), narrow, everyReason: () => route.goWith({ reason: "" }, "pods") });
const claims = new ClaimsView({ openDevice, openPod, onSearch: (query) => route.set({ claims: query }), narrow });
const decisions = new DecisionsView({ openPod, openNode });
const overview = new OverviewView({
  openPod, openNode, openClaim,
  find: (query) => mapView.find(query),
  pods: (reason) => route.goWith({ reason }, "pods"),
  changed: (query) => route.set(query),
});
const help = new HelpDialog();
const views = { overview, map: mapView, whatif: mapView, pods, claims, decisions };

main.append(overview.element, mapView.element, pods.element, claims.element, decisions.element);
document.body.append(help.element, compare.element);

let newest = 0;
const lists = new Pace(async () => {
  overview.refresh();
  await Promise.all([pods.refresh(), claims.refresh(), decisions.refresh(newest)]);
}, 1000);

/** Shows the view of the URL. */
async function show() {
  const { view, rest, query } = route.place;
  for (const part of new Set(Object.values(views))) part.element.hidden = part !== views[/** @type {keyof typeof views} */ (view)];
  tabs.mark(view);
  document.title = `${tabs.title(view)} · dra-extender`;
  if (view === "overview") await overview.show(query);
  if (view === "map" || view === "whatif") await mapView.enter(view);
  if (view === "pods") await pods.show(rest, query);
  if (view === "claims") await claims.show(query.claims ?? "", query.ns ?? "");
  if (view === "decisions") await decisions.refresh(newest);
}

const stream = new Stream(async (news) => {
  newest = news.decisions;
  await fleet.follow(news);
  lists.ask();
}, (link) => {
  showLink(link, fleet, announce);
  // Without news, what a user may see is read all the same.
  if (link.kind !== "refused") return;
  decisions.outdate();
  lists.ask();
});

// Ages go on while nothing happens.
setInterval(() => {
  if (document.hidden) return;
  for (const element of /** @type {NodeListOf<HTMLTimeElement>} */ (document.querySelectorAll("main time[datetime]"))) write(element, ago(Date.parse(element.dateTime)));
  overview.render();
  pods.render();
}, 10_000);
onUnauthorized(tokenQuestion());
byId("link").addEventListener("click", () => { askAgain(); stream.retry(); });
byId("help").addEventListener("click", () => help.open());
theme.addEventListener("change", () => { palette.refresh(); mapView.recolour(); });
route.addEventListener("change", show);
new Keys({ route, mapView, help, scenario, whatif }).listen();
// Without them the default counts; a comparison shows the error.
get("/api/v1/policies").then((answer) => whatif.offer(answer), () => {});
// For tests, and for the curious at the console.
Object.assign(globalThis, { draExtender: { fleet, map: mapView.map, scenario } });
await show();
await stream.run();
