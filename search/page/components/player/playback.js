/** Where a video plays: the picture, the line that is said, the controls. */

import { isAborted, probe } from "../../lib/api.js";
import { clock } from "../../lib/format.js";
import { element, fill, icon, redraw } from "../element.js";
import { Timeline } from "./timeline.js";
import { converted } from "./transcode.js";

const LEAP = 5; // seconds

export class Stage {
  /** @param {function(number)} onTime is told where it plays */
  constructor(onTime) {
    this._onTime = onTime;
    this.video = element("video", {
      playsinline: true, preload: "metadata", "aria-label": "Video", click: () => this.toggle(),
      timeupdate: () => this._tick(), seeked: () => this._tick(),
      play: () => this._drawPlay(), pause: () => this._drawPlay(),
      loadedmetadata: () => this._arrive(), error: () => this._refused(), waiting: () => this._wait(true), playing: () => this._wait(false),
      canplay: () => this._wait(false),
    });
    this._line = element("p", { class: "line", hidden: true });
    this._note = element("div", { class: "note", hidden: true });
    this._spinner = element("div", { class: "spinner", hidden: true, role: "status", "aria-label": "Loading" });
    this.timeline = new Timeline((seconds) => this.seek(seconds));
    this._time = element("span", { class: "time" }, "0:00");
    this._play = control("play", "Play (space)", () => this.toggle(), { autofocus: true });
    this._sound = control("sound", "Sound off (M)", () => this.mute());
    this.root = element(
      "div",
      { class: "stage" },
      element("div", { class: "picture" }, this.video, this._line, this._spinner, this._note),
      this.timeline.root,
      element(
        "div",
        { class: "controls" },
        this._play, control("replay", "Back to the moment (R)", () => this.replay()), this._time,
        element("span", { class: "spring" }), this._sound, control("whole", "Full screen (F)", () => this.whole()),
      ),
    );
  }

  /**
   * @param {Object} video as the API tells it
   * @param {number} start second to begin at
   */
  load(video, start, { play = true } = {}) {
    this._about = video;
    this._cues = video.cues ?? [];
    this._start = start;
    this._playing = play;
    this._converted = false;
    this._stop?.abort();
    this._stop = new AbortController();
    this._say(null);
    this._tell();
    this._line.hidden = true;
    if (video.playable) return this._from(video.media);
    this._drop();
    this._refused();
  }

  /** Begin at another second of the same video. */
  jump(start) {
    this._start = start;
    this.seek(start);
    this._begin();
  }

  /** Let the file go. */
  unload() {
    this._stop?.abort();
    this._drop();
    this._about = null;
  }

  seek(seconds) {
    const most = Number.isFinite(this.video.duration) ? this.video.duration : seconds;
    this.video.currentTime = Math.max(0, Math.min(seconds, most));
    this.timeline.at(this.video.currentTime);
  }

  leap(direction) {
    this.seek(this.video.currentTime + direction * LEAP);
  }

  replay() {
    this.jump(this._start);
  }

  toggle() {
    if (this.video.paused) this._begin();
    else this.video.pause();
  }

  mute() {
    this.video.muted = !this.video.muted;
    redraw(this._sound.firstElementChild, this.video.muted ? "silent" : "sound");
    name(this._sound, this.video.muted ? "Sound on (M)" : "Sound off (M)");
  }

  whole() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.root.requestFullscreen?.().catch(() => {});
  }

  _drop() {
    this.video.pause();
    this.video.removeAttribute("src");
    this.video.load();
  }

  _from(source) {
    this._wait(true);
    this.video.src = source;
  }

  _arrive() {
    this.video.currentTime = this._start;
    this._wait(false);
    if (this._playing) this._begin();
  }

  _begin() {
    this.video.play().catch(() => {}); // a browser may want a gesture first; the button is there
  }

  _tick() {
    const seconds = this.video.currentTime;
    this.timeline.at(seconds);
    this._tell();
    const said = this._cues.filter((cue) => cue.start <= seconds && seconds < cue.end);
    this._line.hidden = said.length === 0;
    this._line.textContent = said.map((cue) => cue.text).join("\n");
    this._onTime(seconds);
  }

  _tell() {
    this._time.textContent = `${clock(this.video.currentTime || 0)} / ${clock(this._about?.duration ?? 0)}`;
  }

  _drawPlay() {
    const playing = !this.video.paused;
    redraw(this._play.firstElementChild, playing ? "pause" : "play");
    name(this._play, playing ? "Pause (space)" : "Play (space)");
  }

  _wait(waiting) {
    this._spinner.hidden = !waiting;
  }

  _say(content) {
    this._note.hidden = content === null;
    fill(this._note, content);
  }

  /** The file cannot be had, or the browser cannot play it: say so, and offer a copy that it can. */
  async _refused() {
    const about = this._about;
    if (!about || (this.video.error === null && about.playable)) return;
    this._wait(false);
    if (this._converted) return this._warn(element("p", {}, "The converted copy cannot be played either."));
    try {
      const answer = await probe(about.media, this._stop.signal);
      await answer.body?.cancel();
    } catch (error) {
      return isAborted(error) ? null : this._warn(element("p", {}, error.message));
    }
    const format = `${about.codec} in ${about.container.split(",")[0]}`;
    const sentence = element("p", {}, element("strong", {}, "Browsers cannot play this format"), ` (${format}).`);
    if (!about.preview) return this._warn(sentence, element("p", {}, "Its moments can be searched and exported all the same."));
    this._warn(sentence, element("button", { type: "button", class: "main", click: () => this._convert(about) }, "Play a converted copy"));
  }

  async _convert(about) {
    const far = element("progress", { max: "1", "aria-label": "Converting" });
    this._say([element("p", {}, "Converting…"), far]);
    try {
      const tell = ({ seconds, duration }) => seconds && (far.value = Math.min(1, seconds / duration));
      await converted(about.preview, tell, this._stop.signal);
      this._converted = true;
      this._say(null);
      this._from(about.preview);
    } catch (error) {
      if (!isAborted(error)) this._warn(element("p", {}, error.message));
    }
  }

  _warn(...content) {
    this._say([icon("warning"), content]);
  }
}

function control(drawing, label, act, more = {}) {
  return element("button", { type: "button", class: "control", "aria-label": label, title: label, click: act, ...more }, icon(drawing));
}

function name(button, label) {
  button.setAttribute("aria-label", label);
  button.title = label;
}
