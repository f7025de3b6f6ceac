/** A button with a small menu under it. */

import { element, icon } from "./element.js";

let numbered = 0;

/**
 * @param {string} drawing of the button
 * @param {string} label
 * @param {{label: string, help?: string, href?: string, pick?: function}[]} choices links to files, or things to do
 */
export function menu(drawing, label, choices) {
  const id = `menu-${++numbered}`;
  const list = element("div", { class: "menu", id, popover: "auto" });
  for (const choice of choices) list.append(entry(choice, list));
  const button = element("button", { type: "button", popovertarget: id }, icon(drawing), element("span", {}, label));
  list.addEventListener("toggle", (event) => {
    if (event.newState === "open") place(list, button);
  });
  return element("div", { class: "menu-place" }, button, list);
}

function entry({ label, help, href, pick }, list) {
  const text = [element("span", {}, label), help && element("small", {}, help)];
  const done = () => list.hidePopover();
  if (href) return element("a", { href, download: true, click: done }, text);
  return element("button", { type: "button", click: () => (done(), pick()) }, text);
}

function place(list, button) {
  const edge = button.getBoundingClientRect();
  const wide = list.offsetWidth;
  const left = Math.max(8, Math.min(edge.left, innerWidth - wide - 8));
  const under = edge.bottom + 6;
  const top = under + list.offsetHeight > innerHeight - 8 ? Math.max(8, edge.top - list.offsetHeight - 6) : under;
  list.style.left = `${left}px`;
  list.style.top = `${top}px`;
  list.querySelector("a, button")?.focus();
}
