/** Short messages: said to screen readers, shown to everybody else. */

import { element, icon } from "./element.js";

const SHOWN_MS = 6000;

/** Have a screen reader say something that is visible anyway. */
export function say(text) {
  document.getElementById("said").textContent = text;
}

/** Show a message for a while. `kind` is "done" or "warning". */
export function toast(text, kind = "done") {
  const shown = element("div", { class: `toast ${kind}` }, icon(kind), element("p", {}, text));
  shown.append(
    element("button", { type: "button", class: "plain", "aria-label": "Close this message", click: () => shown.remove() }, icon("close")),
  );
  document.getElementById("toasts").append(shown);
  say(text);
  if (kind === "done") setTimeout(() => shown.remove(), SHOWN_MS);
}
