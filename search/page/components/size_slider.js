/** The size of cards, kept in the browser. */

import { say } from "../lib/language.js";
import { element } from "./element.js";

const KEY = "card-size";
const [LEAST, USUAL, MOST] = [150, 235, 480]; // pixels, the least width of a card

/** Return the slider; all grids follow it. */
export function sizeSlider() {
  const input = element("input", { class: "size", type: "range", min: LEAST, max: MOST, step: "5", value: stored(), "aria-label": say("card.size"), title: say("card.size"), input: () => resize(input.value) });
  return input;
}

/** Give cards the size that was chosen before. */
export function restoreSize() {
  apply(stored());
}

function resize(size) {
  apply(size);
  try {
    localStorage.setItem(KEY, size);
  } catch {
    // no storage: the size is that of this page
  }
}

function apply(size) {
  document.documentElement.style.setProperty("--card", `${size}px`);
}

function stored() {
  try {
    const size = Number(localStorage.getItem(KEY)) || USUAL;
    return Math.min(MOST, Math.max(LEAST, size));
  } catch {
    return USUAL; // no storage
  }
}
