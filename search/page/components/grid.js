/** A grid of cards that goes on while one scrolls, and that arrow keys walk over. */

import { isAborted } from "../lib/api.js";
import { element, fill } from "./element.js";
import { failed, skeletons } from "./placeholders.js";

const FIRST = 12; // grey cards before the first page
const AHEAD = "800px"; // how far before its end the next page is asked for

export class Grid {
  /**
   * @param {function} card makes a list item of an item
   * @param {string} label of the list, for screen readers
   */
  constructor(card, label) {
    this._card = card;
    this._list = element("ul", { class: "grid", "aria-label": label, keydown: (event) => this._walk(event) });
    this._more = element("button", { type: "button", class: "more", click: () => this._fetch() }, "Show more");
    this._end = element("div", { class: "grid-end" });
    this.root = element("div", {}, this._list, this._end);
    this._seen = new IntersectionObserver(([entry]) => entry.isIntersecting && this._fetch(), { rootMargin: AHEAD });
  }

  /** Show a list from its beginning: what it holds already, or its first page. `onPage` is told of every page. */
  async show(pages, onPage = () => {}) {
    this._pages = pages;
    this._onPage = onPage;
    this.root.hidden = false;
    this._seen.disconnect();
    fill(this._end);
    if (pages.items.length || pages.complete) {
      fill(this._list, pages.items.map(this._card));
      this._settle();
    } else {
      if (!this._list.querySelector("a.card")) fill(this._list, skeletons(FIRST));
      await this._fetch(true);
    }
  }

  /** Take everything away. */
  clear() {
    this._pages = null;
    this._seen.disconnect();
    this.root.hidden = true;
    fill(this._list);
    fill(this._end);
  }

  async _fetch(first = false) {
    const pages = this._pages;
    if (!pages) return;
    this._seen.disconnect();
    this._list.setAttribute("aria-busy", "true");
    try {
      const items = await pages.more();
      if (pages !== this._pages) return;
      if (first) fill(this._list, pages.items.map(this._card));
      else this._list.append(...items.map(this._card));
      this._settle();
    } catch (error) {
      if (isAborted(error) || pages !== this._pages) return;
      if (first) fill(this._list);
      fill(this._end, failed(error, () => this.show(pages, this._onPage)));
      this._onPage(pages, error);
    } finally {
      if (pages === this._pages) this._list.removeAttribute("aria-busy");
    }
  }

  _settle() {
    fill(this._end, this._pages.complete ? null : this._more);
    if (!this._pages.complete) this._seen.observe(this._more);
    this._onPage(this._pages, null);
  }

  _walk(event) {
    const cards = [...this._list.querySelectorAll("a.card")];
    const now = cards.indexOf(document.activeElement);
    if (now < 0) return;
    const columns = getComputedStyle(this._list).gridTemplateColumns.split(" ").length;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -now, End: cards.length - 1 - now }[event.key];
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = cards[now + step];
    if (target) target.focus();
    event.preventDefault();
  }
}
