/** The filters in the text of a query: name:value, with quotation marks around a value with spaces and NOT before what is excluded. */

const TOKEN = /(?:[^\s"“]|"[^"]*"?|“[^”]*”?)+/g;

/**
 * @param {string} query
 * @param {string[]} names of filters, with their colons
 * @returns {{name: string, value: string, negated: boolean, start: number, end: number}[]} with their places in the query
 */
export function filtersOf(query, names) {
  const found = [];
  let before = null; // token
  for (const token of query.matchAll(TOKEN)) {
    const [, word, value] = /^([a-z]+)[:：](.+)$/is.exec(token[0]) ?? [];
    const name = `${word}:`.toLowerCase();
    if (value && names.includes(name)) {
      const negated = before?.[0] === "NOT";
      found.push({ name, value: value.replace(/^["“]|["”]$/g, ""), negated, start: (negated ? before : token).index, end: token.index + token[0].length });
    }
    before = token;
  }
  return found;
}

/** Return the query without some of its filters. */
export function withoutFilters(query, filters) {
  const last = [...filters].sort((one, other) => other.start - one.start);
  const rest = last.reduce((text, { start, end }) => `${text.slice(0, start).trimEnd()} ${text.slice(end).trimStart()}`, query);
  return rest.trim();
}

/** Return the query with one more filter. */
export function withFilter(query, name, value) {
  return `${query} ${name}${/\s/.test(value) ? `"${value}"` : value}`.trim();
}
