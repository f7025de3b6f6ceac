/** Short messages: said to screen readers, shown to everybody else. */

import { element, icon } from "./element.js";

const SHOWN_MS = 6000;

/** Have a screen reader say something that is visible anyway. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}

/** Show a message for a while. `kind` is "done" or "warning". */
export function toast(text, kind = "done") {
  const message = element("div", { class: `toast ${kind}` }, icon(kind), element("p", {}, text));
  message.append(
    element("button", { type: "button", class: "plain", "aria-label": "Close this message", click: () => message.remove() }, icon("close")),
  );
  document.getElementById("toasts").append(message);
  announce(text);
  if (kind === "done") setTimeout(() => message.remove(), SHOWN_MS);
}
