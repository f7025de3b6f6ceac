/**
 * Where the page is. The address holds all of it, so that the back button, bookmarks and a reload work.
 *
 * view      "" for the search, or "library", "duplicates", "film"
 * q         the query; segment, upload: what it has to look like
 * only, min, each, rerank: the options of the search
 * id        the video of the view "film"
 * film, at  the video that plays, and its moment as "start-end" in seconds
 */

const FIELDS = ["view", "q", "segment", "upload", "only", "min", "each", "rerank", "id", "film", "at"];
const PLAYER = ["film", "at"];
const listeners = [];

/** What the address says, each field a string, "" where it says nothing. */
export function here() {
  const parameters = new URLSearchParams(location.search);
  return Object.fromEntries(FIELDS.map((name) => [name, parameters.get(name) ?? ""]));
}

/** The address of a place, relative to the page. */
export function link(place) {
  const parameters = new URLSearchParams();
  for (const name of FIELDS) if (place[name]) parameters.set(name, place[name]);
  const text = parameters.toString();
  return text ? `?${text}` : location.pathname;
}

/** The same place without the player over it. */
export function withoutPlayer(place) {
  return { ...place, film: "", at: "" };
}

/** A name for what lies under the player. */
export function key(place) {
  return link(withoutPlayer(place));
}

/** Go there. `note` is remembered with the entry of the history. */
export function go(place, { replace = false, state = {} } = {}) {
  history[replace ? "replaceState" : "pushState"](state, "", link(place));
  notify();
}

/** What was noted with this entry of the history. */
export function entryState() {
  return history.state ?? {};
}

/** Be told of every change of place. */
export function onChange(listener) {
  listeners.push(listener);
}

/** The moment in the address: {start, end} in seconds. */
export function moment(place) {
  const [start, end] = place.at.split("-").map(Number);
  return { start: Number.isFinite(start) ? start : 0, end: Number.isFinite(end) ? end : null };
}

/** A moment for the address. */
export function at(start, end) {
  const rounded = (seconds) => String(Math.round(seconds * 1000) / 1000);
  return end === null || end === undefined ? rounded(start) : `${rounded(start)}-${rounded(end)}`;
}

/** Whether two places differ only in the player. */
export function sameView(one, other) {
  return FIELDS.every((name) => PLAYER.includes(name) || one[name] === other[name]);
}

function notify() {
  for (const listener of listeners) listener(here());
}

/** Follow the back button, and links to places of this page without loading it again. */
export function watch() {
  addEventListener("popstate", notify);
  document.addEventListener("click", (event) => {
    const anchor = event.target.closest?.("a[href]");
    if (!anchor || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const target = new URL(anchor.href);
    const internal = target.origin === location.origin && target.pathname === location.pathname && !target.hash;
    if (!internal || anchor.hasAttribute("download") || anchor.target) return;
    event.preventDefault();
    const step = "step" in anchor.dataset;
    history[step ? "replaceState" : "pushState"](step ? entryState() : { within: true }, "", target.search || location.pathname);
    notify();
  });
}
