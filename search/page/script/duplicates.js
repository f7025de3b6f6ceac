/** What the library holds more than once, and which copy is worth keeping. */

import { at, here, link } from "./address.js";
import { get } from "./api.js";
import { still } from "./card.js";
import { element, fill } from "./element.js";
import { failed, blank, skeletons } from "./state.js";
import { bytes, clock, count, length } from "./wording.js";

const KINDS = { copy: "The same video", "near copy": "The same video, changed", excerpt: "Part of another" };

export class Duplicates {
  constructor(root) {
    this._root = root;
  }

  async show() {
    if (this._fresh) return;
    this._fresh = true;
    const head = element("div", { class: "head" }, element("h1", { tabindex: "-1" }, "Duplicates"));
    fill(this._root, head, element("ul", { class: "grid" }, skeletons(4)));
    try {
      const { items } = await get("/duplicates");
      const saved = items.reduce((sum, group) => sum + (group.seconds_saved ?? 0), 0);
      if (items.length) head.append(element("p", { class: "faint" }, `${count(items.length, "group")}, ${length(saved)} held more than once. Nothing is deleted here.`));
      fill(this._root, head, items.length ? items.map(group) : blank("copies", "No duplicates", "Every video of the library is there once."));
    } catch (error) {
      this._fresh = false;
      fill(this._root, head, failed(error, () => this.show()));
    }
  }

  forget() {
    this._fresh = false;
  }
}

function group({ kind, videos, seconds_saved: saved }) {
  const label = KINDS[kind] ?? kind;
  return element(
    "section",
    { class: "group", "aria-label": label },
    element("h2", {}, label, saved ? element("small", {}, `${length(saved)} too many`) : null),
    element("ul", { class: "grid" }, videos.map(copy)),
  );
}

function copy({ video, start, end, keep }) {
  const href = link({ ...here(), film: video.id, at: at(start ?? 0, end ?? video.duration) });
  const facts = `${video.width} × ${video.height} · ${bytes(video.size)}`;
  return element(
    "li",
    {},
    element(
      "a",
      { class: "card", href, "aria-label": `${video.name}, ${facts}${keep ? ", the one to keep" : ""}` },
      element(
        "div",
        { class: "thumb" },
        still(video.thumbnail),
        element("span", { class: "corner" }, `${clock(start ?? 0)}–${clock(end ?? video.duration)}`),
        keep && element("span", { class: "badge high" }, "Keep"),
      ),
      element("div", { class: "lines" }, element("span", { class: "name" }, video.name), element("span", { class: "under" }, facts)),
    ),
  );
}
