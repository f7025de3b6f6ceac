/**
 * The address of the page, which holds its whole state: back button, bookmarks and reload work. A place is an object of
 * its URL parameters, as strings:
 *
 * view              "" for the search, "library", "duplicates", or "film" for a video
 * q                 query text
 * segment, upload   query clip
 * only, min, each, rerank   search options
 * id                video of the view "film"
 * during            month or year of the view "library"
 * film, at          video in the player, and its moment as "start-end" in seconds
 */

const FIELDS = ["view", "q", "segment", "upload", "only", "min", "each", "rerank", "id", "during", "film", "at"];
const PLAYER = ["film", "at"];
const listeners = [];

/** Return the current place; fields are "" where not given. */
export function here() {
  const parameters = new URLSearchParams(location.search);
  return Object.fromEntries(FIELDS.map((name) => [name, parameters.get(name) ?? ""]));
}

/** Return the relative URL of a place. */
export function link(place) {
  const parameters = new URLSearchParams();
  for (const name of FIELDS) if (place[name]) parameters.set(name, place[name]);
  const text = parameters.toString();
  return text ? `?${text}` : location.pathname;
}

/** Return the place without the player. */
export function withoutPlayer(place) {
  return { ...place, film: "", at: "" };
}

/** Return a cache key of the view under the player. */
export function key(place) {
  return link(withoutPlayer(place));
}

/** Navigate to a place. `state` is stored with the history entry. */
export function go(place, { replace = false, state = {} } = {}) {
  history[replace ? "replaceState" : "pushState"](state, "", link(place));
  notify();
}

/** Return the state of the history entry. */
export function entryState() {
  return history.state ?? {};
}

/** Call a listener after every navigation. */
export function onChange(listener) {
  listeners.push(listener);
}

/** Return the moment of a place as {start, end} in seconds; end may be null. */
export function moment(place) {
  const [start, end] = place.at.split("-").map(Number);
  return { start: Number.isFinite(start) ? start : 0, end: Number.isFinite(end) ? end : null };
}

/** Format a moment for the parameter `at`. */
export function at(start, end) {
  const rounded = (seconds) => String(Math.round(seconds * 1000) / 1000);
  return end === null || end === undefined ? rounded(start) : `${rounded(start)}-${rounded(end)}`;
}

/** Whether two places differ at most in the player. */
export function sameView(one, other) {
  return FIELDS.every((name) => PLAYER.includes(name) || one[name] === other[name]);
}

function notify() {
  for (const listener of listeners) listener(here());
}

/** Handle the back button and internal links without reloading. */
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
