/** What to do with several dropped files: each can be searched by, and their folder added. */

import { say } from "../lib/language.js";
import { element, icon } from "./element.js";

/**
 * @param {File[]} files
 * @param {function(File)} searchBy
 * @param {?function()} addFolder null where folders cannot be added
 */
export function offerFiles(files, searchBy, addFolder) {
  const close = () => dialog.close();
  const media = (file) => /^(video|image)\//.test(file.type) || !file.type;
  const row = (file) =>
    element(
      "li",
      {},
      icon(file.type.startsWith("image/") ? "picture" : "play"),
      element("span", { title: file.name }, file.name),
      media(file)
        ? element("button", { type: "button", class: "small", click: () => (close(), searchBy(file)) }, say("drop.search"))
        : element("small", { class: "faint" }, say("drop.not-media")),
    );
  const title = files.length ? say("drop.title", { count: files.length }) : say("drop.empty");
  const dialog = element(
    "dialog",
    { class: "question", "aria-label": title, close: () => dialog.remove() },
    element("h2", {}, title),
    element("ul", { class: "dropped" }, files.map(row)),
    element(
      "div",
      { class: "actions" },
      addFolder && element("button", { type: "button", click: () => (close(), addFolder()) }, icon("folder"), say("drop.add")),
      element("button", { type: "button", class: "main", autofocus: true, click: close }, say("button.close")),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
}
