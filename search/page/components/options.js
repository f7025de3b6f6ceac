/** The options of a search, as a row of controls over its results. */

import { go, here, withoutPlayer } from "../lib/address.js";
import { element } from "./element.js";

const MODALITIES = [["", "Pictures and words"], ["visual", "Pictures only"], ["words", "Words only"]];
const CONFIDENCES = [["", "Any confidence"], ["0.1", "At least 10 %"], ["0.25", "At least 25 %"], ["0.5", "At least 50 %"]];

/** The row for a place; a change goes to the place with the change. */
export function searchOptions(place) {
  const byText = Boolean(place.q);
  return element(
    "div",
    { class: "options", role: "group", "aria-label": "Options of the search" },
    byText && choice("only", "Look at", MODALITIES, place.only),
    byText && choice("min", "Confidence", CONFIDENCES, place.min),
    byText && toggle("each", "One per video", place.each),
    byText && toggle("rerank", "Read the best again", place.rerank, "Slower; the model reads the best moments once more with your words"),
  );
}

/** Whether a place asks by a clip alone. */
export function byClipOnly(place) {
  return Boolean(!place.q && (place.segment || place.upload));
}

/** The parameters of the API for a place. */
export function parameters(place) {
  const clip = { segment: place.segment, upload: place.upload };
  if (byClipOnly(place)) return clip;
  return {
    q: place.q,
    ...clip,
    only: place.only,
    min_confidence: place.min,
    per_video: place.each && "1",
    rerank: place.rerank && "50",
  };
}

/** Whether an option leaves anything out. */
export function hasFilters(place) {
  return Boolean(place.only || place.min);
}

function change(name, value) {
  go({ ...withoutPlayer(here()), [name]: value }, { replace: true });
}

function choice(name, label, values, selected) {
  const select = element("select", { "aria-label": label, class: selected ? "chosen" : null, change: () => change(name, select.value) });
  for (const [value, text] of values) select.append(element("option", { value, selected: value === selected }, text));
  return select;
}

function toggle(name, label, on, help) {
  return element(
    "button",
    { type: "button", class: "toggle", "aria-pressed": String(Boolean(on)), title: help, click: () => change(name, on ? "" : "1") },
    label,
  );
}
