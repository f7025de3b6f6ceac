/** The seek bar, with the moment and other moments of the search marked. */

import { clock } from "../../lib/format.js";
import { say } from "../../lib/language.js";
import { element, fill } from "../element.js";

export class Timeline {
  /** @param {function(number)} seek to a second */
  constructor(seek) {
    this._marks = element("div", { class: "marks", "aria-hidden": "true" });
    this._elapsed = element("div", { class: "elapsed", "aria-hidden": "true" });
    this._range = element("input", {
      type: "range", min: "0", max: "1", step: "any", value: "0", "aria-label": say("player.place"),
      input: () => seek(Number(this._range.value)),
    });
    this.root = element("div", { class: "timeline" }, this._marks, this._elapsed, this._range);
  }

  /**
   * @param {number} duration seconds
   * @param {?{start: number, end: number}} moment shown in the player
   * @param {{start: number, end: number}[]} others of the same search
   */
  mark(duration, moment, others) {
    this._duration = Math.max(duration, 0.001);
    this._range.max = String(this._duration);
    const spans = others.map((each) => this._span(each, "other"));
    if (moment?.end) spans.push(this._span(moment, "moment"));
    fill(this._marks, spans);
    this.at(Number(this._range.value));
  }

  /** Show the current time. */
  at(seconds) {
    this._range.value = String(seconds);
    this._range.setAttribute("aria-valuetext", say("player.place-of", { time: clock(seconds), duration: clock(this._duration) }));
    this._elapsed.style.width = `${(100 * Math.min(seconds, this._duration)) / this._duration}%`;
  }

  _span({ start, end }, kind) {
    const span = element("span", { class: kind });
    span.style.left = `${(100 * start) / this._duration}%`;
    span.style.width = `${(100 * (Math.min(end, this._duration) - start)) / this._duration}%`;
    return span;
  }
}
