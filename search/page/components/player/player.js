/** The player: a dialog with playback, details, actions and subtitles of a moment. */

import { at, entryState, go, here, link, moment as momentOf, withoutPlayer } from "../../lib/address.js";
import { get } from "../../lib/api.js";
import { captions } from "../../lib/cues.js";
import { bytes, clock, duration, percent, span } from "../../lib/format.js";
import { say } from "../../lib/language.js";
import { thumbnailImage } from "../card.js";
import { selectButton } from "../select_button.js";
import { element, fill, icon } from "../element.js";
import { exportMoment } from "../exports.js";
import { errorState } from "../placeholders.js";
import { announce, toast } from "../toast.js";
import { explanation } from "./explanation.js";
import { labels } from "./labels.js";
import { Playback } from "./playback.js";
import { Subtitles } from "./subtitles.js";

const PREFETCH = 3; // load the next page this many moments before the end

export class Player {
  /**
   * @param {HTMLDialogElement} dialog
   * @param {function(): ?Pages} results of the current search
   */
  constructor(dialog, results) {
    this._dialog = dialog;
    this._results = results;
    this._videos = new Map();
    this._playback = new Playback((seconds) => this._subtitles.at(seconds));
    this._subtitles = new Subtitles((seconds) => this._playback.jump(seconds));
    this._details = element("div", { class: "details-panel" });
    this._previous = this._stepButton(-1, "previous", say("player.previous"));
    this._next = this._stepButton(1, "next", say("player.next"));
    this._position = element("span", { class: "faint" });
    this._steps = element("div", { class: "steps" }, this._previous, this._position, this._next);
    const close = element("button", { type: "button", class: "plain close", "aria-label": say("player.close"), title: say("player.close-key"), click: () => this._dismiss() }, icon("close"));
    fill(
      dialog,
      element("div", { class: "player-frame" }, this._playback.root, element("div", { class: "side" }, element("div", { class: "side-head" }, this._steps, close), this._details, this._subtitles.root, keyboardHelp())),
    );
    dialog.addEventListener("cancel", (event) => (event.preventDefault(), this._dismiss()));
    document.addEventListener("keydown", (event) => dialog.open && this._key(event));
    dialog.addEventListener("click", (event) => event.target === dialog && this._dismiss());
  }

  /** Open, close or change the moment, as the place says. */
  async show(place) {
    if (!place.film) return this._close();
    const { start, end } = momentOf(place);
    this._moment = { video: Number(place.film), start, end };
    if (!this._dialog.open) {
      this._focusBefore = document.activeElement;
      this._dialog.showModal();
    }
    this._drawSteps();
    if (this._video?.id === this._moment.video) return this._jump();
    fill(this._details);
    try {
      const video = await this._loadVideo(this._moment.video);
      if (Number(here().film) !== video.id) return;
      this._video = video;
      this._subtitles.show(captions(video.cues));
      this._playback.load(video, this._moment.start, this._moment.end);
      this._draw();
    } catch (error) {
      this._video = null;
      this._playback.unload();
      fill(this._details, errorState(error, () => this.show(here())));
    }
  }

  _jump() {
    if (this._trimmed) this._playback.span(this._moment.start, this._moment.end);
    else this._playback.jump(this._moment.start, this._moment.end);
    this._trimmed = false;
    this._draw();
  }

  async _loadVideo(id) {
    if (!this._videos.has(id)) this._videos.set(id, await get(`/videos/${id}`));
    return this._videos.get(id);
  }

  /** Drop cached videos. */
  invalidate() {
    this._videos.clear();
  }

  /** Update the position among the results. */
  resultsLoaded() {
    if (!this._dialog.open) return;
    this._drawSteps();
    if (this._video) this._draw();
  }

  _close() {
    if (!this._dialog.open) return;
    this._playback.unload();
    this._video = null;
    this._dialog.close();
    const card = document.querySelector(`a.card[href="${CSS.escape(link({ ...here(), film: this._moment.video, at: at(this._moment.start, this._moment.end) }))}"]`);
    (card ?? this._focusBefore)?.focus({ preventScroll: false });
  }

  /** Close without leaving an entry in the history. */
  _dismiss() {
    if (entryState().within) history.back();
    else go(withoutPlayer(here()), { replace: true });
  }

  _stepButton(direction, iconName, label) {
    return element("button", { type: "button", class: "control", "aria-label": label, title: label, click: () => this._step(direction) }, icon(iconName));
  }

  _index() {
    const { video, start } = this._moment;
    const matches = (each) => each.video === video && Math.abs(each.start - start) < 0.01;
    return this._results()?.items.findIndex(matches) ?? -1;
  }

  /** Go to the next or previous moment of the search. */
  async _step(direction) {
    const pages = this._results();
    const index = this._index();
    if (!pages || index < 0) return;
    if (index + direction + PREFETCH >= pages.items.length) await pages.more().catch(() => {});
    const next = pages.items[index + direction];
    if (!next) return announce(direction > 0 ? say("player.last") : say("player.first"));
    announce(`${next.name}, ${clock(next.start)}`);
    go({ ...here(), film: next.video, at: at(next.start, next.end) }, { replace: true, state: entryState() });
  }

