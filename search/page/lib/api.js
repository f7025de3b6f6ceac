/** Client of the HTTP API, `/api/v1`. Problem responses become an ApiError. */

import { say } from "./language.js";

const ROOT = "/api/v1";

export class ApiError extends Error {
  /**
   * @param {number} status of HTTP; 0 without a response
   * @param {string} detail message to show
   * @param {?number} character position of a syntax error in the query
   */
  constructor(status, detail, character = null) {
    super(detail);
    this.status = status;
    this.character = character;
  }
}

/** Return an API URL. Empty parameters are omitted, lists are repeated. */
export function address(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== "" && each !== null && each !== undefined && each !== false) query.append(name, each);
    }
  }
  const text = query.toString();
  const url = path.startsWith(ROOT) ? path : ROOT + path;
  return text ? `${url}?${text}` : url;
}

export function get(path, parameters, signal) {
  return request("GET", address(path, parameters), { signal });
}

export function post(path, body) {
  return request("POST", address(path), json(body));
}

export function put(path, body) {
  return request("PUT", address(path), json(body));
}

export function patch(path, body) {
  return request("PATCH", address(path), json(body));
}

export function remove(path) {
  return request("DELETE", address(path), {});
}

/** Request the first byte of a file. Throws an ApiError if there is none. */
export function probe(url, signal) {
  return send("GET", url, { headers: { Range: "bytes=0-0" }, signal });
}

/** Upload a file to search by. */
export function upload(file, signal) {
  const form = new FormData();
  form.append("file", file);
  return request("POST", address("/uploads"), { body: form, signal });
}

/** Download an export file. */
export async function download(path, body) {
  const response = await send("POST", address(path), json(body));
  const filename = /filename="?([^";]+)/.exec(response.headers.get("Content-Disposition") ?? "");
  const url = URL.createObjectURL(await response.blob());
  const anchor = document.createElement("a");
  anchor.href = url;
  anchor.download = filename?.[1] ?? "moments";
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Whether an error is that of an aborted request. */
export function isAborted(error) {
  return error.name === "AbortError";
}

function json(body) {
  return { body: JSON.stringify(body ?? {}), headers: { "Content-Type": "application/json" } };
}

async function request(method, url, options) {
  const response = await send(method, url, options);
  return response.status === 204 ? null : response.json();
}

async function send(method, url, options) {
  let response;
  try {
    response = await fetch(url, { method, ...options });
  } catch (error) {
    if (isAborted(error)) throw error;
    throw new ApiError(0, say("error.no-answer"));
  }
  if (!response.ok) throw await toError(response);
  return response;
}

async function toError(response) {
  try {
    const body = await response.json();
    return new ApiError(response.status, body.detail || body.title || say("error.answered", { status: String(response.status) }), body.character);
  } catch {
    return new ApiError(response.status, say("error.answered", { status: `${response.status} ${response.statusText}` }));
  }
}
