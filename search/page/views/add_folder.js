/** Add a folder to the library. A page is not told paths by the browser, so one writes it. */

import { element, fill, icon } from "../components/element.js";
import { say } from "../components/toast.js";

let numbered = 0;

/** A form that starts a job, with the folders that the service suggests. */
export function addFolder(jobs, status) {
  const id = `folder-${++numbered}`;
  const input = element("input", {
    type: "text", name: "folder", id, required: true, autocomplete: "off", spellcheck: "false",
    placeholder: "/home/you/Videos", "aria-describedby": `${id}-problem`,
  });
  const problem = element("p", { class: "problem", id: `${id}-problem`, role: "alert" });
  const button = element("button", { type: "submit", class: "main" }, "Add");
  const suggested = element("div", { class: "suggested" });
  const start = async (folder) => {
    problem.textContent = "";
    button.disabled = true;
    input.value = ""; // before the answer: the next folder may be written meanwhile
    try {
      await jobs.start([folder]);
      say("Indexing has begun");
    } catch (error) {
      problem.textContent = error.message;
      input.value ||= folder;
      input.focus();
    } finally {
      button.disabled = false;
    }
  };
  const suggest = (folder) => element("button", { type: "button", class: "small", click: () => start(folder) }, icon("folder"), folder);
  status.known().then((now) => fill(suggested, (now.suggested_folders ?? []).map(suggest)), () => {}); // a suggestion is not worth an error
  return element(
    "form",
    { class: "adding", submit: (event) => (event.preventDefault(), start(input.value.trim())) },
    element("label", { for: id }, "Folder with videos"),
    element("div", { class: "adding-line" }, input, button),
    suggested,
    problem,
  );
}
