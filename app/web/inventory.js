// The inventory as tables, kept up to date by /api/v1/stream.
const MOST_ROWS = 1000;
const body = (id) => document.getElementById(id);
let devices = [];

async function items(path) {
  const found = [];
  let cursor = "";
  do {
    const answer = await fetch(`${path}?limit=5000&cursor=${encodeURIComponent(cursor)}`);
    const page = await answer.json();
    if (!answer.ok) throw new Error(page.error?.message ?? answer.statusText);
    found.push(...page.items);
    cursor = page.next ?? "";
  } while (cursor);
  return found;
}

function row(...cells) {
  const line = document.createElement("tr");
  for (const cell of cells) {
    const data = line.insertCell();
    if (cell instanceof Node) data.append(cell);
    else data.textContent = cell;
  }
  return line;
}

function stateOf(device) {
  const mark = document.createElement("span");
  mark.className = `state ${device.state}`;
  mark.textContent = device.state;
  mark.title = device.note;
  return mark;
}

function showDevices() {
  const words = body("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const text = (device) => [...device.nodes, device.driver, device.pool, device.device, device.state, ...device.claims].join(" ").toLowerCase();
  const wanted = devices.filter((device) => words.every((word) => text(device).includes(word)));
  body("devices").replaceChildren(...wanted.slice(0, MOST_ROWS).map((device) =>
    row(device.nodes.join(", "), device.driver, device.pool, device.device, stateOf(device), device.claims.join(", "))));
  const hidden = wanted.length - Math.min(wanted.length, MOST_ROWS);
  body("more").textContent = hidden ? `${hidden} more: narrow the search.` : "";
}

async function show() {
  const [found, claims] = await Promise.all([items("/api/v1/devices"), items("/api/v1/claims")]);
  devices = found;
  showDevices();
  body("claims").replaceChildren(...claims.map((claim) => row(
    `${claim.namespace}/${claim.name}`,
    (claim.allocation?.devices?.results ?? []).map((result) => `${result.pool}/${result.device}`).join(", ") || "none yet",
    claim.reservedFor.map((consumer) => consumer.name).join(", "))));
}

body("filter").addEventListener("input", showDevices);
const stream = new EventSource("/api/v1/stream");
stream.addEventListener("revision", async (event) => {
  try {
    await show();
    body("status").textContent = `${JSON.parse(event.data).nodes} nodes, ${devices.length} devices, revision ${event.lastEventId}`;
  } catch (error) {
    body("status").textContent = `Cannot read the inventory: ${error.message}`;
  }
});
stream.addEventListener("error", () => { body("status").textContent = "The service does not answer; trying again…"; });
