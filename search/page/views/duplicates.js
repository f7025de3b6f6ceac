/** Groups of duplicates, with the copy to keep, and what a person decided of them. */

import { post, remove } from "../lib/api.js";
import { at, here, link } from "../lib/address.js";
import { bytes, clock, count, duration } from "../lib/format.js";
import { say } from "../lib/language.js";
import { thumbnailImage } from "../components/card.js";
import { confirm } from "../components/confirm.js";
import { element, fill, icon } from "../components/element.js";
import { Pages } from "../components/pages.js";
import { emptyState, errorState, skeletons } from "../components/placeholders.js";
import { sideBySide } from "../components/side_by_side.js";
import { toast } from "../components/toast.js";

const KINDS = {
  copy: say("duplicates.copy"),
  "near copy": say("duplicates.near-copy"),
  "same file": say("duplicates.same-file"),
  excerpt: say("duplicates.excerpt"),
  "shared part": say("duplicates.shared-part"),
};

const WHY = { copy: "duplicates.why-pictures", "near copy": "duplicates.why-near", "same file": "duplicates.why-file", excerpt: "duplicates.why-part", "shared part": "duplicates.why-part" };

export class DuplicatesView {
  /** @param {function()} onTrashed called after a video left the library */
  constructor(root, status, onTrashed) {
    this._root = root;
    this._status = status;
    this._onTrashed = onTrashed;
  }

  async show() {
    if (this._fresh) return;
    this._fresh = true;
    this._pages = new Pages("/duplicates");
    this._head = element("div", { class: "head" }, element("h1", { tabindex: "-1" }, say("duplicates.title")));
    this._groups = element("div", {}, element("ul", { class: "grid" }, skeletons(4)));
    this._more = element("button", { type: "button", class: "more", hidden: true, click: () => this._next() }, say("button.more"));
    this._dismissed = element("div", {});
    fill(this._root, this._head, this._groups, element("div", { class: "grid-footer" }, this._more), this._dismissed);
    await Promise.all([this._next(), this._showDismissed()]);
  }

  invalidate() {
    this._fresh = false;
  }

  async _next() {
    const first = this._pages.items.length === 0;
    try {
      const [groups, { local }] = await Promise.all([this._pages.more(), this._status.load()]);
      if (first) fill(this._groups);
      this._groups.append(...groups.map((each) => group(each, (copy) => this._compare(each, copy, local), local ? (video, other) => this._dismiss(video, other) : null)));
      this._more.hidden = this._pages.complete;
      if (first) this._summary();
    } catch (error) {
      this._fresh = false;
      fill(this._groups, errorState(error, () => this.show()));
    }
  }

  /** Show a copy beside the first video of its group, with what can be done with it. */
  _compare({ kind, videos: [first] }, copy, local) {
    const actions = (close) =>
      local && [
        copy.stays ? element("p", { class: "faint" }, say(`duplicates.stays-${copy.stays.replace(" ", "-")}`)) : element("button", { type: "button", click: () => this._trash(copy, close) }, icon("remove"), say("duplicates.trash")),
        element("button", { type: "button", click: () => (close(), this._dismiss(copy.video, first.video)) }, say("duplicates.dismiss")),
      ];
    sideBySide(first, copy, copy.identical ? say("duplicates.why-identical") : say(WHY[kind]), actions);
  }

  async _trash({ video, identical }, close) {
    const text = identical ? say("duplicates.trash-identical") : say("duplicates.trash-pictures");
    if (!(await confirm(say("duplicates.trash-question", { name: video.name }), text, say("duplicates.trash")))) return;
    close();
    await this._decide(() => post("/duplicates/trash", { videos: [video.id] }).then(this._onTrashed), say("duplicates.trashed", { name: video.name }));
  }

  async _dismiss(video, other) {
    await this._decide(
      () => post("/duplicates/dismissed", { videos: [video.id, other.id] }),
      say("duplicates.dismissed", { one: video.name, other: other.name }),
    );
  }

