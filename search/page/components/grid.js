/** A grid of cards with infinite scroll and arrow key navigation. */

import { isAborted } from "../lib/api.js";
import { element, fill } from "./element.js";
import { errorState, skeletons } from "./placeholders.js";

const SKELETONS = 12; // cards shown while the first page loads
const PREFETCH_MARGIN = "800px"; // load the next page this far before the end

export class Grid {
  /**
   * @param {function} makeCard returns the list item of an item
   * @param {string} label of the list, for screen readers
   */
  constructor(makeCard, label) {
    this._makeCard = makeCard;
    this._list = element("ul", { class: "grid", "aria-label": label, keydown: (event) => this._moveFocus(event) });
    this._more = element("button", { type: "button", class: "more", click: () => this._fetch() }, "Show more");
    this._footer = element("div", { class: "grid-footer" });
    this.root = element("div", {}, this._list, this._footer);
    this._observer = new IntersectionObserver(([entry]) => entry.isIntersecting && this._fetch(), { rootMargin: PREFETCH_MARGIN });
  }

  /** Show a list from its start; load its first page if it is empty. `onPage` is called after every page. */
  async show(pages, onPage = () => {}) {
    this._pages = pages;
    this._onPage = onPage;
    this.root.hidden = false;
    this._observer.disconnect();
    fill(this._footer);
    if (pages.items.length || pages.complete) {
      fill(this._list, pages.items.map(this._makeCard));
      this._pageLoaded();
    } else {
      if (!this._list.querySelector("a.card")) fill(this._list, skeletons(SKELETONS));
      await this._fetch(true);
    }
  }

  /** Remove all cards. */
  clear() {
    this._pages = null;
    this._observer.disconnect();
    this.root.hidden = true;
    fill(this._list);
    fill(this._footer);
  }

  async _fetch(first = false) {
    const pages = this._pages;
    if (!pages) return;
    this._observer.disconnect();
    this._list.setAttribute("aria-busy", "true");
    try {
      const items = await pages.more();
      if (pages !== this._pages) return;
      if (first) fill(this._list, pages.items.map(this._makeCard));
      else this._list.append(...items.map(this._makeCard));
      this._pageLoaded();
    } catch (error) {
      if (isAborted(error) || pages !== this._pages) return;
      if (first) fill(this._list);
      fill(this._footer, errorState(error, () => this.show(pages, this._onPage)));
      this._onPage(pages, error);
    } finally {
      if (pages === this._pages) this._list.removeAttribute("aria-busy");
    }
  }

  _pageLoaded() {
    fill(this._footer, this._pages.complete ? null : this._more);
    if (!this._pages.complete) this._observer.observe(this._more);
    this._onPage(this._pages, null);
  }

  _moveFocus(event) {
    const cards = [...this._list.querySelectorAll("a.card")];
    const index = cards.indexOf(document.activeElement);
    if (index < 0) return;
    const columns = getComputedStyle(this._list).gridTemplateColumns.split(" ").length;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -index, End: cards.length - 1 - index }[event.key];
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = cards[index + step];
    if (target) target.focus();
    event.preventDefault();
  }
}
