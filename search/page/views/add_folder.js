/** Add a folder to the library. A page is not told paths by the browser, so one writes it. */

import { element, fill, icon } from "../components/element.js";
import { announce } from "../components/toast.js";

let forms = 0;

/** A form that starts a job, with the folders that the service suggests. */
export function addFolder(jobs, status) {
  const id = `folder-${++forms}`;
  const input = element("input", {
    type: "text", name: "folder", id, required: true, autocomplete: "off", spellcheck: "false",
    placeholder: "/home/you/Videos", "aria-describedby": `${id}-problem`,
  });
  const error = element("p", { class: "problem", id: `${id}-problem`, role: "alert" });
  const button = element("button", { type: "submit", class: "main" }, "Add");
  const suggested = element("div", { class: "suggested" });
  const start = async (folder) => {
    error.textContent = "";
    button.disabled = true;
    input.value = ""; // before the answer: the next folder may be written meanwhile
    try {
      await jobs.start([folder]);
      announce("Indexing has begun");
    } catch (reason) {
      error.textContent = reason.message;
      input.value ||= folder;
      input.focus();
    } finally {
      button.disabled = false;
    }
  };
  const suggestion = (folder) => element("button", { type: "button", class: "small", click: () => start(folder) }, icon("folder"), folder);
  status.load().then((current) => fill(suggested, (current.suggested_folders ?? []).map(suggestion)), () => {}); // a suggestion is not worth an error
  return element(
    "form",
    { class: "add-folder", submit: (event) => (event.preventDefault(), start(input.value.trim())) },
    element("label", { for: id }, "Folder with videos"),
    element("div", { class: "add-folder-line" }, input, button),
    suggested,
    error,
  );
}
