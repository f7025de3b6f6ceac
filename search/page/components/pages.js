/** A paginated list of the API. */

import { get } from "../lib/api.js";

export class Pages {
  /**
   * @param {string} path of the API
   * @param {Object} parameters
   */
  constructor(path, parameters = {}) {
    this.items = [];
    this.verdict = null;
    this.readAsEnglish = false; // a query in another language
    this.total = null;
    this.scroll = 0; // position to restore
    this._first = [path, parameters];
    this._next = undefined; // URL of the next page, null at the end
    this._pending = null;
    this._abort = new AbortController();
  }

  get complete() {
    return this._next === null;
  }

  /** Fetch the next page and return its items. Concurrent calls share one request. */
  more() {
    if (this.complete) return Promise.resolve([]);
    this._pending ??= this._fetch().finally(() => (this._pending = null));
    return this._pending;
  }

  /** Abort the request. */
  stop() {
    this._abort.abort();
  }

  async _fetch() {
    const [path, parameters] = this._next ? [this._next, {}] : this._first;
    const page = await get(path, parameters, this._abort.signal);
    this._next = page.next ?? null;
    this.verdict ??= page.verdict ?? null;
    this.readAsEnglish ||= Boolean(page.note);
    this.total = page.total ?? null;
    this.items.push(...page.items);
    return page.items;
  }
}