  /** Set where the moment begins or ends to the picture that is shown. */
  _trim(edge) {
    if (!this._video) return;
    const now = this._playback.video.currentTime;
    let { start, end } = { ...this._moment, [edge]: now };
    if (edge === "start" && end !== null && end <= now) end = null; // it begins after the old end: out is to be set
    if (end !== null && end <= start) return announce(say("player.out-before-in"));
    this._trimmed = true;
    announce(say(edge === "start" ? "player.in-at" : "player.out-at", { time: clock(now) }));
    go({ ...here(), at: at(start, end) }, { replace: true, state: entryState() });
  }

  _draw() {
    const video = this._video;
    const index = this._index();
    const items = this._results()?.items ?? [];
    const moment = items[index] ?? null;
    const others = items.filter((each) => each.video === video.id && each !== moment && each.confidence_level !== "low");
    this._playback.timeline.mark(video.duration, this._moment, others);
    const { start, end } = this._moment;
    fill(
      this._details,
      element("h2", { class: "video-name" }, video.name),
      element("p", { class: "faint path" }, video.folder),
      element(
        "p",
        { class: "facts" },
        element("strong", {}, end === null ? clock(start) : span(start, end)),
        end !== null && element("span", {}, duration(end - start)),
        element("span", {}, `${video.width} × ${video.height}`), video.fps > 0 && element("span", {}, say("player.fps", { fps: Math.round(video.fps * 1000) / 1000 })), element("span", {}, video.codec), element("span", {}, bytes(video.size)),
        moment?.confidence !== null && moment?.confidence !== undefined && element("span", {}, say("card.confidence", { share: percent(moment.confidence) })),
      ),
      labels(moment?.labels ?? this._segmentAt(start)?.labels ?? []),
      moment && explanation(moment, { ...here() }),
      this._actions(video, moment),
      others.length > 0 && this._otherMoments(others),
    );
  }

  _actions(video, moment) {
    const { start, end } = this._moment;
    const part = { video: video.id, start, end: end ?? video.duration };
    const segment = moment?.segment ?? this._segmentAt(start)?.id;
    const similar = { view: "", segment, film: "", at: "" };
    return element(
      "div",
      { class: "actions" },
      segment && element("a", { class: "button", href: link(similar) }, icon("similar"), say("button.more-like-this")),
      selectButton(part, { label: say("tray.select") }),
      exportMoment(part),
      element("a", { class: "button", href: link({ view: "film", id: video.id }) }, icon("storyboard"), say("player.storyboard")),
      element("button", { type: "button", click: copyAddress }, icon("link"), say("player.copy-link")),
    );
  }

  _segmentAt(seconds) {
    return this._video.segment_list.find((each) => each.start <= seconds && seconds < each.end);
  }

  /** Return the other moments of the search in this video, by time. */
  _otherMoments(moments) {
    const row = (each) =>
      element(
        "li",
        {},
        element(
          "a",
          { href: link({ ...here(), at: at(each.start, each.end) }), "data-step": true },
          thumbnailImage(each.thumbnail),
          element("span", {}, span(each.start, each.end)),
          each.confidence !== null && element("span", { class: "faint" }, percent(each.confidence)),
        ),
      );
    const sorted = [...moments].sort((one, other) => one.start - other.start);
    return element("section", { class: "other-moments", "aria-label": say("player.others") }, element("h3", {}, say("player.others")), element("ul", {}, sorted.map(row)));
  }

  _drawSteps() {
    const index = this._index();
    const results = this._results();
    this._steps.hidden = index < 0;
    if (index < 0) return;
    const last = results.complete && index === results.items.length - 1;
    this._previous.setAttribute("aria-disabled", String(index === 0));
    this._next.setAttribute("aria-disabled", String(last));
    this._position.textContent = say(results.complete ? "player.position" : "player.position-more", { index: index + 1, total: results.items.length });
  }

  _key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input[type=text]")) return;
    const pressing = event.target.closest("button, a, [popover]");
    const action = {
      n: () => this._step(1), p: () => this._step(-1), m: () => this._playback.mute(), f: () => this._playback.fullscreen(),
      j: () => this._playback.slower(), k: () => this._playback.toggle(), l: () => this._playback.faster(),
      i: () => this._trim("start"), o: () => this._trim("end"), ",": () => this._playback.frames(-1), ".": () => this._playback.frames(1),
      r: () => (event.shiftKey ? this._playback.toggleLoop() : this._playback.replay()),
      ArrowRight: () => this._playback.skip(1), ArrowLeft: () => this._playback.skip(-1),
      " ": pressing ? null : () => this._playback.toggle(),
    }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action || event.target.closest("[popover]")) return;
    event.preventDefault();
    action();
  }
}

function keyboardHelp() {
  const pairs = [
    ["N", "keys.next"], ["P", "keys.previous"], ["S", "keys.select"], ["R", "keys.replay"], [say("keys.shift-r"), "keys.loop"], [say("keys.space"), "keys.play"],
    ["J K L", "keys.speed"], [", .", "keys.frame"], ["I O", "keys.in-out"], ["← →", "keys.skip"], ["F", "keys.full-screen"], [say("keys.escape"), "keys.close"],
  ];
  return element("p", { class: "keys" }, pairs.map(([key, what]) => element("span", {}, element("kbd", {}, key), " ", say(what))));
}

async function copyAddress() {
  try {
    await navigator.clipboard.writeText(location.href);
    toast(say("player.copied"));
  } catch {
    toast(say("player.not-copied"), "warning");
  }
}
