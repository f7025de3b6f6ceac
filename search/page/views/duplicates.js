/** Groups of duplicates, with the copy to keep. */

import { at, here, link } from "../lib/address.js";
import { bytes, clock, count, duration } from "../lib/format.js";
import { thumbnailImage } from "../components/card.js";
import { element, fill } from "../components/element.js";
import { Pages } from "../components/pages.js";
import { emptyState, errorState, skeletons } from "../components/placeholders.js";

const KINDS = { copy: "The same video", "near copy": "The same video, changed", "same file": "One file with several names", excerpt: "Part of another", "shared part": "A part in common" };

export class DuplicatesView {
  constructor(root) {
    this._root = root;
  }

  async show() {
    if (this._fresh) return;
    this._fresh = true;
    this._pages = new Pages("/duplicates");
    this._head = element("div", { class: "head" }, element("h1", { tabindex: "-1" }, "Duplicates"));
    this._groups = element("div", {}, element("ul", { class: "grid" }, skeletons(4)));
    this._more = element("button", { type: "button", class: "more", hidden: true, click: () => this._next() }, "Show more");
    fill(this._root, this._head, this._groups, element("div", { class: "grid-footer" }, this._more));
    await this._next();
  }

  invalidate() {
    this._fresh = false;
  }

  async _next() {
    const first = this._pages.items.length === 0;
    try {
      const groups = await this._pages.more();
      if (first) fill(this._groups);
      this._groups.append(...groups.map(group));
      this._more.hidden = this._pages.complete;
      if (first) this._summary();
    } catch (error) {
      this._fresh = false;
      fill(this._groups, errorState(error, () => this.show()));
    }
  }

  _summary() {
    const { total, items } = this._pages;
    if (!items.length) return fill(this._groups, emptyState("duplicates", "No duplicates", "Every video is in the library once."));
    this._head.append(element("p", { class: "faint" }, `${count(total ?? items.length, "group")}. Nothing is deleted here.`));
  }
}

function group({ kind, videos, seconds_saved: saved }) {
  const label = KINDS[kind] ?? kind;
  return element(
    "section",
    { class: "group", "aria-label": label },
    element("h2", {}, label, saved ? element("small", {}, `${duration(saved)} redundant`) : null),
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
        thumbnailImage(video.thumbnail),
        element("span", { class: "time-label" }, `${clock(start ?? 0)}–${clock(end ?? video.duration)}`),
        keep && element("span", { class: "badge high" }, "Keep"),
      ),
      element("div", { class: "card-text" }, element("span", { class: "name" }, video.name), element("span", { class: "details" }, facts)),
    ),
  );
}
