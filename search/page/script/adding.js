/** Add a folder to the library. A page is not told paths by the browser, so one writes it. */

import { element } from "./element.js";
import { say } from "./notice.js";

/** A form that starts a job. */
export function addFolder(jobs) {
  const input = element("input", {
    type: "text", name: "folder", id: "folder", required: true, autocomplete: "off", spellcheck: "false",
    placeholder: "/home/you/Videos", "aria-describedby": "folder-problem",
  });
  const problem = element("p", { class: "problem", id: "folder-problem", role: "alert" });
  const button = element("button", { type: "submit", class: "main" }, "Add");
  const start = async (event) => {
    event.preventDefault();
    problem.textContent = "";
    button.disabled = true;
    try {
      await jobs.start([input.value.trim()]);
      say("Indexing has begun");
      input.value = "";
    } catch (error) {
      problem.textContent = error.message;
      input.focus();
    } finally {
      button.disabled = false;
    }
  };
  return element(
    "form",
    { class: "adding", submit: start },
    element("label", { for: "folder" }, "Folder with videos"),
    element("div", { class: "adding-line" }, input, button),
    problem,
  );
}
