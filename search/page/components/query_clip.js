/** What a search has to look like: a moment of the library, or a file that was shown to the service. */

import { upload } from "../lib/api.js";

const KEY = "uploads";

/** Name and picture of what the results of a place have to look like; null where nothing is asked. */
export function likeness(place) {
  if (place.upload) return { name: "your file", picture: null, ...shown()[place.upload], ...pictures.get(place.upload) };
  if (place.segment) return { name: "this moment", picture: `/api/v1/segments/${place.segment}/thumbnail` };
  return null;
}

/**
 * Show a file to the service.
 * @param {File} file
 * @param {{max_bytes: number}} limits
 * @returns {Promise<string>} the token to search by
 */
export async function show(file, limits, signal) {
  if (limits && file.size > limits.max_bytes) {
    throw new Error(`too large; at most ${Math.round(limits.max_bytes / 1e6)} MB can be searched by`);
  }
  const taken = await upload(file, signal);
  if (file.type.startsWith("image/")) pictures.set(taken.upload, { picture: URL.createObjectURL(file) });
  keep(taken.upload, { name: file.name, kind: taken.kind });
  return taken.upload;
}

const pictures = new Map(); // of this page's life only

function shown() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
  } catch {
    return {};
  }
}

function keep(token, about) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ ...shown(), [token]: about }));
  } catch {
    // without storage a reload forgets the name
  }
}
