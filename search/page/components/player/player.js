/** A moment opens: the video at its second, what is said, what can be done with it, the moments before and after. */

import { at, below, go, here, link, moment as momentOf, note } from "../../lib/address.js";
import { get } from "../../lib/api.js";
import { clock, length, percent } from "../../lib/format.js";
import { still } from "../card.js";
import { element, fill, icon } from "../element.js";
import { exportMoment } from "../exports.js";
import { failed } from "../placeholders.js";
import { say, toast } from "../toast.js";
import { why } from "./explanation.js";
import { Stage } from "./playback.js";
import { Lines } from "./subtitles.js";

const LIKELY = 0.1; // confidence; the less likely ones of the same video would only clutter it
const AHEAD = 3; // moments before the end of the list, when more are asked for

export class Player {
  /**
   * @param {HTMLDialogElement} dialog
   * @param {function(): ?Pages} found the moments that the search has found
   */
  constructor(dialog, found) {
    this._dialog = dialog;
    this._found = found;
    this._videos = new Map();
    this._stage = new Stage((seconds) => this._lines.at(seconds));
    this._lines = new Lines((seconds) => this._stage.jump(seconds));
    this._about = element("div", { class: "about" });
    this._previous = this._stepper(-1, "previous", "Previous moment (P)");
    this._next = this._stepper(1, "next", "Next moment (N)");
    this._place = element("span", { class: "faint" });
    this._steps = element("div", { class: "steps" }, this._previous, this._place, this._next);
    const close = element("button", { type: "button", class: "plain close", "aria-label": "Close the player", title: "Close (Esc)", click: () => this._leave() }, icon("close"));
    fill(
      dialog,
      element("div", { class: "player-frame" }, this._stage.root, element("div", { class: "side" }, element("div", { class: "side-head" }, this._steps, close), this._about, this._lines.root, keys())),
    );
    dialog.addEventListener("cancel", (event) => (event.preventDefault(), this._leave()));
    document.addEventListener("keydown", (event) => dialog.open && this._key(event));
    dialog.addEventListener("click", (event) => event.target === dialog && this._leave());
  }

  /** Open, close or move on, as an address says. */
  async show(place) {
    if (!place.film) return this._close();
    const { start, end } = momentOf(place);
    this._moment = { video: Number(place.film), start, end };
    if (!this._dialog.open) {
      this._before = document.activeElement;
      this._dialog.showModal();
    }
    this._drawSteps();
    if (this._film?.id === this._moment.video) return this._go();
    fill(this._about);
    try {
      const film = await this._video(this._moment.video);
      if (Number(here().film) !== film.id) return;
      this._film = film;
      this._lines.show(film.cues);
      this._stage.load(film, this._moment.start);
      this._draw();
    } catch (error) {
      this._film = null;
      this._stage.unload();
      fill(this._about, failed(error, () => this.show(here())));
    }
  }

  _go() {
    this._stage.jump(this._moment.start);
    this._draw();
  }

  async _video(id) {
    if (!this._videos.has(id)) this._videos.set(id, await get(`/videos/${id}`));
    return this._videos.get(id);
  }

  /** Forget what is known of videos: they may have changed. */
  forget() {
    this._videos.clear();
  }

  /** The moments of the search have come: say where among them this one is. */
  found() {
    if (!this._dialog.open) return;
    this._drawSteps();
    if (this._film) this._draw();
  }

  _close() {
    if (!this._dialog.open) return;
    this._stage.unload();
    this._film = null;
    this._dialog.close();
    const opened = document.querySelector(`a.card[href="${CSS.escape(link({ ...here(), film: this._moment.video, at: at(this._moment.start, this._moment.end) }))}"]`);
    (opened ?? this._before)?.focus({ preventScroll: false });
  }

  /** Close, and leave the history as if it had not been open. */
  _leave() {
    if (note().within) history.back();
    else go(below(here()), { replace: true });
  }

  _stepper(direction, drawing, label) {
    return element("button", { type: "button", class: "control", "aria-label": label, title: label, click: () => this._step(direction) }, icon(drawing));
  }

  _index() {
    const { video, start } = this._moment;
    const close = (each) => each.video === video && Math.abs(each.start - start) < 0.01;
    return this._found()?.items.findIndex(close) ?? -1;
  }

