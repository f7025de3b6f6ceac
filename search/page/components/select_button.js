/** A button that adds a moment to the selects tray. */

import { say } from "../lib/language.js";
import { element, icon } from "./element.js";

/** @param {{video: number, start: number, end: number}} span */
export function selectButton(span, { label = "" } = {}) {
  const add = () => document.dispatchEvent(new CustomEvent("select-moment", { detail: span }));
  const attributes = { type: "button", title: say("tray.select-key"), click: add };
  if (label) return element("button", attributes, icon("add"), label);
  return element("button", { ...attributes, class: "tick", tabindex: "-1", "aria-label": say("tray.select") }, icon("add"));
}
