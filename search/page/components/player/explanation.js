/** Why a moment was found. */

import { get } from "../../lib/api.js";
import { clock, percent } from "../../lib/format.js";
import { element, fill } from "../element.js";
import { parameters } from "../options.js";

/** Return the explanation; if the results have none, a button that fetches it. */
export function explanation(moment, place) {
  const root = element("div", { class: "explanation" });
  if (moment.match) fill(root, element("p", {}, describeMatch(moment.match)));
  else if (moment.why) fill(root, element("p", {}, describeScores(moment.why)));
  else if (place.q && moment.confidence !== null) fill(root, element("button", { type: "button", class: "plain explain", click: () => fetchExplanation(root, moment, place) }, "Why this moment?"));
  return root;
}

async function fetchExplanation(root, moment, place) {
  try {
    const page = await get("/search", { ...parameters(place), ...sameVideo(moment), explain: "true", limit: 100 });
    const found = page.items.find((each) => each.segment === moment.segment) ?? page.items[0];
    fill(root, element("p", { role: "status" }, found?.why ? describeScores(found.why) : "No explanation available."));
  } catch (error) {
    fill(root, element("p", { role: "alert" }, error.message));
  }
}

/** Restrict the search to the moment's video, if this client gets paths. */
function sameVideo({ path, name }) {
  return path === name ? {} : { within: path };
}

function describeScores({ visual, words, alignment, said, named, written }) {
  const parts = [];
  if (visual) parts.push(`${percent(visual)} by images`);
  if (words) parts.push(`${percent(words)} by text`);
  if (alignment) parts.push(`${percent(alignment)} by reranking`);
  const sentences = [`Found ${parts.join(", ") || "by its filters"}.`];
  if (said?.length) sentences.push(`In what is said: ${said.join(", ")}.`);
  if (written?.length) sentences.push(`Written in the picture: ${written.join(", ")}.`);
  if (named?.length) sentences.push(`In file or folder names: ${named.join(", ")}.`);
  return sentences.join(" ");
}

function describeMatch({ start, end, query_start: from, query_end: to, similarity, speed, mirrored }) {
  const sentences = [`${clock(start)}–${clock(end)} matches ${clock(from)}–${clock(to)} of your clip, ${percent(similarity)} similar.`];
  if (mirrored) sentences.push("It is mirrored.");
  if (speed && Math.abs(speed - 1) > 0.05) sentences.push(`It runs at ${speed.toFixed(2)} times the speed.`);
  return sentences.join(" ");
}
