/** What the service says about the library; asked once, and again when something has changed. */

import { get } from "./api.js";

export class Status {
  constructor() {
    this._asked = null;
    this.now = null;
  }

  /** The last answer, or the first one. */
  known() {
    this._asked ??= this._ask();
    return this._asked;
  }

  /** Ask anew. */
  refresh() {
    this._asked = this._ask();
    return this._asked;
  }

  async _ask() {
    try {
      this.now = await get("/status");
      return this.now;
    } catch (error) {
      this._asked = null;
      throw error;
    }
  }
}
