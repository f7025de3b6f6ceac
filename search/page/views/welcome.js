/** The start page of an empty library. */

import { say } from "../lib/language.js";
import { element, icon } from "../components/element.js";
import { addFolder } from "./add_folder.js";
import { jobList } from "./job.js";

export function welcome(jobs, status, current) {
  return element(
    "div",
    { class: "welcome" },
    element("img", { src: "icon.svg", alt: "", width: "72", height: "72" }),
    element("h1", { tabindex: "-1" }, say("welcome.title")),
    element("p", { class: "lead" }, say("welcome.lead")),
    current.local ? addFolder(jobs, status) : element("p", {}, say("welcome.elsewhere")),
    jobList(jobs),
    element(
      "ul",
      { class: "hints" },
      hint("folder", say("welcome.folder"), say("welcome.folder-help")),
      hint("search", say("welcome.words"), say("welcome.words-help")),
      hint("picture", say("welcome.clip"), say("welcome.clip-help")),
    ),
    element("p", { class: "faint" }, say("welcome.model", { model: current.model })),
  );
}

function hint(iconName, title, text) {
  return element("li", {}, icon(iconName), element("strong", {}, title), element("span", {}, text));
}
