/** Playback: the video element, the subtitle overlay, the controls. */

import { isAborted, probe } from "../../lib/api.js";
import { captions } from "../../lib/cues.js";
import { clock } from "../../lib/format.js";
import { say } from "../../lib/language.js";
import { element, fill, icon, setIcon } from "../element.js";
import { Timeline } from "./timeline.js";
import { waitForTranscode } from "./transcode.js";

const SKIP_SECONDS = 5;
const SPEEDS = [0.25, 0.5, 1, 1.5, 2, 4];

export class Playback {
  /** @param {function(number)} onTime called with the current second */
  constructor(onTime) {
    this._onTime = onTime;
    this.video = element("video", {
      playsinline: true, preload: "metadata", "aria-label": say("player.video"), click: () => this.toggle(),
      timeupdate: () => this._update(), seeked: () => this._update(),
      play: () => this._drawPlay(), pause: () => this._drawPlay(),
      loadedmetadata: () => this._loaded(), error: () => this._failed(), waiting: () => this._setWaiting(true), playing: () => this._setWaiting(false),
      canplay: () => this._setWaiting(false),
    });
    this._subtitle = element("p", { class: "subtitle", hidden: true });
    this._note = element("div", { class: "note", hidden: true });
    this._spinner = element("div", { class: "spinner", hidden: true, role: "status", "aria-label": say("player.loading") });
    this.timeline = new Timeline((seconds) => this.seek(seconds));
    this._time = element("span", { class: "time" }, "0:00");
    this._play = control("play", say("player.play"), () => this.toggle(), { autofocus: true });
    this._loop = control("loop", say("player.loop"), () => this.toggleLoop(), { "aria-pressed": "false" });
    this._speed = element("button", { type: "button", class: "control speed", "aria-label": say("player.speed"), title: say("player.speed-keys"), click: () => this.faster() }, "1×");
    this._sound = control("sound", say("player.sound-off"), () => this.mute());
    this.root = element(
      "div",
      { class: "playback" },
      element("div", { class: "picture" }, this.video, this._subtitle, this._spinner, this._note),
      this.timeline.root,
      element(
        "div",
        { class: "controls" },
        this._play, control("replay", say("player.replay"), () => this.replay()), this._loop, this._speed, this._time,
        element("span", { class: "spring" }), this._sound, control("fullscreen", say("player.full-screen"), () => this.fullscreen()),
      ),
    );
  }

  /**
   * @param {Object} video of the API
   * @param {number} start seconds
   * @param {?number} end where it stops, or begins again
   */
  load(video, start, end, { play = true } = {}) {
    this._info = video;
    this._cues = captions(video.cues ?? []);
    this.span(start, end);
    this._autoplay = play;
    this._transcoded = false;
    this._abort?.abort();
    this._abort = new AbortController();
    this._showNote(null);
    this._drawTime();
    this._subtitle.hidden = true;
    if (video.playable) return this._setSource(video.media);
    this._clearSource();
    this._failed();
  }

  /** Play the same video from another second, up to an end if there is one. */
  jump(start, end = null) {
    this.span(start, end);
    this.seek(start);
    this._until = end;
    this._playVideo();
  }

  /** Set the moment without going there. */
  span(start, end) {
    [this._start, this._end, this._until] = [start, end, end];
  }

  /** Whether the moment is played again and again, or once. */
  toggleLoop() {
    this._looping = !this._looping;
    this._loop.setAttribute("aria-pressed", String(this._looping));
    if (this._looping && this._end !== null && this.video.currentTime >= this._end) this.replay();
    this._until = this._end;
  }

  faster() {
    const speed = SPEEDS[(SPEEDS.indexOf(this.video.playbackRate) + 1) % SPEEDS.length];
    this._setSpeed(this.video.paused ? this.video.playbackRate : speed);
    this._playVideo();
  }

  slower() {
    const place = SPEEDS.indexOf(this.video.playbackRate);
    this._setSpeed(SPEEDS[Math.max(0, place - 1)]);
  }

  _setSpeed(speed) {
    this.video.playbackRate = speed;
    this._speed.textContent = `${speed}×`;
  }

  /** Go some frames on or back, and stand there. */
  frames(number) {
    this.video.pause();
    const fps = this._info?.fps || 25;
    this.seek((Math.round(this.video.currentTime * fps) + number + 0.001) / fps);
  }

  /** Release the media file. */
  unload() {
    this._abort?.abort();
    this._clearSource();
    this._info = null;
  }

  seek(seconds) {
    this._until = null; // who goes somewhere else wants to see what comes then
    const end = Number.isFinite(this.video.duration) ? this.video.duration : seconds;
    this.video.currentTime = Math.max(0, Math.min(seconds, end));
    this.timeline.at(this.video.currentTime);
  }

