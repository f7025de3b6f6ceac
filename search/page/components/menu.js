/** A button with a popover menu. */

import { element, icon } from "./element.js";

let menus = 0;

/**
 * @param {string} iconName of the button
 * @param {string} label
 * @param {({label: string, help?: string, href?: string, action?: function}|Element)[]} choices downloads or actions; or an
 *   element of its own
 * @param {?string} name of a button without a label
 */
export function menu(iconName, label, choices, name = null) {
  const id = `menu-${++menus}`;
  const list = element("div", { class: "menu", id, popover: "auto" });
  for (const choice of choices) list.append(choice instanceof Node ? choice : entry(choice, list));
  const button = element("button", { type: "button", popovertarget: id, "aria-label": name, title: name, class: label ? null : "plain" }, icon(iconName), label && element("span", {}, label));
  list.addEventListener("toggle", (event) => {
    if (event.newState === "open") position(list, button);
  });
  return element("div", { class: "menu-place" }, button, list);
}

function entry({ label, help, href, action }, list) {
  const text = [element("span", {}, label), help && element("small", {}, help)];
  const close = () => list.hidePopover();
  if (href) return element("a", { href, download: true, click: close }, text);
  return element("button", { type: "button", click: () => (close(), action()) }, text);
}

function position(list, button) {
  const anchor = button.getBoundingClientRect();
  const width = list.offsetWidth;
  const left = Math.max(8, Math.min(anchor.left, innerWidth - width - 8));
  const below = anchor.bottom + 6;
  const top = below + list.offsetHeight > innerHeight - 8 ? Math.max(8, anchor.top - list.offsetHeight - 6) : below;
  list.style.left = `${left}px`;
  list.style.top = `${top}px`;
  list.querySelector("a, button")?.focus();
}
