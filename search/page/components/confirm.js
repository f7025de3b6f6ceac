/** A confirmation dialog. */

import { say } from "../lib/language.js";
import { element } from "./element.js";

/** @returns {Promise<boolean>} */
export function confirm(title, text, yes) {
  return new Promise((resolve) => {
    const dialog = element(
      "dialog",
      { class: "question", "aria-label": title, close: () => (dialog.remove(), resolve(dialog.returnValue === "yes")) },
      element(
        "form",
        { method: "dialog" },
        element("h2", {}, title),
        element("p", {}, text),
        element("div", { class: "actions" }, element("button", { value: "no", autofocus: true }, say("button.cancel")), element("button", { class: "main", value: "yes" }, yes)),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}
