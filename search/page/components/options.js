/** The options of a search, as a row of controls over its results. */

import { below, go, here } from "../lib/address.js";
import { element } from "./element.js";

const SIDES = [["", "Pictures and words"], ["visual", "Pictures only"], ["words", "Words only"]];
const SURE = [["", "Any confidence"], ["0.1", "At least 10 %"], ["0.25", "At least 25 %"], ["0.5", "At least 50 %"]];

/** The row for a place; a change goes to the place with the change. */
export function options(place) {
  const byWords = Boolean(place.q);
  return element(
    "div",
    { class: "options", role: "group", "aria-label": "Options of the search" },
    byWords && choice("only", "Look at", SIDES, place.only),
    byWords && choice("min", "Confidence", SURE, place.min),
    byWords && toggle("each", "One per video", place.each),
    byWords && toggle("rerank", "Read the best again", place.rerank, "Slower; the model reads the best moments once more with your words"),
  );
}

/** Whether a place asks for looks alone. */
export function byLooks(place) {
  return Boolean(!place.q && (place.segment || place.upload));
}

/** The parameters of the API for a place. */
export function parameters(place) {
  const looks = { segment: place.segment, upload: place.upload };
  if (byLooks(place)) return looks;
  return {
    q: place.q,
    ...looks,
    only: place.only,
    min_confidence: place.min,
    per_video: place.each && "1",
    rerank: place.rerank && "50",
  };
}

/** Whether an option leaves anything out. */
export function narrowed(place) {
  return Boolean(place.only || place.min);
}

function change(name, value) {
  go({ ...below(here()), [name]: value }, { replace: true });
}

function choice(name, label, values, chosen) {
  const made = element("select", { "aria-label": label, class: chosen ? "chosen" : null, change: () => change(name, made.value) });
  for (const [value, text] of values) made.append(element("option", { value, selected: value === chosen }, text));
  return made;
}

function toggle(name, label, on, help) {
  return element(
    "button",
    { type: "button", class: "toggle", "aria-pressed": String(Boolean(on)), title: help, click: () => change(name, on ? "" : "1") },
    label,
  );
}
