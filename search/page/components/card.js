/** Moments and videos as cards of a grid: a link with a thumbnail. */

import { at, here, link, withoutPlayer } from "../lib/address.js";
import { basename, clock, duration, percent } from "../lib/format.js";
import { element, icon } from "./element.js";
import { attachPreview } from "./preview.js";
import { selectButton } from "./select_button.js";

/** Return the card of a moment; it opens the player. */
export function momentCard(moment) {
  const label = [
    `${moment.name}, at ${clock(moment.start)}, ${duration(moment.end - moment.start)}`,
    moment.confidence === null || moment.confidence === undefined ? "" : `, confidence ${percent(moment.confidence)}`,
  ].join("");
  const place = { ...withoutPlayer(here()), film: moment.video, at: at(moment.start, moment.end) };
  return card({
    extra: selectButton({ video: moment.video, start: moment.start, end: moment.end }),
    href: link(place),
    label,
    thumbnail: moment.thumbnail,
    time: `${clock(moment.start)} · ${duration(moment.end - moment.start)}`,
    badge: badge(moment),
    name: moment.name,
    details: words(moment) || moment.labels.join(", ") || folderName(moment.path),
    media: `/api/v1/videos/${moment.video}/media`,
    start: moment.start,
    end: moment.end,
  });
}

const SOURCES = { subtitles: "Subtitles", speech: "Speech", screen: "On screen" };

/** Return the lines that hold words of the query, with where they come from, or else what is said. */
function words(moment) {
  if (!moment.lines.length) return moment.text ? element("q", {}, moment.text) : null;
  const quotes = moment.lines.slice(0, 2).flatMap(({ source, text }) => [`${SOURCES[source] ?? source}: `, element("q", {}, text), " "]);
  return element("span", {}, ...quotes);
}

/** Return the card of a video; it opens the view of the video. */
export function videoCard(video) {
  return card({
    href: link({ view: "film", id: video.id }),
    label: `${video.name}, ${duration(video.duration)}`,
    thumbnail: video.thumbnail,
    time: clock(video.duration),
    name: video.name,
    details: video.playable ? folderName(video.path) : `${video.codec}: browsers cannot play it`,
    media: video.playable ? video.media : null,
    start: 0,
    end: Math.min(video.duration, 10),
  });
}

function card({ extra, href, label, thumbnail, time, badge, name, details, media, start, end }) {
  const thumb = element("div", { class: "thumb" }, thumbnailImage(thumbnail), element("span", { class: "time-label" }, time), badge);
  const anchor = element(
    "a",
    { class: "card", href, "aria-label": label },
    thumb,
    element("div", { class: "card-text" }, element("span", { class: "name" }, name), element("span", { class: "details" }, details)),
  );
  if (media) attachPreview(anchor, thumb, media, start, end);
  return element("li", {}, anchor, extra);
}

/** Return a thumbnail, replaced by an icon if it cannot be loaded. */
export function thumbnailImage(source) {
  const image = element("img", { src: source, alt: "", loading: "lazy", decoding: "async" });
  image.addEventListener("error", () => image.replaceWith(icon("play")), { once: true });
  return image;
}

function badge({ confidence, confidence_level: level, match }) {
  if (confidence !== null && confidence !== undefined) {
    return element("span", { class: `badge ${level}` }, percent(confidence));
  }
  return match ? element("span", { class: "badge" }, `${percent(match.similarity)} similar`) : null;
}

function folderName(path) {
  const parts = path.split(/[\\/]/);
  return parts.length > 1 ? basename(parts.slice(0, -1).join("/")) : "";
}
