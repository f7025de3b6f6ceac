/** What the service says about the library; asked once, and again when something has changed. */

import { get } from "./api.js";

export class Status {
  constructor() {
    this._request = null;
  }

  /** The last answer, or the first one. */
  load() {
    this._request ??= this._fetch();
    return this._request;
  }

  /** Ask anew. */
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