  /** To the next moment of the search, or the one before. */
  async _step(direction) {
    const pages = this._found();
    const index = this._index();
    if (!pages || index < 0) return;
    if (index + direction + AHEAD >= pages.items.length) await pages.more().catch(() => {});
    const next = pages.items[index + direction];
    if (!next) return say(direction > 0 ? "That was the last moment" : "That was the first moment");
    say(`${next.name}, ${clock(next.start)}`);
    go({ ...here(), film: next.video, at: at(next.start, next.end) }, { replace: true, note: note() });
  }

  _draw() {
    const film = this._film;
    const index = this._index();
    const found = this._found()?.items ?? [];
    const moment = found[index] ?? null;
    const beside = found.filter((each) => each.video === film.id && each !== moment && (each.confidence ?? 1) >= LIKELY);
    this._stage.timeline.mark(film.duration, this._moment, beside);
    const { start, end } = this._moment;
    fill(
      this._about,
      element("h2", { class: "film-name" }, film.name),
      element("p", { class: "faint path" }, film.folder),
      element(
        "p",
        { class: "facts" },
        element("strong", {}, end === null ? clock(start) : `${clock(start)}–${clock(end)}`),
        end !== null && element("span", {}, length(end - start)),
        moment?.confidence !== null && moment?.confidence !== undefined && element("span", {}, `${percent(moment.confidence)} confidence`),
      ),
      moment && why(moment, { ...here() }),
      this._actions(film, moment),
      beside.length > 0 && this._beside(beside),
    );
  }

  _actions(film, moment) {
    const { start, end } = this._moment;
    const whole = { video: film.id, start, end: end ?? film.duration };
    const segment = moment?.segment ?? film.segment_list.find((each) => each.start <= start && start < each.end)?.id;
    const alike = { view: "", segment, film: "", at: "" };
    return element(
      "div",
      { class: "actions" },
      segment && element("a", { class: "button", href: link(alike) }, icon("alike"), "More like this"),
      exportMoment(whole),
      element("a", { class: "button", href: link({ view: "film", id: film.id }) }, icon("board"), "Storyboard"),
      element("button", { type: "button", click: copyAddress }, icon("link"), "Copy link"),
    );
  }

  /** The other moments of the search in the same video, in order of time. */
  _beside(moments) {
    const row = (each) =>
      element(
        "li",
        {},
        element(
          "a",
          { href: link({ ...here(), at: at(each.start, each.end) }), "data-step": true },
          still(each.thumbnail),
          element("span", {}, `${clock(each.start)}–${clock(each.end)}`),
          each.confidence !== null && element("span", { class: "faint" }, percent(each.confidence)),
        ),
      );
    const sorted = [...moments].sort((one, other) => one.start - other.start);
    return element("section", { class: "beside", "aria-label": "Also in this video" }, element("h3", {}, "Also in this video"), element("ul", {}, sorted.map(row)));
  }

  _drawSteps() {
    const index = this._index();
    const found = this._found();
    this._steps.hidden = index < 0;
    if (index < 0) return;
    const last = found.complete && index === found.items.length - 1;
    this._previous.setAttribute("aria-disabled", String(index === 0));
    this._next.setAttribute("aria-disabled", String(last));
    this._place.textContent = `${index + 1} of ${found.items.length}${found.complete ? "" : "+"}`;
  }

  _key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input[type=text]")) return;
    const pressing = event.target.closest("button, a, [popover]");
    const act = {
      n: () => this._step(1), p: () => this._step(-1), k: () => this._stage.toggle(), m: () => this._stage.mute(),
      f: () => this._stage.whole(), r: () => this._stage.replay(),
      ArrowRight: () => this._stage.leap(1), ArrowLeft: () => this._stage.leap(-1),
      " ": pressing ? null : () => this._stage.toggle(),
    }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act || event.target.closest("[popover]")) return;
    event.preventDefault();
    act();
  }
}

function keys() {
  const pairs = [["N", "next moment"], ["P", "previous"], ["R", "again"], ["Space", "play"], ["← →", "5 s"], ["F", "full screen"], ["Esc", "close"]];
  return element("p", { class: "keys" }, pairs.map(([key, what]) => element("span", {}, element("kbd", {}, key), ` ${what}`)));
}

async function copyAddress() {
  try {
    await navigator.clipboard.writeText(location.href);
    toast("The link is copied. It opens on this computer while the service runs.");
  } catch {
    toast("The browser does not allow copying; the address bar holds the link.", "warning");
  }
}
