/** Moments and videos as cards of a grid: a link with a thumbnail. */

import { at, below, here, link } from "../lib/address.js";
import { clock, length, nameOf, percent, sureness } from "../lib/format.js";
import { element, icon } from "./element.js";
import { previewOn } from "./preview.js";

/** A moment of a search. */
export function momentCard(moment) {
  const label = [
    `${moment.name}, at ${clock(moment.start)}, ${length(moment.end - moment.start)}`,
    moment.confidence === null || moment.confidence === undefined ? "" : `, confidence ${percent(moment.confidence)}`,
  ].join("");
  const place = { ...below(here()), film: moment.video, at: at(moment.start, moment.end) };
  return card({
    href: link(place),
    label,
    thumbnail: moment.thumbnail,
    corner: `${clock(moment.start)} · ${length(moment.end - moment.start)}`,
    badge: badge(moment),
    name: moment.name,
    under: moment.text ? element("q", {}, moment.text) : folderOf(moment.path),
    media: `/api/v1/videos/${moment.video}/media`,
    start: moment.start,
    end: moment.end,
  });
}

/** A whole video; it leads to its storyboard. */
export function videoCard(video) {
  return card({
    href: link({ view: "film", id: video.id }),
    label: `${video.name}, ${length(video.duration)}`,
    thumbnail: video.thumbnail,
    corner: clock(video.duration),
    name: video.name,
    under: video.playable ? folderOf(video.path) : `${video.codec}: browsers cannot play it`,
    media: video.playable ? video.media : null,
    start: 0,
    end: Math.min(video.duration, 10),
  });
}

function card({ href, label, thumbnail, corner, badge, name, under, media, start, end }) {
  const thumb = element("div", { class: "thumb" }, still(thumbnail), element("span", { class: "corner" }, corner), badge);
  const made = element(
    "a",
    { class: "card", href, "aria-label": label },
    thumb,
    element("div", { class: "lines" }, element("span", { class: "name" }, name), element("span", { class: "under" }, under)),
  );
  if (media) previewOn(made, thumb, media, start, end);
  return element("li", {}, made);
}

/** A thumbnail; a drawing where there is none. */
export function still(source) {
  const image = element("img", { src: source, alt: "", loading: "lazy", decoding: "async" });
  image.addEventListener("error", () => image.replaceWith(icon("play")), { once: true });
  return image;
}

function badge({ confidence, match }) {
  if (confidence !== null && confidence !== undefined) {
    return element("span", { class: `badge ${sureness(confidence)}` }, percent(confidence));
  }
  return match ? element("span", { class: "badge" }, `${percent(match.similarity)} alike`) : null;
}

function folderOf(path) {
  const parts = path.split(/[\\/]/);
  return parts.length > 1 ? nameOf(parts.slice(0, -1).join("/")) : "";
}
