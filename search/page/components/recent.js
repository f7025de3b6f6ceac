/** Recent queries, in localStorage. */

const KEY = "recent";
const MAX_ENTRIES = 8;

export function recent() {
  try {
    const stored = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return stored.filter((text) => typeof text === "string");
  } catch {
    return []; // no storage, or not ours
  }
}

export function addRecent(text) {
  if (!text) return;
  try {
    localStorage.setItem(KEY, JSON.stringify([text, ...recent().filter((each) => each !== text)].slice(0, MAX_ENTRIES)));
  } catch {
    // no storage
  }
}
