/** The HTTP API of the service, `/api/v1`. Its problems become errors that say what is wrong. */

const ROOT = "/api/v1";

export class Problem extends Error {
  /**
   * @param {number} status of HTTP; 0 where nobody answered
   * @param {string} detail a sentence for people
   * @param {?number} character at which a query stops making sense
   */
  constructor(status, detail, character = null) {
    super(detail);
    this.status = status;
    this.character = character;
  }
}

/** The address of something of the API, with its parameters; empty ones are left out, lists are repeated. */
export function address(path, parameters = {}) {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== "" && each !== null && each !== undefined && each !== false) given.append(name, each);
    }
  }
  const text = given.toString();
  const whole = path.startsWith(ROOT) ? path : ROOT + path;
  return text ? `${whole}?${text}` : whole;
}

export function get(path, parameters, signal) {
  return ask("GET", address(path, parameters), { signal });
}

export function post(path, body) {
  return ask("POST", address(path), json(body));
}

export function put(path, body) {
  return ask("PUT", address(path), json(body));
}

export function remove(path) {
  return ask("DELETE", address(path), {});
}

/** Ask for the first byte of a file: the answer, or a problem that says why there is none. */
export function probe(url, signal) {
  return send("GET", url, { headers: { Range: "bytes=0-0" }, signal });
}

/** Send a file to be searched by. */
export function upload(file, signal) {
  const form = new FormData();
  form.append("file", file);
  return ask("POST", address("/uploads"), { body: form, signal });
}

/** Ask for a file of moments, and hand it to the browser to save. */
export async function download(path, body) {
  const answer = await send("POST", address(path), json(body));
  const named = /filename="?([^";]+)/.exec(answer.headers.get("Content-Disposition") ?? "");
  const url = URL.createObjectURL(await answer.blob());
  const anchor = document.createElement("a");
  anchor.href = url;
  anchor.download = named?.[1] ?? "moments";
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Whether an error only says that an answer is not wanted any more. */
export function isAborted(error) {
  return error.name === "AbortError";
}

function json(body) {
  return { body: JSON.stringify(body ?? {}), headers: { "Content-Type": "application/json" } };
}

async function ask(method, url, options) {
  const answer = await send(method, url, options);
  return answer.status === 204 ? null : answer.json();
}

async function send(method, url, options) {
  let answer;
  try {
    answer = await fetch(url, { method, ...options });
  } catch (error) {
    if (isAborted(error)) throw error;
    throw new Problem(0, "The service does not answer. Is “videobert serve” still running?");
  }
  if (!answer.ok) throw await problem(answer);
  return answer;
}

async function problem(answer) {
  try {
    const said = await answer.json();
    return new Problem(answer.status, said.detail || said.title || `The service answered ${answer.status}.`, said.character);
  } catch {
    return new Problem(answer.status, `The service answered ${answer.status} ${answer.statusText}.`);
  }
}
