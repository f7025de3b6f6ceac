/** A cached answer of the API. */

import { get } from "./api.js";

export class Cached {
  /** @param {string} path of the API */
  constructor(path) {
    this._path = path;
    this._request = null;
  }

  /** Return the cached answer, or fetch it. */
  load() {
    this._request ??= this._fetch();
    return this._request;
  }

  /** Fetch it again. */
  refresh() {
    this._request = this._fetch();
    return this._request;
  }

  async _fetch() {
    try {
      return await get(this._path);
    } catch (error) {
      this._request = null;
      throw error;
    }
  }
}
