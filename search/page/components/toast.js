/** Toasts and screen reader announcements. */

import { say } from "../lib/language.js";
import { element, icon } from "./element.js";

const SHOWN_MS = 6000;

/** Announce a text to screen readers. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}

/** Show and announce a message. `kind` is "done", which disappears by itself, or "warning". */
export function toast(text, kind = "done") {
  const message = element("div", { class: `toast ${kind}` }, icon(kind), element("p", {}, text));
  message.append(
    element("button", { type: "button", class: "plain", "aria-label": say("button.close-message"), click: () => message.remove() }, icon("close")),
  );
  document.getElementById("toasts").append(message);
  announce(text);
  if (kind === "done") setTimeout(() => message.remove(), SHOWN_MS);
}
