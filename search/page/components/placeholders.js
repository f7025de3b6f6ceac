/** What stands where there is nothing to show: empty, loading, failed, no match. */

import { element, icon } from "./element.js";

/** A drawing, a sentence, more of it, and what can be done. */
export function blank(drawing, title, text, ...actions) {
  return element(
    "div",
    { class: "blank" },
    element("div", { class: "blank-drawing" }, icon(drawing)),
    element("h2", {}, title),
    text && element("p", {}, text),
    actions.length > 0 && element("div", { class: "blank-actions" }, actions),
  );
}

/** A failure with its reason, and another try. */
export function failed(error, again) {
  const title = error.status === 0 ? "No connection" : "That did not work";
  const made = blank("warning", title, error.message, again && element("button", { type: "button", click: again }, "Try again"));
  made.setAttribute("role", "alert");
  return made;
}

/** Grey cards while the real ones are on their way. */
export function skeletons(number) {
  return Array.from({ length: number }, () =>
    element("li", { class: "card skeleton", "aria-hidden": "true" }, element("div", { class: "thumb" }), element("div", { class: "lines" })),
  );
}
