/** Saved searches, stored in the library. */

import { link } from "../lib/address.js";
import { get, put, remove } from "../lib/api.js";
import { say } from "../lib/language.js";
import { element, fill, icon } from "./element.js";
import { toast } from "./toast.js";

/** Return the button that saves the search of a place, named after its query, or deletes it. */
export function saveButton(place) {
  let name = null; // of the saved search, null if not saved
  const button = element("button", { type: "button", class: "toggle", "aria-pressed": "false", click: () => toggle() }, say("saved.save"));
  const show = (saved) => {
    name = saved;
    button.setAttribute("aria-pressed", String(saved !== null));
    button.textContent = saved === null ? say("saved.save") : say("saved.saved");
  };
  const toggle = async () => {
    try {
      if (name === null) {
        const { name: saved } = await put(path(place.q), toSavedSearch(place));
        show(saved);
        toast(say("saved.done"));
      } else {
        await remove(path(name));
        show(null);
      }
    } catch (error) {
      toast(error.message, "warning");
    }
  };
  const same = (each) => link(toPlace(each)) === link(toPlace(toSavedSearch(place)));
  get("/searches").then(({ items }) => show(items.find(same)?.name ?? null), () => {}); // show as not saved
  return button;
}

/** Return links to all saved searches, hidden without any. */
export function savedSearches() {
  const list = element("ul", { class: "saved-searches", "aria-label": say("saved.label"), hidden: true });
  const row = (each) => element("li", {}, element("a", { class: "button", href: link(toPlace(each)) }, icon("search"), each.name));
  get("/searches").then(
    ({ items }) => {
      fill(list, items.map(row));
      list.hidden = items.length === 0;
    },
    () => {}, // the view shows the error
  );
  return list;
}

function path(name) {
  return `/searches/${encodeURIComponent(name)}`;
}

function toSavedSearch({ q, only, min, each }) {
  return { query: q, only: only || null, min_confidence: Number(min || 0), per_video: each ? 1 : null };
}

function toPlace({ query, only, min_confidence: min, per_video: each }) {
  return { q: query, only: only ?? "", min: min ? String(min) : "", each: each ? "1" : "" };
}
