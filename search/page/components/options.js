/** The options of a search, as a row of controls over its results. */

import { go, here, withoutPlayer } from "../lib/address.js";
import { percent } from "../lib/format.js";
import { element, fill } from "./element.js";

const MODALITIES = [["", "Pictures and words"], ["visual", "Pictures only"], ["words", "Words only"]];

/** The row for a place; a change goes to the place with the change. `status` offers the values of the confidence. */
export function searchOptions(place, status) {
  const byText = Boolean(place.q);
  return element(
    "div",
    { class: "options", role: "group", "aria-label": "Options of the search" },
    byText && choice("only", "Look at", MODALITIES, place.only),
    byText && minConfidence(place.min, status),
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
  return setOptions(select, values, selected);
}

function setOptions(select, values, selected) {
  return fill(select, values.map(([value, text]) => element("option", { value, selected: value === selected }, text)));
}

/** Shows the selected value at once, the other values when the service has sent them. */
function minConfidence(selected, status) {
  const label = (value) => (value ? `At least ${percent(value)}` : "Any confidence");
  const values = (offered) =>
    ["", ...new Set([...offered.map(String), selected].filter(Boolean))].sort((one, other) => one - other).map((value) => [value, label(value)]);
  const select = choice("min", "Confidence", values([]), selected);
  status.load().then(({ min_confidences: offered }) => setOptions(select, values(offered), selected), () => {});
  return select;
}

function toggle(name, label, on, help) {
  return element(
    "button",
    { type: "button", class: "toggle", "aria-pressed": String(Boolean(on)), title: help, click: () => change(name, on ? "" : "1") },
    label,
  );
}
