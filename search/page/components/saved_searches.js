/** Searches that were kept in the library, to be asked again. */

import { link } from "../lib/address.js";
import { get, put, remove } from "../lib/api.js";
import { element, fill, icon } from "./element.js";
import { toast } from "./toast.js";

/** A button that keeps the search of a place, under its own words, or forgets it. */
export function keeper(place) {
  let name = null; // under which it is kept
  const button = element("button", { type: "button", class: "toggle", "aria-pressed": "false", click: () => change() }, "Keep");
  const show = (kept) => {
    name = kept;
    button.setAttribute("aria-pressed", String(kept !== null));
    button.textContent = kept === null ? "Keep" : "Kept";
  };
  const change = async () => {
    try {
      if (name === null) {
        const { name: given } = await put(path(place.q), wanted(place));
        show(given);
        toast("Kept. The start page lists it.");
      } else {
        await remove(path(name));
        show(null);
      }
    } catch (error) {
      toast(error.message, "warning");
    }
  };
  const same = (each) => link(placeOf(each)) === link(placeOf(wanted(place)));
  get("/searches").then(({ items }) => show(items.find(same)?.name ?? null), () => {}); // then it can be kept all the same
  return button;
}

/** Links to all searches that were kept; nothing where there are none. */
export function keptSearches() {
  const list = element("ul", { class: "kept", "aria-label": "Kept searches", hidden: true });
  const row = (each) => element("li", {}, element("a", { class: "button", href: link(placeOf(each)) }, icon("search"), each.name));
  get("/searches").then(
    ({ items }) => {
      fill(list, items.map(row));
      list.hidden = items.length === 0;
    },
    () => {}, // the view says what is wrong
  );
  return list;
}

function path(name) {
  return `/searches/${encodeURIComponent(name)}`;
}

function wanted({ q, only, min, each }) {
  return { query: q, only: only || null, min_confidence: Number(min || 0), per_video: each ? 1 : null };
}

function placeOf({ query, only, min_confidence: min, per_video: each }) {
  return { q: query, only: only ?? "", min: min ? String(min) : "", each: each ? "1" : "" };
}
