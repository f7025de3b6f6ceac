/** The start page of an empty library. */

import { element, icon } from "../components/element.js";
import { addFolder } from "./add_folder.js";
import { jobList } from "./job.js";

export function welcome(jobs, status, current) {
  return element(
    "div",
    { class: "welcome" },
    element("img", { src: "icon.svg", alt: "", width: "72", height: "72" }),
    element("h1", { tabindex: "-1" }, "Find moments in your videos"),
    element("p", { class: "lead" }, "Describe what you are looking for, or use a clip. Nothing leaves this computer."),
    current.local ? addFolder(jobs, status) : element("p", {}, "The library is empty. Add videos on the computer that has them."),
    jobList(jobs),
    element(
      "ul",
      { class: "hints" },
      hint("folder", "Choose a folder", "Videos are indexed where they are, never changed or copied."),
      hint("search", "Search by words", "“a dog on the beach”, or words of the subtitles."),
      hint("picture", "Search by a clip", "Drop a clip or a picture anywhere on this page."),
    ),
    element("p", { class: "faint" }, `Model: ${current.model}`),
  );
}

function hint(iconName, title, text) {
  return element("li", {}, icon(iconName), element("strong", {}, title), element("span", {}, text));
}
