/** Placeholders: empty state, error state, skeleton cards. */

import { say } from "../lib/language.js";
import { element, icon } from "./element.js";

/** Return an icon with a title, a text and buttons. */
export function emptyState(image, title, text, ...actions) {
  return element(
    "div",
    { class: "empty" },
    element("div", { class: "empty-icon" }, icon(image)),
    element("h2", {}, title),
    text && element("p", {}, text),
    actions.length > 0 && element("div", { class: "empty-actions" }, actions),
  );
}

/** Return an error message with a retry button. */
export function errorState(error, retry) {
  const title = error.status === 0 ? say("error.no-connection") : say("error.title");
  const state = emptyState("warning", title, error.message, retry && element("button", { type: "button", click: retry }, say("button.try-again")));
  state.setAttribute("role", "alert");
  return state;
}

/** Return skeleton cards, shown while loading. */
export function skeletons(number) {
  return Array.from({ length: number }, () =>
    element("li", { class: "card skeleton", "aria-hidden": "true" }, element("div", { class: "thumb" }), element("div", { class: "card-text" })),
  );
}
