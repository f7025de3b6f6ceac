/** What to do with several dropped files: each can be searched by, and their folder added. */

import { count } from "../lib/format.js";
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
        ? element("button", { type: "button", class: "small", click: () => (close(), searchBy(file)) }, "Search by it")
        : element("small", { class: "faint" }, "neither video nor picture"),
    );
  const title = files.length ? `${count(files.length, "file")} dropped` : "An empty folder was dropped";
  const dialog = element(
    "dialog",
    { class: "question", "aria-label": title, close: () => dialog.remove() },
    element("h2", {}, title),
    element("ul", { class: "dropped" }, files.map(row)),
    element(
      "div",
      { class: "actions" },
      addFolder && element("button", { type: "button", click: () => (close(), addFolder()) }, icon("folder"), "Add a folder to the library…"),
      element("button", { type: "button", class: "main", autofocus: true, click: close }, "Close"),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
}
