/** Two videos that show the same, side by side, played at the same place. */

import { bytes, clock, duration } from "../lib/format.js";
import { say } from "../lib/language.js";
import { thumbnailImage } from "./card.js";
import { element, icon, setIcon } from "./element.js";

const DRIFT_SECONDS = 0.08; // two frames, from which on the second video is set anew

/**
 * Open the dialog.
 * @param {{video: Object, start: number, end: number}} first video of a group, and the part of it that both share
 * @param {{video: Object, start: number, end: number}} second
 * @param {string} why they are the same
 * @param {function(function()): Node[]} actions gets what closes the dialog
 */
export function sideBySide(first, second, why, actions) {
  const pair = new Pair(first, second);
  const dialog = element(
    "dialog",
    { class: "question side-by-side", "aria-label": say("compare.title"), close: () => (pair.stop(), dialog.remove()) },
    element("h2", {}, say("compare.title")),
    element("p", { class: "faint" }, why),
    pair.root,
    element("div", { class: "actions" }, actions(() => dialog.close()), element("button", { type: "button", class: "main", autofocus: true, click: () => dialog.close() }, say("button.close"))),
  );
  document.body.append(dialog);
  dialog.showModal();
}

class Pair {
  constructor(...parts) {
    this._parts = parts;
    this._videos = parts.map(({ video }, place) => player(video, place > 0));
    this._place = element("input", { type: "range", min: "0", max: "1", step: "any", value: "0", "aria-label": say("player.place"), input: () => this._seek(Number(this._place.value)) });
    this._time = element("span", { class: "time" });
    this._play = element("button", { type: "button", class: "control", "aria-label": say("player.play"), click: () => this._toggle() }, icon("play"));
    this._sound = element("button", { type: "button", click: () => this._swapSound() }, icon("sound"), element("span"));
    const [leader, follower] = this._videos;
    leader.addEventListener("loadedmetadata", () => this._seek(0));
    follower.addEventListener("loadedmetadata", () => this._seek(0));
    leader.addEventListener("timeupdate", () => this._follow());
    leader.addEventListener("play", () => setIcon(this._play.firstElementChild, "pause"));
    leader.addEventListener("pause", () => (follower.pause(), setIcon(this._play.firstElementChild, "play")));
    this.root = element(
      "div",
      { class: "pair" },
      element("div", { class: "pair-videos" }, parts.map((part, place) => figure(part, this._videos[place]))),
      element("div", { class: "pair-controls" }, this._play, this._place, this._time, this._sound),
    );
    this._drawSound();
    this._drawTime(0);
  }

  /** Close the connections. */
  stop() {
    for (const video of this._videos) {
      video.pause();
      video.removeAttribute("src");
      video.load();
    }
  }

  /** Go to a share of the part that both have. */
  _seek(share) {
    this._videos.forEach((video, place) => (video.currentTime = this._second(place, share)));
    this._drawTime(share);
  }

  _second(place, share) {
    const { start, end } = this._parts[place];
    return start + share * (end - start);
  }

  _toggle() {
    const [leader, follower] = this._videos;
    if (!leader.paused) return this._videos.forEach((video) => video.pause());
    const length = ({ start, end }) => Math.max(end - start, 0.001);
    if (Number(this._place.value) >= 1) this._seek(0);
    follower.playbackRate = Math.min(4, Math.max(0.25, length(this._parts[1]) / length(this._parts[0])));
    for (const video of this._videos) video.play().catch(() => {}); // what cannot be played keeps its picture
  }

  /** Keep the second video where the first is. */
  _follow() {
    const [leader, follower] = this._videos;
    const { start, end } = this._parts[0];
    const share = Math.min(1, Math.max(0, (leader.currentTime - start) / Math.max(end - start, 0.001)));
    this._place.value = String(share);
    this._drawTime(share);
    if (share >= 1) leader.pause();
    const second = this._second(1, share);
    if (Math.abs(follower.currentTime - second) > DRIFT_SECONDS && !follower.seeking) follower.currentTime = second;
  }

  _drawTime(share) {
    this._time.textContent = this._parts.map((_, place) => clock(this._second(place, share))).join(" · ");
  }

  _swapSound() {
    for (const video of this._videos) video.muted = !video.muted;
    this._drawSound();
  }

  _drawSound() {
    const heard = this._parts[this._videos.findIndex((video) => !video.muted)];
    this._sound.lastElementChild.textContent = say("compare.sound-of", { name: heard.video.name });
  }
}

function player(video, muted) {
  const node = element("video", { playsinline: true, preload: "metadata", "aria-label": video.name, poster: video.thumbnail, src: video.playable ? video.media : null });
  node.muted = muted;
  return node;
}

function figure({ video, start, end }, node) {
  const shown = [duration(video.duration), `${video.width} × ${video.height}`, video.codec, bytes(video.size), `${clock(start)}–${clock(end)}`];
  return element(
    "figure",
    {},
    video.playable ? node : element("div", { class: "thumb" }, thumbnailImage(video.thumbnail)),
    element("figcaption", {}, element("span", { class: "name" }, video.name), element("span", { class: "faint path", title: video.path }, video.path), element("span", { class: "facts" }, shown.map((fact) => element("span", {}, fact)))),
  );
}
