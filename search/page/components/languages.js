/** The choice of a language, where there are several. */

import { chooseLanguage, language, say } from "../lib/language.js";
import { LANGUAGES } from "../texts/languages.js";
import { element } from "./element.js";

export function languages() {
  const tags = Object.keys(LANGUAGES);
  if (tags.length < 2) return null;
  const option = (tag) => element("option", { value: tag, lang: tag, selected: tag === language }, LANGUAGES[tag]);
  const select = element("select", { "aria-label": say("page.language"), change: () => chooseLanguage(select.value) }, tags.map(option));
  return select;
}