  skip(direction) {
    this.seek(this.video.currentTime + direction * SKIP_SECONDS);
  }

  replay() {
    this.jump(this._start, this._end);
  }

  toggle() {
    if (this.video.paused) this._playVideo();
    else this.video.pause();
  }

  mute() {
    this.video.muted = !this.video.muted;
    setIcon(this._sound.firstElementChild, this.video.muted ? "muted" : "sound");
    setLabel(this._sound, this.video.muted ? say("player.sound-on") : say("player.sound-off"));
  }

  fullscreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.root.requestFullscreen?.().catch(() => {});
  }

  _clearSource() {
    this.video.pause();
    this.video.removeAttribute("src");
    this.video.load();
  }

  _setSource(source) {
    this._setWaiting(true);
    this.video.src = source;
  }

  _loaded() {
    this.video.currentTime = this._start;
    this._until = this._end;
    this._setWaiting(false);
    if (this._autoplay) this._playVideo();
  }

  _playVideo() {
    this.video.play().catch(() => {}); // autoplay may be blocked; the play button remains
  }

  _update() {
    const seconds = this.video.currentTime;
    if (this._until !== null && seconds >= this._until && !this.video.paused) this._reachedEnd();
    this.timeline.at(seconds);
    this._drawTime();
    const cues = this._cues.filter((cue) => cue.start <= seconds && seconds < cue.end);
    this._subtitle.hidden = cues.length === 0;
    this._subtitle.textContent = cues.map((cue) => cue.text).join("\n");
    this._onTime(seconds);
  }

  _reachedEnd() {
    if (this._looping) return this.replay();
    this._until = null; // playing on goes past it
    this.video.pause();
  }

  /** The time; where the picture stands still, to the frame. */
  _drawTime() {
    const seconds = this.video.currentTime || 0;
    const fps = this._info?.fps || 0;
    const frame = Math.floor(seconds * fps + 0.01);
    const exact = this.video.paused && fps ? `:${String(Math.floor((seconds % 1) * fps + 0.01)).padStart(2, "0")} · ${say("player.frame", { frame: String(frame) })}` : "";
    this._time.textContent = `${clock(seconds)}${exact} / ${clock(this._info?.duration ?? 0)}`;
  }

  _drawPlay() {
    const playing = !this.video.paused;
    this._drawTime();
    setIcon(this._play.firstElementChild, playing ? "pause" : "play");
    setLabel(this._play, playing ? say("player.pause") : say("player.play"));
  }

  _setWaiting(waiting) {
    this._spinner.hidden = !waiting;
  }

  _showNote(content) {
    this._note.hidden = content === null;
    fill(this._note, content);
  }

  /** Show why the file cannot be loaded or played, and offer a transcoded copy. */
  async _failed() {
    const info = this._info;
    if (!info || (this.video.error === null && info.playable)) return;
    this._setWaiting(false);
    if (this._transcoded) return this._showWarning(element("p", {}, say("player.not-converted")));
    try {
      const response = await probe(info.media, this._abort.signal);
      await response.body?.cancel();
    } catch (error) {
      return isAborted(error) ? null : this._showWarning(element("p", {}, error.message));
    }
    const format = say("player.format", { codec: info.codec, container: info.container.split(",")[0] });
    const message = element("p", {}, element("strong", {}, say("player.not-playable")), " ", format);
    if (!info.preview) return this._showWarning(message, element("p", {}, say("player.still-searched")));
    if (info.converted) return this._transcode(info);
    this._showWarning(message, element("button", { type: "button", class: "main", click: () => this._transcode(info) }, say("player.play-converted")));
  }

  async _transcode(info) {
    const progress = element("progress", { max: "1", "aria-label": say("player.converting") });
    this._showNote([element("p", {}, say("player.converting-now")), progress]);
    try {
      const onProgress = ({ seconds, duration }) => seconds && (progress.value = Math.min(1, seconds / duration));
      await waitForTranscode(info.preview, onProgress, this._abort.signal);
      this._transcoded = true;
      this._showNote(null);
      this._setSource(info.preview);
    } catch (error) {
      if (!isAborted(error)) this._showWarning(element("p", {}, error.message));
    }
  }

  _showWarning(...content) {
    this._showNote([icon("warning"), content]);
  }
}

function control(iconName, label, action, attributes = {}) {
  return element("button", { type: "button", class: "control", "aria-label": label, title: label, click: action, ...attributes }, icon(iconName));
}

function setLabel(button, label) {
  button.setAttribute("aria-label", label);
  button.title = label;
}
