/** The query clip: a segment of the library or an uploaded file. */

import { upload } from "../lib/api.js";
import { bytes } from "../lib/format.js";
import { say } from "../lib/language.js";

const KEY = "uploads";

/** Return name and thumbnail of the query clip of a place, null without one. */
export function queryClip(place) {
  if (place.upload) return { name: say("search.your-file"), thumbnail: null, ...storedUploads()[place.upload], ...thumbnails.get(place.upload) };
  if (place.segment) return { name: say("search.this-moment"), thumbnail: `/api/v1/segments/${place.segment}/thumbnail` };
  return null;
}

/**
 * Upload a file to search by.
 * @param {File} file
 * @param {{max_bytes: number}} limits
 * @returns {Promise<string>} the token to search by
 */
export async function uploadClip(file, limits, signal) {
  if (limits && file.size > limits.max_bytes) {
    throw new Error(say("search.too-large", { size: bytes(limits.max_bytes) }));
  }
  const stored = await upload(file, signal);
  if (file.type.startsWith("image/")) thumbnails.set(stored.upload, { thumbnail: URL.createObjectURL(file) });
  storeUpload(stored.upload, { name: file.name, kind: stored.kind });
  return stored.upload;
}

const thumbnails = new Map(); // object URLs, lost on reload

function storedUploads() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
  } catch {
    return {};
  }
}

function storeUpload(token, info) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ ...storedUploads(), [token]: info }));
  } catch {
    // no storage: the name is lost on reload
  }
}
