/** One video: facts, storyboard, chapters, subtitles. */

import { at, go, here, link } from "../lib/address.js";
import { get, isAborted, remove } from "../lib/api.js";
import { captions } from "../lib/cues.js";
import { bytes, clock, count, duration } from "../lib/format.js";
import { say } from "../lib/language.js";
import { thumbnailImage } from "../components/card.js";
import { confirm } from "../components/confirm.js";
import { element, fill, icon } from "../components/element.js";
import { errorState, skeletons } from "../components/placeholders.js";
import { toast } from "../components/toast.js";

const [MIN_FRAMES, MAX_FRAMES] = [8, 24]; // of a storyboard
const SECONDS_PER_FRAME = 15;

export class VideoView {
  /** @param {function()} onRemoved called after the video was removed */
  constructor(root, status, onRemoved) {
    this._root = root;
    this._status = status;
    this._onRemoved = onRemoved;
  }

  async show(place) {
    if (place.id === this._shown) return;
    this._shown = place.id;
    this._abort?.abort();
    this._abort = new AbortController();
    fill(this._root, element("ul", { class: "grid" }, skeletons(8)));
    try {
      const [video, { local }] = await Promise.all([get(`/videos/${place.id}`, {}, this._abort.signal), this._status.load()]);
      this._draw(video, local);
      document.title = `${video.name} – videobert`;
      await this._storyboard(video);
    } catch (error) {
      if (isAborted(error)) return;
      this._shown = null;
      fill(this._root, errorState(error, () => this.show(place)));
    }
  }

  invalidate() {
    this._shown = null;
  }

  _draw(video, local) {
    this._board = element("section", { "aria-label": say("player.storyboard") }, element("ul", { class: "grid board" }, skeletons(8)));
    fill(
      this._root,
      element(
        "div",
        { class: "head" },
        element("h1", { tabindex: "-1" }, video.name),
        element("p", { class: "faint path" }, video.folder),
        element("p", { class: "facts" }, facts(video).map((fact) => element("span", {}, fact))),
        element(
          "div",
          { class: "actions" },
          element("a", { class: "button main", href: link({ ...here(), film: video.id, at: "0" }) }, icon("play"), say("video.play")),
          !video.name.includes('"') && element("a", { class: "button", href: link({ q: `in:"${video.name}" ` }) }, icon("search"), say("video.search")),
          video.segment_list[0] && element("a", { class: "button", href: link({ segment: video.segment_list[0].id }) }, icon("similar"), say("button.more-like-this")),
          local && element("button", { type: "button", click: () => this._removeVideo(video) }, icon("remove"), say("button.remove")),
        ),
        !video.playable && element("p", { class: "banner" }, icon("warning"), element("span", {}, unplayable(video))),
      ),
      this._board,
      captions(video.cues).length > 0 && subtitles(video),
    );
  }

  async _storyboard(video) {
    try {
      const { frames, chapters } = await get(`/videos/${video.id}/storyboard`, { frames: Math.max(MIN_FRAMES, Math.min(MAX_FRAMES, Math.round(video.duration / SECONDS_PER_FRAME))) }, this._abort.signal);
      fill(this._board, element("h2", {}, say("player.storyboard")), element("ul", { class: "grid board" }, frames.map((frame) => boardFrame(video, frame))));
      if (chapters?.length > 1) this._board.prepend(chapterList(video, chapters));
    } catch (error) {
      if (isAborted(error)) return;
      fill(this._board, errorState(error, () => this._storyboard(video)));
    }
  }

  async _removeVideo(video) {
    const confirmed = await confirm(say("video.remove-question", { name: video.name }), say("video.remove-text"), say("button.remove"));
    if (!confirmed) return;
    try {
      await remove(`/videos/${video.id}`);
      toast(say("video.removed", { name: video.name }));
      this._onRemoved();
      go({ view: "library" }, { replace: true });
    } catch (error) {
      toast(error.message, "warning");
    }
  }
}

function facts(video) {
  return [
    duration(video.duration), `${video.width} × ${video.height}`, video.codec, bytes(video.size), count(video.segments, "segments"),
  ];
}

function unplayable(video) {
  const key = video.preview ? "video.not-playable-copy" : "video.not-playable";
  return say(key, { codec: video.codec, container: video.container.split(",")[0] });
}

function boardFrame(video, { seconds, image, segment, text }) {
  const href = link({ ...here(), film: video.id, at: at(seconds) });
  const source = image ?? `/api/v1/segments/${segment}/thumbnail`;
  const thumb = element("div", { class: "thumb" }, thumbnailImage(source), element("span", { class: "time-label" }, clock(seconds)));
  return element("li", {}, element("a", { class: "card", href, "aria-label": say("video.play-from", { time: clock(seconds) }) }, thumb, text && element("div", { class: "card-text" }, element("span", { class: "details" }, text))));
}

function chapterList(video, chapters) {
  const row = ({ start, end, thumbnail, title }, number) =>
    element(
      "li",
      {},
      element(
        "a",
        { class: "chapter", href: link({ ...here(), film: video.id, at: at(start, end) }) },
        thumbnail && thumbnailImage(thumbnail),
        element("span", {}, title || say("video.part", { number: number + 1 })),
        element("span", { class: "faint" }, `${clock(start)} · ${duration(end - start)}`),
      ),
    );
  return element("div", {}, element("h2", {}, say("video.chapters")), element("ol", { class: "chapters" }, chapters.map(row)));
}

function subtitles(video) {
  const row = (cue) =>
    element(
      "li",
      {},
      element(
        "a",
        { class: "cue", href: link({ ...here(), film: video.id, at: at(cue.start, cue.end) }) },
        element("span", { class: "time" }, clock(cue.start)),
        element("span", { class: "cue-text", lang: cue.language || null }, cue.text),
      ),
    );
  return element("section", { class: "subtitles" }, element("h2", {}, say("player.subtitles")), element("ol", { class: "cues" }, captions(video.cues).map(row)));
}
