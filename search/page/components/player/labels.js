/** What the model recognised in a moment: links that search for more of it. */

import { link } from "../../lib/address.js";
import { say } from "../../lib/language.js";
import { element } from "../element.js";

const MAX_LABELS = 10;

/** @param {string[]} names the surest first */
export function labels(names) {
  if (!names.length) return null;
  const row = (name) => element("li", {}, element("a", { href: link({ q: query(name) }) }, name));
  return element("ul", { class: "labels", "aria-label": say("player.shows") }, names.slice(0, MAX_LABELS).map(row));
}

function query(name) {
  return /\s/.test(name) ? `shows:"${name}"` : `shows:${name}`;
}
