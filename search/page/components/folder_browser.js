/** A dialog to choose a folder of the machine that the service runs on. */

import { get } from "../lib/api.js";
import { say } from "../lib/language.js";
import { element, fill, icon } from "./element.js";

/** @returns {Promise<?string>} the path of the chosen folder, null if none */
export function chooseFolder(start = "") {
  return new Promise((resolve) => {
    let current = null;
    let latest = 0; // request; late answers of earlier ones are dropped
    const path = element("input", { type: "text", "aria-label": say("browser.path"), autocomplete: "off", spellcheck: "false" });
    const places = element("div", { class: "browser-places" });
    const list = element("ul", { class: "browser-list", "aria-label": say("browser.folders") });
    const note = element("p", { class: "faint", role: "status" });
    const choose = element("button", { type: "button", class: "main", click: () => dialog.close(current) }, say("browser.choose"));
    const dialog = element(
      "dialog",
      { class: "question browser", "aria-label": say("browser.title"), close: () => (dialog.remove(), resolve(dialog.returnValue || null)) },
      element("h2", {}, say("browser.title")),
      element("form", { class: "browser-path", submit: (event) => (event.preventDefault(), open(path.value)) }, path, element("button", {}, say("browser.go"))),
      places,
      list,
      note,
      element("div", { class: "actions" }, element("button", { type: "button", click: () => dialog.close("") }, say("button.cancel")), choose),
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
        fill(list, folder.parent && row(say("browser.up"), folder.parent, "previous"), folder.folders.map((each) => row(each.name, each.path)));
        note.textContent = folder.videos ? say("browser.videos", { count: folder.videos }) : "";
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
