/** The cached status of the library. */

import { get } from "./api.js";

export class Status {
  constructor() {
    this._request = null;
  }

  /** Return the cached status, or fetch it. */
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
      return await get("/status");
    } catch (error) {
      this._request = null;
      throw error;
    }
  }
}
