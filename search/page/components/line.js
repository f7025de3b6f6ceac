/** A line of a moment, with the words of the query marked. */

import { say } from "../lib/language.js";
import { element } from "./element.js";

const SOURCES = { speech: say("line.speech"), screen: say("line.screen") }; // subtitles go without saying

/** @param {{text: string, source: string, marks: number[][]}} line with offsets in characters, not in UTF-16 units */
export function markedLine({ text, source, marks }) {
  const characters = [...text];
  const parts = [];
  let place = 0;
  for (const [start, end] of marks) {
    parts.push(characters.slice(place, start).join(""), element("mark", {}, characters.slice(start, end).join("")));
    place = end;
  }
  parts.push(characters.slice(place).join(""));
  return [SOURCES[source], " ", element("q", {}, parts), " "];
}
