/** Files that could not be indexed, with reasons. */

import { get } from "../lib/api.js";
import { count } from "../lib/format.js";
import { element, fill } from "../components/element.js";
import { toast } from "../components/toast.js";

const MAX_SHOWN = 50;

export class Failures {
  constructor(jobs) {
    this._jobs = jobs;
    this._list = element("ul", { class: "failures" });
    this._title = element("h2", { id: "failures-title" }, "Not readable");
    this._retry = element("button", { type: "button", class: "small", click: () => this._retryAll() }, "Try again");
    this.root = element(
      "section",
      { "aria-labelledby": "failures-title", hidden: true },
      element("div", { class: "section-head" }, this._title, this._retry),
      this._list,
    );
  }

  /** Show or hide the retry button. */
  allowRetry(allowed) {
    this._retry.hidden = !allowed;
  }

  async refresh() {
    const { items, total } = await get("/failures", { limit: MAX_SHOWN });
    this._paths = items.map((each) => each.path);
    this.root.hidden = items.length === 0;
    this._title.textContent = count(total ?? items.length, "file could", "files could") + " not be read";
    const row = ({ name, path, reason }) =>
      element("li", {}, element("strong", { title: path }, name), element("span", {}, reason), element("span", { class: "faint path" }, path));
    fill(this._list, items.map(row));
  }

  async _retryAll() {
    try {
      await this._jobs.start(this._paths, { retry_failed: true });
    } catch (error) {
      toast(error.message, "warning");
    }
  }
}
