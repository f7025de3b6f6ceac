/** The list of subtitles; the current one is marked, a click seeks. */

import { clock } from "../../lib/format.js";
import { say } from "../../lib/language.js";
import { element, fill } from "../element.js";

export class Subtitles {
  /** @param {function(number)} jump seeks to a second */
  constructor(jump) {
    this._jump = jump;
    this._current = -1;
    this._list = element("ol", { class: "cues" });
    this.root = element("section", { class: "subtitles", "aria-label": say("player.subtitles") }, element("h3", {}, say("player.subtitles")), this._list);
  }

  show(cues) {
    this._cues = cues;
    this._current = -1;
    this.root.hidden = cues.length === 0;
    fill(this._list, cues.map((cue) => this._row(cue)));
  }

  /** Mark the subtitle at a second and scroll to it. */
  at(seconds) {
    const current = this._cues.findLastIndex((cue) => cue.start <= seconds && seconds < cue.end);
    if (current === this._current) return;
    this._list.children[this._current]?.removeAttribute("aria-current");
    this._current = current;
    const row = this._list.children[current];
    if (!row) return;
    row.setAttribute("aria-current", "true");
    const top = row.offsetTop - this._list.offsetTop;
    if (top < this._list.scrollTop || top + row.offsetHeight > this._list.scrollTop + this._list.clientHeight) {
      this._list.scrollTop = top - this._list.clientHeight / 3;
    }
  }

  _row(cue) {
    return element(
      "li",
      {},
      element(
        "button",
        { type: "button", class: "cue", click: () => this._jump(cue.start) },
        element("span", { class: "time" }, clock(cue.start)),
        element("span", { class: "cue-text", lang: cue.language || null }, cue.text),
      ),
    );
  }
}
