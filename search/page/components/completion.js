/** What the search box offers to complete: filters, their values, operators. */

const MOST = 8;
const LEAST = 2; // letters of a filter: "a" begins many a query

/**
 * @param {string} text of the box
 * @param {number} caret where one writes in it
 * @param {Object} vocabulary of the service
 * @returns {{text: string, caret: number, label: string, help: string}[]} what the box would hold after each choice
 */
export function complete(text, caret, vocabulary) {
  const [start, token] = tokenAt(text, caret);
  if (!token) return [];
  const colon = token.indexOf(":");
  const found = colon > 0 ? values(token.slice(0, colon + 1), token.slice(colon + 1), vocabulary) : names(token, vocabulary);
  return found.slice(0, MOST).map((choice) => ({ ...choice, ...inserted(text, start, caret, choice) }));
}

/** Where the word under the caret begins, and the part of it before the caret; quotes hold a value together. */
export function tokenAt(text, caret) {
  let start = 0;
  let quoted = false;
  for (let place = 0; place < caret; place++) {
    if (text[place] === '"') quoted = !quoted;
    else if (/\s/.test(text[place]) && !quoted) start = place + 1;
  }
  return [start, text.slice(start, caret)];
}

function names(token, { filters, operators }) {
  const offered = filters
    .filter(({ name }) => token.length >= LEAST && name.startsWith(token.toLowerCase()))
    .map(({ name, help, example }) => ({ insert: name, label: name, help: example ? `${help} · ${example}` : help }));
  const capital = token === token.toUpperCase();
  const between = operators
    .filter(({ name }) => capital && name.startsWith(token) && name !== token)
    .map(({ name, help, example }) => ({ insert: `${name} `, label: name, help: example ? `${help} · ${example}` : help }));
  return [...between, ...offered];
}

function values(name, begun, vocabulary) {
  const filter = vocabulary.filters.find((each) => each.name === name.toLowerCase());
  if (!filter) return [];
  const wanted = begun.replaceAll('"', "").toLowerCase();
  return known(filter, vocabulary)
    .filter((value) => value.toLowerCase().includes(wanted) && value.toLowerCase() !== wanted)
    .map((value) => ({ insert: `${name}${quoted(value)} `, label: `${name}${value}`, help: filter.help }));
}

function known({ name, example }, { folders = [], tags = [], types = [] }) {
  const now = new Date();
  const month = `${now.getFullYear()}-${String(now.getMonth() + 1).padStart(2, "0")}`;
  const listed = {
    "in:": folders,
    "tag:": tags,
    "type:": types,
    "has:": ["subtitles"],
    "after:": [String(now.getFullYear()), month, String(now.getFullYear() - 1)],
    "before:": [String(now.getFullYear()), month],
    "longer:": ["10s", "1m", "10m", "1h"],
    "shorter:": ["10s", "1m", "10m", "1h"],
  }[name];
  return listed ?? (example ? [example.slice(name.length)] : []);
}

function quoted(value) {
  return /\s/.test(value) ? `"${value}"` : value;
}

function inserted(text, start, caret, { insert }) {
  const rest = text.slice(caret).replace(/^\S*\s?/, "");
  return { text: text.slice(0, start) + insert + rest, caret: start + insert.length };
}
