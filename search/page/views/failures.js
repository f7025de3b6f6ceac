/** Files that could not be indexed, with reasons. */

import { get } from "../lib/api.js";
import { say } from "../lib/language.js";
import { element, fill } from "../components/element.js";
import { toast } from "../components/toast.js";

const MAX_SHOWN = 50;

export class Failures {
  constructor(jobs) {
    this._jobs = jobs;
    this._list = element("ul", { class: "failures" });
    this._title = element("h2", { id: "failures-title" });
    this._retry = element("button", { type: "button", class: "small", click: () => this._retryAll() }, say("button.try-again"));
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
    this._title.textContent = say("failures.title", { count: total ?? items.length });
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
