/** The view of a search: its options, its verdict, its moments; without a query, what was added last. */

import { go, here, key } from "../lib/address.js";
import { count } from "../lib/format.js";
import { momentCard, videoCard } from "../components/card.js";
import { element, fill, icon } from "../components/element.js";
import { exportSearch } from "../components/exports.js";
import { Grid } from "../components/grid.js";
import { byLooks, narrowed, options, parameters } from "../components/options.js";
import { Pages } from "../components/pages.js";
import { blank, failed } from "../components/placeholders.js";
import { likeness } from "../components/query_clip.js";
import { keeper, keptSearches } from "../components/saved_searches.js";
import { say } from "../components/toast.js";
import { jobList } from "./job.js";
import { welcome } from "./welcome.js";

const KEPT = 6; // lists that the back button finds as they were

export class Results {
  /**
   * @param {Element} root
   * @param {Object} status holds what the service says about the library, once it has said it
   */
  constructor(root, status, jobs) {
    this._root = root;
    this._status = status;
    this._jobs = jobs;
    this._kept = new Map();
    this._shown = null;
    this.pages = null;
    this._work = jobList(jobs);
    this._head = element("div", { class: "head" });
    this._verdict = element("div", { class: "verdict" });
    this._moments = new Grid(momentCard, "Moments");
    this._videos = new Grid(videoCard, "Videos");
    fill(root, this._head, this._verdict, this._moments.root, this._videos.root);
  }

  /** Show what an address asks for, and nothing anew that is there already. */
  async show(place) {
    const wanted = key(place);
    if (wanted === this._shown && !this._failed) return;
    this._leave();
    this._shown = wanted;
    this._failed = false;
    fill(this._verdict);
    if (place.q || place.segment || place.upload) await this._search(place, wanted);
    else await this._home();
  }

  /** Forget what was found: the library is another now. */
  forget() {
    this._kept.clear();
    if (!this.pages) this._shown = null; // what somebody looks through stays as it is
  }

  /** Remember where the reader was; want no more of what has not come. */
  _leave() {
    if (!this.pages) return;
    this.pages.scroll = scrollY;
    if (this.pages.items.length) return;
    this.pages.stop();
    this._kept.delete(this._shown);
  }

  async _home() {
    this._moments.clear();
    this.pages = null;
    try {
      const status = await this._status.known();
      if (this._shown !== key(here())) return;
      if (status.videos === 0) return this._welcome(status);
      fill(this._head, heading("Added last", count(status.videos, "video")), this._jobs.running.length > 0 && this._work, keptSearches());
      await this._videos.show(new Pages("/videos", { order: "added", limit: 40 }));
    } catch (error) {
      this._failed = true;
      fill(this._head, failed(error, () => this.show(here())));
    }
  }

  _welcome(status) {
    this._videos.clear();
    this._greeting ??= welcome(this._jobs, this._status, status); // once: somebody may be writing in it
    if (!this._head.contains(this._greeting)) fill(this._head, this._greeting);
  }

  async _search(place, wanted) {
    this._videos.clear();
    const pages = this._kept.get(wanted) ?? new Pages(byLooks(place) ? "/similar" : "/search", { ...parameters(place), limit: 20 });
    this._kept.delete(wanted);
    this._kept.set(wanted, pages);
    if (this._kept.size > KEPT) this._kept.delete(this._kept.keys().next().value);
    this.pages = pages;
    fill(this._head, heading(title(place)), element("div", { class: "tools" }, options(place), place.q && !likeness(place) && keeper(place), exportSearch(place)));
    const back = pages.items.length > 0;
    if (!back) scrollTo(0, 0);
    await this._moments.show(pages, (_, error) => this._judge(pages, place, error));
    if (back && pages === this.pages) scrollTo(0, pages.scroll);
  }

  _judge(pages, place, error) {
    if (error) {
      this._failed = true;
      if (error.character !== null && error.character !== undefined) this._explain(place.q, error);
      return;
    }
    const found = pages.items.length;
    say(found ? `${count(found, "moment")}${pages.complete ? "" : " and more"}` : "No match");
    if (!found) fill(this._verdict, nothing(place));
    else if (pages.verdict === "nothing") fill(this._verdict, banner("Nothing in the library looks quite like that.", "These come nearest."));
    else if (pages.verdict === "unsure") fill(this._verdict, banner("None of these is certain.", "Other words, or a picture of it, may find more."));
  }

  /** A query that cannot be understood: show where it stops making sense. */
  _explain(query, error) {
    this._moments.clear();
    const place = error.character;
    const about = element(
      "div",
      { class: "misread", role: "alert" },
      element("h2", {}, "The query is not clear"),
      element("p", {}, error.message.split("\n")[0]),
      element("p", { class: "query" }, query.slice(0, place), element("mark", {}, query.slice(place, place + 1) || " "), query.slice(place + 1)),
    );
    fill(this._verdict, about);
  }
}

function heading(text, beside) {
  return element("h1", { tabindex: "-1" }, text, beside && element("small", {}, beside));
}

function title(place) {
  const wanted = likeness(place);
  if (place.q && wanted) return `“${place.q}”, like ${wanted.name}`;
  return place.q ? `“${place.q}”` : `Like ${wanted.name}`;
}

function banner(sentence, more) {
  return element("p", { class: "banner" }, icon("warning"), element("span", {}, element("strong", {}, sentence), ` ${more}`));
}

function nothing(place) {
  const wider = () => go({ ...here(), only: "", min: "", film: "", at: "" });
  if (narrowed(place)) {
    return blank("search", "No match", "The options leave nothing over.", element("button", { type: "button", click: wider }, "Search without them"));
  }
  return blank("search", "No match", "Nothing in the library answers that. Try other words, fewer filters, or a picture of what you look for.");
}
