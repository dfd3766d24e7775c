/** The service's API: JSON over fetch, errors as one class, a bearer token where the service requires one. */

const TOKEN = "dra-extender.token";

/** An answer that is not a good one. `status` 0: there was none. */
export class ApiError extends Error {
  /** @param {number} status @param {string} message @param {string} [path] */
  constructor(status, message, path = "") {
    super(message);
    this.status = status;
    this.path = path;
  }
}

/** @type {(refused: boolean) => Promise<string>} */
let askForToken = () => Promise.reject(new ApiError(401, "The service requires a token."));
/** @type {Promise<string> | null} */
let asking = null;
let declined = false;

/** @param {(refused: boolean) => Promise<string>} ask called once for any number of requests that were refused together; refused: there was a token */
export function onUnauthorized(ask) {
  askForToken = ask;
}

/** After a declined token dialog, the next one opens only after this: not with each attempt of the stream. */
export function askAgain() {
  declined = false;
}

/**
 * A request with the token; the dialog opens again as long as the token is refused.
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<Response>} with a good status
 */
export async function send(path, init = {}) {
  for (;;) {
    const token = sessionStorage.getItem(TOKEN);
    const headers = new Headers(init.headers);
    if (token) headers.set("Authorization", `Bearer ${token}`);
    const answer = await answered(fetch(path, { ...init, headers, cache: "no-store" }));
    if (answer.ok) return answer;
    if (answer.status !== 401) throw await failure(answer);
    // Another request may have got a new token meanwhile.
    if (sessionStorage.getItem(TOKEN) !== token) continue;
    if (declined) throw new ApiError(401, "The service requires a token.");
    sessionStorage.setItem(TOKEN, await newToken(token !== null));
  }
}

/**
 * A browser reports a connection that fails as a TypeError, in its own words.
 * @template T @param {Promise<T>} promise of a request, or of its body @returns {Promise<T>}
 */
async function answered(promise) {
  try {
    return await promise;
  } catch (error) {
    throw error instanceof TypeError ? new ApiError(0, "The service does not answer.") : error;
  }
}

/** One question for all the requests that were refused together. @param {boolean} refused */
function newToken(refused) {
  asking ??= askForToken(refused).catch((error) => { declined = true; throw error; }).finally(() => { asking = null; });
  return asking;
}

/**
 * @param {string} path
 * @param {Record<string, string | string[] | number | boolean>} [query]
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function get(path, query = {}, signal) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const item of Array.isArray(value) ? value : [value]) search.append(name, String(item));
  }
  const text = search.toString();
  return answered((await send(text ? `${path}?${text}` : path, { signal })).json());
}

/** @param {string} path @param {any} body @param {AbortSignal} [signal] @returns {Promise<any>} */
export async function post(path, body, signal) {
  const text = typeof body === "string";
  const headers = { "Content-Type": text ? "application/yaml" : "application/json" };
  return answered((await send(path, { method: "POST", body: text ? body : JSON.stringify(body), headers, signal })).json());
}

/**
 * All items of a list, page by page.
 * @param {string} path
 * @param {Record<string, any>} [query]
 * @param {(items: any[]) => void} [each] called with each page as it arrives
 * @returns {Promise<any[]>}
 */
export async function list(path, query = {}, each) {
  const found = [];
  let cursor = "";
  do {
    const page = await get(path, { limit: 1000, ...query, cursor });
    found.push(...page.items);
    each?.(page.items);
    cursor = page.next ?? "";
  } while (cursor);
  return found;
}

/** @param {Response} answer */
async function failure(answer) {
  try {
    const { error } = await answer.json();
    return new ApiError(answer.status, error.message, error.path);
  } catch {
    return new ApiError(answer.status, answer.statusText || `HTTP ${answer.status}`);
  }
}
