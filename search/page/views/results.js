/** Search results with their filters; without a query, recently added videos. */

import { go, here, key, link, withoutPlayer } from "../lib/address.js";
import { count } from "../lib/format.js";
import { say } from "../lib/language.js";
import { momentCard, videoCard } from "../components/card.js";
import { chips } from "../components/chips.js";
import { element, fill, icon } from "../components/element.js";
import { exportSearch } from "../components/exports.js";
import { Grid } from "../components/grid.js";
import { Pages } from "../components/pages.js";
import { byClipOnly, parameters } from "../components/parameters.js";
import { emptyState, errorState } from "../components/placeholders.js";
import { queryClip } from "../components/query_clip.js";
import { addRecent, recent } from "../components/recent.js";
import { saveButton, savedSearches } from "../components/saved_searches.js";
import { sizeSlider } from "../components/size_slider.js";
import { announce } from "../components/toast.js";
import { jobList } from "./job.js";
import { welcome } from "./welcome.js";

const [EXAMPLES, RECENT] = [8, 4];
const CACHED = 6; // result lists, for the back button

export class ResultsView {
  /**
   * @param {Element} root
   * @param {Cached} status of the library
   * @param {Cached} vocabulary of queries
   * @param {Jobs} jobs
   */
  constructor(root, status, vocabulary, jobs) {
    this._root = root;
    this._status = status;
    this._vocabulary = vocabulary;
    this._jobs = jobs;
    this._cache = new Map();
    this._address = null;
    this.pages = null;
    this._jobList = jobList(jobs);
    this._head = element("div", { class: "head" });
    this._message = element("div", { class: "message" });
    this._moments = new Grid(momentCard, say("results.moments"));
    this._videos = new Grid(videoCard, say("library.videos"));
    fill(root, this._head, this._message, this._moments.root, this._videos.root);
  }

  /** Show a place, unless it is shown already. */
  async show(place) {
    const address = key(place);
    if (address === this._address && !this._failed) return;
    this._suspend();
    this._address = address;
    this._failed = false;
    fill(this._message);
    if (place.q || place.segment || place.upload) await this._search(place, address);
    else await this._showStart();
  }

  /** Drop cached results after the library has changed. */
  invalidate() {
    this._cache.clear();
    if (!this.pages) this._address = null; // results on the screen stay
  }

  /** Store the scroll position; abort what has not loaded. */
  _suspend() {
    if (!this.pages) return;
    this.pages.scroll = scrollY;
    if (this.pages.items.length) return;
    this.pages.stop();
    this._cache.delete(this._address);
  }

  async _showStart() {
    this._moments.clear();
    this.pages = null;
    try {
      const status = await this._status.load();
      if (this._address !== key(here())) return;
      if (status.videos === 0) return this._welcome(status);
      fill(this._head, heading(say("results.recent"), count(status.videos, "videos")), examples(this._vocabulary), this._jobs.running.length > 0 && this._jobList, savedSearches());
      await this._videos.show(new Pages("/videos", { order: "added", limit: 40 }));
    } catch (error) {
      this._failed = true;
      fill(this._head, errorState(error, () => this.show(here())));
    }
  }

  _welcome(status) {
    this._videos.clear();
    this._welcomeView ??= welcome(this._jobs, this._status, status); // once: it has a form
    if (!this._head.contains(this._welcomeView)) fill(this._head, this._welcomeView);
  }

  async _search(place, address) {
    this._videos.clear();
    const pages = this._cache.get(address) ?? new Pages(byClipOnly(place) ? "/similar" : "/search", { ...parameters(place), limit: 20 });
    this._cache.delete(address);
    this._cache.set(address, pages);
    if (this._cache.size > CACHED) this._cache.delete(this._cache.keys().next().value);
    this.pages = pages;
    const actions = element("div", { class: "actions" }, place.q && rerankButton(place), place.q && !queryClip(place) && saveButton(place), exportSearch(place), sizeSlider());
    fill(this._head, heading(title(place), say("results.searching")), element("div", { class: "tools" }, chips(place, this._vocabulary, this._status), actions));
    const restored = pages.items.length > 0;
    if (!restored) this._moments.clear(); // what answered something else is no answer
    if (!restored) scrollTo(0, 0);
    await this._moments.show(pages, (_, error) => this._drawQuality(pages, place, error));
    if (restored && pages === this.pages) scrollTo(0, pages.scroll);
  }

