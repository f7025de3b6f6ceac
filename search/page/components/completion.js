/** Completion of filters, their values and operators. */

const MAX_CHOICES = 8;
const MIN_LETTERS = 2; // before filters are offered: "a" starts many queries

/**
 * @param {string} text of the box
 * @param {number} caret position in it
 * @param {Object} vocabulary of the service
 * @returns {{text: string, caret: number, label: string, help: string}[]} content of the box after each choice
 */
export function complete(text, caret, vocabulary) {
  const [start, token] = tokenAt(text, caret);
  if (!token) return [];
  const colon = token.indexOf(":");
  const choices = colon > 0 ? filterValues(token.slice(0, colon + 1), token.slice(colon + 1), vocabulary) : filterNames(token, vocabulary);
  return choices.slice(0, MAX_CHOICES).map((choice) => ({ ...choice, ...applied(text, start, caret, choice) }));
}

/** Return the start of the token under the caret and its part before the caret. Quotes keep a token together. */
export function tokenAt(text, caret) {
  let start = 0;
  let quoted = false;
  for (let index = 0; index < caret; index++) {
    if (text[index] === '"') quoted = !quoted;
    else if (/\s/.test(text[index]) && !quoted) start = index + 1;
  }
  return [start, text.slice(start, caret)];
}

function filterNames(token, { filters, fields, operators }) {
  const matchingFilters = [...fields, ...filters]
    .filter(({ name }) => token.length >= MIN_LETTERS && name.startsWith(token.toLowerCase()))
    .map(({ name, help, example }) => ({ insert: name, label: name, help: example ? `${help} · ${example}` : help }));
  const uppercase = token === token.toUpperCase();
  const matchingOperators = operators
    .filter(({ name }) => uppercase && name.startsWith(token) && name !== token)
    .map(({ name, help, example }) => ({ insert: `${name} `, label: name, help: example ? `${help} · ${example}` : help }));
  return [...matchingOperators, ...matchingFilters];
}

function filterValues(name, prefix, vocabulary) {
  const filter = [...vocabulary.fields, ...vocabulary.filters].find((each) => each.name === name.toLowerCase());
  if (!filter) return [];
  const typed = prefix.replaceAll('"', "").toLowerCase();
  const values = filter.values.length ? filter.values : [filter.example.slice(name.length).replaceAll('"', "")];
  return values
    .filter((value) => value.toLowerCase().includes(typed) && value.toLowerCase() !== typed)
    .map((value) => ({ insert: `${name}${quoted(value)} `, label: `${name}${value}`, help: filter.help }));
}

function quoted(value) {
  return /\s/.test(value) ? `"${value}"` : value;
}

function applied(text, start, caret, { insert }) {
  const rest = text.slice(caret).replace(/^\S*\s?/, "");
  return { text: text.slice(0, start) + insert + rest, caret: start + insert.length };
}
