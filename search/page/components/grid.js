/** A grid of cards with infinite scroll and arrow key navigation. */

import { isAborted } from "../lib/api.js";
import { say } from "../lib/language.js";
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
    this._more = element("button", { type: "button", class: "more", click: () => this._fetch() }, say("button.more"));
    this._footer = element("div", { class: "grid-footer" });
    this._rest = element("ul", { class: "grid", "aria-label": say("results.moments-less"), keydown: (event) => this._moveFocus(event) });
    this._restTitle = element("summary");
    this._fold = element("details", { class: "less-likely", hidden: true, toggle: () => this._unfolded() }, this._restTitle, this._rest);
    this.root = element("div", {}, this._list, this._fold, this._footer);
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
      this._draw(pages.items);
      this._pageLoaded();
    } else {
      if (!this._list.querySelector("a.card")) fill(this._list, skeletons(SKELETONS));
      await this._fetch(true);
    }
  }

  /** Replace all cards: likely items in the grid, the rest folded below; unfolded where there is nothing else. */
  _draw(items) {
    const first = items.findIndex((item) => item.likely === false);
    this._likely = first < 0 ? items.length : first;
    fill(this._list, items.slice(0, this._likely).map(this._makeCard));
    fill(this._rest, items.slice(this._likely).map(this._makeCard));
    this._fold.open = this._likely === 0;
    this._drawFold();
  }

  /** Add the cards of one more page; after the first less likely item all are. */
  _append(items) {
    const total = this._pages.items.length;
    const before = total - items.length;
    const first = this._likely < before ? 0 : items.findIndex((item) => item.likely === false);
    const likely = first < 0 ? items.length : first;
    if (this._likely === before) this._likely += likely;
    this._list.append(...items.slice(0, likely).map(this._makeCard));
    this._rest.append(...items.slice(likely).map(this._makeCard));
    this._drawFold();
  }

  _drawFold() {
    const more = this._pages.items.length - this._likely;
    this._fold.hidden = more === 0;
    this._restTitle.textContent = say(this._pages.complete ? "results.less-likely" : "results.less-likely-more", { number: more });
  }

  /** Go on loading when the rest is unfolded. */
  _unfolded() {
    if (this._pages && !this._pages.complete) this._pageLoaded(false);
  }

  /** Focus the first card. */
  focus() {
    this.root.querySelector("a.card")?.focus();
  }

  /** Remove all cards. */
  clear() {
    this._pages = null;
    this._observer.disconnect();
    this.root.hidden = true;
    this._fold.hidden = true;
    fill(this._list);
    fill(this._rest);
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
      if (first) this._draw(pages.items);
      else this._append(items);
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

  _pageLoaded(told = true) {
    const folded = !this._fold.hidden && !this._fold.open; // the rest is not loaded before somebody looks at it
    fill(this._footer, this._pages.complete || folded ? null : this._more);
    if (!this._pages.complete && !folded) this._observer.observe(this._more);
    if (told) this._onPage(this._pages, null);
  }

  _moveFocus(event) {
    const cards = [...this.root.querySelectorAll(this._fold.open ? "a.card" : "ul.grid:first-child a.card")];
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
