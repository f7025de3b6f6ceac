/** What stands where there is nothing to show: empty, loading, failed, no match. */

import { element, icon } from "./element.js";

/** An icon, a sentence, more of it, and what can be done. */
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

/** A failure with its reason, and another try. */
export function errorState(error, retry) {
  const title = error.status === 0 ? "No connection" : "That did not work";
  const state = emptyState("warning", title, error.message, retry && element("button", { type: "button", click: retry }, "Try again"));
  state.setAttribute("role", "alert");
  return state;
}

/** Grey cards while the real ones are on their way. */
export function skeletons(number) {
  return Array.from({ length: number }, () =>
    element("li", { class: "card skeleton", "aria-hidden": "true" }, element("div", { class: "thumb" }), element("div", { class: "card-text" })),
  );
}
