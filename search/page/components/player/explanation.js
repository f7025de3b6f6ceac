/** Why a moment was found. */

import { get } from "../../lib/api.js";
import { clock, percent } from "../../lib/format.js";
import { say } from "../../lib/language.js";
import { element, fill } from "../element.js";
import { parameters } from "../parameters.js";

/** Return the explanation; if the results have none, a button that fetches it. */
export function explanation(moment, place) {
  const root = element("div", { class: "explanation" });
  if (moment.match) fill(root, element("p", {}, describeMatch(moment.match)));
  else if (moment.why) fill(root, element("p", {}, describeScores(moment.why)));
  else if (place.q && moment.confidence !== null) fill(root, element("button", { type: "button", class: "plain explain", click: () => fetchExplanation(root, moment, place) }, say("why.ask")));
  return root;
}

async function fetchExplanation(root, moment, place) {
  try {
    const page = await get("/search", { ...parameters(place), ...sameVideo(moment), explain: "true", limit: 100 });
    const found = page.items.find((each) => each.segment === moment.segment) ?? page.items[0];
    fill(root, element("p", { role: "status" }, found?.why ? describeScores(found.why) : say("why.none")));
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
  if (visual) parts.push(say("why.images", { share: percent(visual) }));
  if (words) parts.push(say("why.text", { share: percent(words) }));
  if (alignment) parts.push(say("why.reranking", { share: percent(alignment) }));
  const sentences = [parts.length ? say("why.found", { parts: parts.join(", ") }) : say("why.found-filters")];
  if (said?.length) sentences.push(say("why.said", { words: said.join(", ") }));
  if (written?.length) sentences.push(say("why.written", { words: written.join(", ") }));
  if (named?.length) sentences.push(say("why.named", { words: named.join(", ") }));
  return sentences.join(" ");
}

function describeMatch({ start, end, query_start: from, query_end: to, similarity, speed, mirrored }) {
  const sentences = [say("why.match", { start: clock(start), end: clock(end), from: clock(from), to: clock(to), share: percent(similarity) })];
  if (mirrored) sentences.push(say("why.mirrored"));
  if (speed && Math.abs(speed - 1) > 0.05) sentences.push(say("why.speed", { speed: Math.round(speed * 100) / 100 }));
  return sentences.join(" ");
}
