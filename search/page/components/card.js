/** Moments and videos as cards of a grid: a link with a thumbnail. */

import { at, here, link, withoutPlayer } from "../lib/address.js";
import { basename, clock, day, duration, percent, span } from "../lib/format.js";
import { say } from "../lib/language.js";
import { element, icon } from "./element.js";
import { markedLine } from "./line.js";
import { attachPreview } from "./preview.js";
import { selectButton } from "./select_button.js";

const BASES = {
  shown: ["picture", say("card.shown")],
  said: ["sound", say("card.said")],
  written: ["text", say("card.written")],
  named: ["folder", say("card.named")],
};

/** Return the card of a moment; it opens the player. */
export function momentCard(moment) {
  const [first] = moment.lines;
  const known = moment.confidence !== null && moment.confidence !== undefined;
  const place = { ...withoutPlayer(here()), film: moment.video, at: at(moment.start, moment.end) };
  return card({
    extra: selectButton({ video: moment.video, start: moment.start, end: moment.end }),
    href: link(place),
    label: momentLabel(moment, known),
    thumbnail: moment.thumbnail,
    time: span(moment.start, moment.end),
    length: duration(moment.end - moment.start),
    badge: [badge(moment, known), filmed(moment)],
    name: moment.name,
    details: first ? moment.lines.slice(0, 2).map(markedLine) : moment.labels.join(", ") || folderName(moment.path),
    tooltip: [moment.path, first && first.text, moment.labels.join(", "), known && say("card.confidence", { share: percent(moment.confidence) }), filmedHow(moment)].filter(Boolean).join("\n"),
    media: `/api/v1/videos/${moment.video}/media`,
    start: moment.start,
    end: moment.end,
  });
}

/** What a screen reader says of a moment. */
function momentLabel({ name, start, end, basis, confidence }, known) {
  const values = { name, time: clock(start), length: duration(end - start), basis: basis && BASES[basis][1], share: known && percent(confidence) };
  return say(!basis ? "card.moment" : known ? "card.moment-sure" : "card.moment-basis", values);
}

/** Return the card of a video; it opens the view of the video. */
export function videoCard(video) {
  return card({
    href: link({ view: "film", id: video.id }),
    label: say("card.video", { name: video.name, length: duration(video.duration) }),
    thumbnail: video.thumbnail,
    time: clock(video.duration),
    badge: [video.offline && element("span", { class: "badge" }, icon("warning"), say("card.offline")), filmed(video)],
    name: video.name,
    details: video.playable ? folderName(video.path) : say("card.not-playable", { codec: video.codec }),
    tooltip: [video.path, filmedHow(video)].filter(Boolean).join("\n"),
    media: video.playable && !video.offline ? video.media : null,
    start: 0,
    end: Math.min(video.duration, 10),
  });
}

function card({ extra, href, label, thumbnail, time, length, badge, name, details, tooltip, media, start, end }) {
  const thumb = element("div", { class: "thumb" }, thumbnailImage(thumbnail), length && element("span", { class: "time-label" }, length));
  const anchor = element(
    "a",
    { class: "card", href, "aria-label": label, title: tooltip },
    thumb,
    element("div", { class: "card-text" }, element("span", { class: "name" }, name), element("span", { class: "details" }, details), element("span", { class: "meta" }, badge, element("span", {}, time))),
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

/** By what it was found; how sure that is stands in the tooltip. */
function badge({ basis, confidence_level: level, match }, known) {
  if (basis) return element("span", { class: known ? `badge ${level}` : "badge" }, icon(BASES[basis][0]), BASES[basis][1]);
  return match ? element("span", { class: "badge" }, say("card.similar", { share: percent(match.similarity) })) : null;
}

/** The day on which it was filmed. */
function filmed({ filmed_at: time }) {
  return time ? element("time", { datetime: time }, day(time)) : null;
}

/** The same, with what tells it. */
function filmedHow({ filmed_at: time, filmed_by: by }) {
  return time && by && say(`card.filmed-${by}`, { date: day(time) });
}

function folderName(path) {
  const parts = path.split(/[\\/]/);
  return parts.length > 1 ? basename(parts.slice(0, -1).join("/")) : "";
}
