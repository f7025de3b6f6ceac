/** Search options, a row of controls above the results. */

import { go, here, withoutPlayer } from "../lib/address.js";
import { percent } from "../lib/format.js";
import { say } from "../lib/language.js";
import { element, fill } from "./element.js";

const MODALITIES = [["", say("options.both")], ["visual", say("options.pictures")], ["words", say("options.words")]];

/** Return the controls for a place; a change navigates. `status` has the offered minimum confidences. */
export function searchOptions(place, status) {
  const byText = Boolean(place.q);
  return element(
    "div",
    { class: "options", role: "group", "aria-label": say("options.label") },
    byText && choice("only", say("options.in"), MODALITIES, place.only),
    byText && minConfidence(place.min, status),
    byText && toggle("each", say("options.each"), place.each),
    byText && toggle("rerank", say("options.rerank"), place.rerank, say("options.rerank-help")),
  );
}

/** Whether the query is a clip without text. */
export function byClipOnly(place) {
  return Boolean(!place.q && (place.segment || place.upload));
}

/** Return the API parameters for a place. */
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

/** Whether options exclude results. */
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

/** Shows the selected value at once, the other ones when the status has loaded. */
function minConfidence(selected, status) {
  const label = (value) => (value ? say("options.at-least", { share: percent(value) }) : say("options.any"));
  const values = (offered) =>
    ["", ...new Set([...offered.map(String), selected].filter(Boolean))].sort((one, other) => one - other).map((value) => [value, label(value)]);
  const select = choice("min", say("options.confidence"), values([]), selected);
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
