/** The language of the page: its texts, and how it writes numbers. */

import { LANGUAGES } from "../texts/languages.js";

const KEY = "language";

/** The tag of the language that is shown: the one chosen in the page, else the first one of the browser that there is. */
export const language = chosen() ?? preferred();

const { default: texts } = await import(`../texts/${language}.js`);
const plurals = new Intl.PluralRules(language);

document.documentElement.lang = language;

/** Return the text of a key; {name} in it stands for the value of that name, numbers as the language writes them. */
export function say(key, values = {}) {
  const text = texts[key];
  if (text === undefined) throw new Error(`${language} has no text ${key}`);
  const form = typeof text === "string" ? text : text[plurals.select(values.count)] ?? text.other;
  return form.replaceAll(/\{(\w+)\}/g, (_, name) => (typeof values[name] === "number" ? number(values[name]) : values[name]));
}

/** Return a number as the language writes it; `options` are those of Intl.NumberFormat. */
export function number(value, options = {}) {
  return new Intl.NumberFormat(language, options).format(value);
}

/** Show the page in another language from now on. */
export function chooseLanguage(tag) {
  try {
    localStorage.setItem(KEY, tag);
  } catch {
    return; // no storage: the language of the browser stays
  }
  location.reload(); // the address holds all that is shown
}

function chosen() {
  try {
    const tag = localStorage.getItem(KEY);
    return Object.hasOwn(LANGUAGES, tag ?? "") ? tag : null;
  } catch {
    return null; // no storage
  }
}

/** The first language of the browser that there is, exactly or in another region. */
function preferred() {
  const tags = Object.keys(LANGUAGES);
  const base = (tag) => tag.toLowerCase().split("-")[0];
  for (const wanted of navigator.languages) {
    const found = tags.find((tag) => tag.toLowerCase() === wanted.toLowerCase()) ?? tags.find((tag) => base(tag) === base(wanted));
    if (found) return found;
  }
  return "en";
}