  _drawQuality(pages, place, error) {
    if (error) {
      this._failed = true;
      if (error.character !== null && error.character !== undefined) this._drawQueryError(place.q, error);
      return;
    }
    const loaded = pages.items.length;
    this._drawCount(pages);
    announce(loaded ? some(loaded, pages.complete) : say("results.none"));
    fill(this._message, pages.readAsEnglish && element("p", { class: "advice", role: "status" }, say("results.read-as-english")), !loaded && noMatch(place));
    if (loaded) addRecent(place.q);
  }

  /** Say in the title how many moments are likely. */
  _drawCount(pages) {
    const likely = pages.items.filter((each) => each.likely).length;
    const all = pages.complete || likely < pages.items.length;
    const text = !pages.items.length ? "" : likely ? some(likely, all) : say("results.none-likely");
    this._head.querySelector("h1 small")?.replaceChildren(text);
  }

  /** Show where the query has a syntax error. */
  _drawQueryError(query, error) {
    this._moments.clear();
    const position = error.character;
    const message = element(
      "div",
      { class: "query-error", role: "alert" },
      element("h2", {}, say("results.not-understood")),
      element("p", {}, error.message.split("\n")[0]),
      element("p", { class: "query" }, query.slice(0, position), element("mark", {}, query.slice(position, position + 1) || " "), query.slice(position + 1)),
    );
    fill(this._message, message);
  }
}

/** Return links to queries that this library can answer: what was recognised most often in it, and recent queries. */
function examples(vocabulary) {
  const list = element("ul", { class: "saved-searches", "aria-label": say("results.examples"), hidden: true });
  const row = (text, image) => element("li", {}, element("a", { class: "button", href: link({ q: text }) }, icon(image), text));
  vocabulary.load().then(
    ({ filters }) => {
      const shown = filters.find((each) => each.name === "shows:")?.values ?? [];
      const asked = recent().slice(0, RECENT);
      fill(list, asked.map((text) => row(text, "clock")), shown.filter((text) => !asked.includes(text)).slice(0, EXAMPLES).map((text) => row(text, "search")));
      list.hidden = !list.children.length;
    },
    () => {}, // the view shows the error
  );
  return list;
}

/** Compares the best moments with the text once more, or no longer. */
function rerankButton(place) {
  const toggle = () => go({ ...withoutPlayer(here()), rerank: place.rerank ? "" : "1" }, { replace: true });
  return element("button", { type: "button", class: "toggle", "aria-pressed": String(Boolean(place.rerank)), title: say("results.rerank-help"), click: toggle }, say("results.rerank"));
}

/** How many moments there are, or are so far. */
function some(number, all) {
  return all ? count(number, "moments") : say("results.more", { count: number });
}

function heading(text, detail) {
  return element("h1", { tabindex: "-1" }, text, detail && element("small", {}, detail));
}

function title(place) {
  const clip = queryClip(place);
  if (place.q && clip) return say("results.query-like", { query: place.q, name: clip.name });
  return place.q ? say("results.query", { query: place.q }) : say("results.like", { name: clip.name });
}

function noMatch(place) {
  const withoutOptions = () => go({ ...here(), only: "", min: "", film: "", at: "" });
  if (place.only || place.min) {
    return emptyState("search", say("results.none"), say("results.none-options"), element("button", { type: "button", click: withoutOptions }, say("results.without-options")));
  }
  return emptyState("search", say("results.none"), say("results.none-help"));
}
