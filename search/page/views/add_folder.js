/** Add a folder to the library. Browsers do not give paths to pages, so it is chosen among those of the service, or typed. */

import { say } from "../lib/language.js";
import { element, fill, icon } from "../components/element.js";
import { chooseFolder } from "../components/folder_browser.js";
import { announce } from "../components/toast.js";

let forms = 0;

/** Return the form that starts an indexing job, with suggested folders. */
export function addFolder(jobs, status) {
  const id = `folder-${++forms}`;
  const input = element("input", {
    type: "text", name: "folder", id, autocomplete: "off", spellcheck: "false",
    placeholder: say("add.placeholder"), "aria-describedby": `${id}-problem`,
  });
  const error = element("p", { class: "problem", id: `${id}-problem`, role: "alert" });
  const button = element("button", { type: "submit", class: "main" }, say("add.add"));
  const browse = element("button", { type: "button", click: () => chooseFolder(input.value).then((folder) => folder && start(folder)) }, icon("folder"), say("add.browse"));
  const suggested = element("div", { class: "suggested" });
  const start = async (folder) => {
    error.textContent = "";
    button.disabled = true;
    input.value = ""; // now: the next folder may be typed before the answer
    try {
      await jobs.start([folder]);
      announce(say("add.started"));
    } catch (reason) {
      error.textContent = reason.message;
      input.value ||= folder;
      input.focus();
    } finally {
      button.disabled = false;
    }
  };
  const suggestion = (folder) => element("button", { type: "button", class: "small", click: () => start(folder) }, icon("folder"), folder);
  status.load().then((current) => fill(suggested, (current.suggested_folders ?? []).map(suggestion)), () => {}); // no suggestions
  return element(
    "form",
    { class: "add-folder", submit: (event) => (event.preventDefault(), input.value.trim() ? start(input.value.trim()) : browse.click()) },
    element("label", { for: id }, say("add.label")),
    element("div", { class: "add-folder-line" }, input, browse, button),
    suggested,
    error,
  );
}
