/** The queries of this browser's last days. They stay in the browser. */

const KEY = "recent";
const MOST = 8;

export function recent() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return kept.filter((text) => typeof text === "string");
  } catch {
    return []; // storage is forbidden or holds something else
  }
}

export function remember(text) {
  if (!text) return;
  try {
    localStorage.setItem(KEY, JSON.stringify([text, ...recent().filter((each) => each !== text)].slice(0, MOST)));
  } catch {
    // without storage there is nothing to remember
  }
}
