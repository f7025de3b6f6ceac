/** The months in which videos were filmed, as a rail of links. */

import { link } from "../lib/address.js";
import { get } from "../lib/api.js";
import { count, date } from "../lib/format.js";
import { say } from "../lib/language.js";
import { element, fill } from "./element.js";

export class Months {
  constructor() {
    this.root = element("nav", { class: "months", "aria-label": say("months.label"), hidden: true });
  }

  /** Load the months and mark the one that is shown, "" for all. */
  async show(during) {
    const { items } = await get("/months");
    this.root.hidden = items.length < 2 && !during;
    const years = Map.groupBy(items, ({ month }) => month.slice(0, 4));
    fill(this.root, anchor("", say("months.all"), during), [...years].map(([year, months]) => section(year, months, during)));
  }
}

function section(year, months, during) {
  return element(
    "span",
    { class: "year" },
    anchor(year, date(year), during),
    months.map(({ month, videos }) => anchor(month, date(month, { year: undefined, month: "short" }), during, `${date(month)}, ${count(videos, "videos")}`)),
  );
}

function anchor(during, text, shown, label = null) {
  return element("a", { href: link({ view: "library", during }), title: label, "aria-label": label, "aria-current": during === shown ? "true" : null }, text);
}
