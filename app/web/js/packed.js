/** A what-if as text short enough for a URL: JSON, deflated, in base64url. */

const MOST = 6000;

/** @param {import("./scenario.js").Step} step @returns {Promise<string>} empty if it is too long to share */
export async function pack(step) {
  const stream = new Blob([JSON.stringify(step)]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  if (bytes.length > MOST) return "";
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** @param {string} text @returns {Promise<import("./scenario.js").Step | null>} null if it is none */
export async function unpack(text) {
  try {
    const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    const step = JSON.parse(await new Response(stream).text());
    const lists = [step.items, step.drained, step.tainted].every(Array.isArray);
    return lists ? { items: step.items, drained: step.drained.map(String), tainted: step.tainted.map(String) } : null;
  } catch {
    return null;
  }
}
