/** A dialog to choose a folder of the machine that the service runs on. */

import { get } from "../lib/api.js";
import { count } from "../lib/format.js";
import { element, fill, icon } from "./element.js";

/** @returns {Promise<?string>} the path of the chosen folder, null if none */
export function chooseFolder(start = "") {
  return new Promise((resolve) => {
    let current = null;
    let latest = 0; // request; late answers of earlier ones are dropped
    const path = element("input", { type: "text", "aria-label": "Path", autocomplete: "off", spellcheck: "false" });
    const places = element("div", { class: "browser-places" });
    const list = element("ul", { class: "browser-list", "aria-label": "Folders" });
    const note = element("p", { class: "faint", role: "status" });
    const choose = element("button", { type: "button", class: "main", click: () => dialog.close(current) }, "Add this folder");
    const dialog = element(
      "dialog",
      { class: "question browser", "aria-label": "Choose a folder", close: () => (dialog.remove(), resolve(dialog.returnValue || null)) },
      element("h2", {}, "Choose a folder"),
      element("form", { class: "browser-path", submit: (event) => (event.preventDefault(), open(path.value)) }, path, element("button", {}, "Go")),
      places,
      list,
      note,
      element("div", { class: "actions" }, element("button", { type: "button", click: () => dialog.close("") }, "Cancel"), choose),
    );
    const row = (name, target, iconName = "folder") =>
      element("li", {}, element("button", { type: "button", title: target, click: () => open(target) }, icon(iconName), name));
    const open = async (target) => {
      const [request, typed] = [++latest, path.value];
      try {
        const folder = await get("/browse", { path: target });
        if (request !== latest) return;
        current = folder.path;
        if (path.value === typed) path.value = folder.path; // unless somebody types meanwhile
        fill(places, folder.places.map((each) => element("button", { type: "button", class: "small", title: each.path, click: () => open(each.path) }, icon("folder"), each.name)));
        fill(list, folder.parent && row("Up", folder.parent, "previous"), folder.folders.map((each) => row(each.name, each.path)));
        note.textContent = folder.videos ? `${count(folder.videos, "video")} right here` : "";
        choose.disabled = false;
      } catch (error) {
        if (request !== latest) return;
        note.textContent = error.message;
        choose.disabled = true;
      }
    };
    document.body.append(dialog);
    dialog.showModal();
    open(start);
  });
}