  /** Do what a person decided, and list what is the same now. */
  async _decide(act, said) {
    try {
      await act();
      toast(said);
    } catch (error) {
      toast(error.message, "warning");
    }
    this.invalidate();
    await this.show();
    this._head.querySelector("h1").focus({ preventScroll: true }); // the button that had the focus is gone
  }

  /** List the dismissed pairs; an error is shown where the groups are. */
  async _showDismissed() {
    try {
      const pages = new Pages("/duplicates/dismissed", { limit: 100 });
      const [pairs, { local }] = await Promise.all([pages.more(), this._status.load()]);
      if (!pairs.length) return;
      const again = ({ id, videos }) => this._decide(() => remove(`/duplicates/dismissed/${id}`), say("duplicates.compared", { pair: named(videos) }));
      const row = (pair) =>
        element("li", {}, named(pair.videos), " ", local && element("button", { type: "button", "aria-label": say("duplicates.again-label", { pair: named(pair.videos) }), click: () => again(pair) }, say("duplicates.again")));
      const said = say("duplicates.dismissed-pairs", { count: pages.total });
      fill(this._dismissed, element("details", {}, element("summary", {}, said), element("ul", { class: "dismissed" }, pairs.map(row))));
    } catch {
      // The service does not answer: the groups say so, with a button to try again.
    }
  }

  _summary() {
    const { total, items } = this._pages;
    if (!items.length) return fill(this._groups, emptyState("duplicates", say("duplicates.none"), say("duplicates.none-help")));
    this._head.append(element("p", { class: "faint" }, say("duplicates.safe", { groups: count(total ?? items.length, "groups") })));
  }
}

/** Return the names of a dismissed pair: of one content twice, both of its files. */
function named([ones, others]) {
  const name = (videos, place) => (videos[place] ?? videos[0])?.name ?? say("duplicates.gone");
  return say("duplicates.pair", { one: name(ones, 0), other: name(others, ones[0] && ones[0].id === others[0]?.id ? 1 : 0) });
}

/**
 * Return a group; `compare` is called with a copy, `dismiss` with two videos that are not the same; null where that is not for this
 * client.
 */
function group({ kind, videos, seconds_saved: saved }, compare, dismiss) {
  const [{ video: first }] = videos;
  const label = KINDS[kind] ?? kind;
  return element(
    "section",
    { class: "group", "aria-label": label },
    element("h2", {}, label, saved ? element("small", {}, say("duplicates.redundant", { time: duration(saved) })) : null),
    element(
      "ul",
      { class: "grid" },
      videos.map((each, place) => copy(each, place ? () => compare(each) : null, dismiss && each.video.id !== first.id ? () => dismiss(each.video, first) : null)),
    ),
  );
}

function copy({ video, start, end, keep }, compare, dismiss) {
  const href = link({ ...here(), film: video.id, at: at(start ?? 0, end ?? video.duration) });
  const facts = `${video.width} × ${video.height} · ${bytes(video.size)}`;
  return element(
    "li",
    {},
    element(
      "a",
      { class: "card", href, "aria-label": say(keep ? "duplicates.keep-label" : "duplicates.copy-label", { name: video.name, facts }) },
      element(
        "div",
        { class: "thumb" },
        thumbnailImage(video.thumbnail),
        element("span", { class: "time-label" }, `${clock(start ?? 0)}–${clock(end ?? video.duration)}`),
        keep && element("span", { class: "badge high" }, say("duplicates.keep")),
      ),
      element("div", { class: "card-text" }, element("span", { class: "name" }, video.name), element("span", { class: "details" }, facts)),
    ),
    element(
      "div",
      { class: "actions" },
      compare && element("button", { type: "button", "aria-label": say("compare.label", { name: video.name }), click: compare }, say("compare.compare")),
      dismiss && element("button", { type: "button", "aria-label": say("duplicates.dismiss-label", { name: video.name }), click: dismiss }, say("duplicates.dismiss")),
    ),
  );
}
