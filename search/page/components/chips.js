/** The filters of a search as chips: each opens the choice of its values, and can be removed. */

import { go, here, withoutPlayer } from "../lib/address.js";
import { filtersOf, withFilter, withoutFilters } from "../lib/filters.js";
import { basename, date, percent } from "../lib/format.js";
import { say } from "../lib/language.js";
import { element, fill, icon } from "./element.js";
import { menu } from "./menu.js";

const DATES = { "after:": "chip.after", "before:": "chip.before", "during:": "chip.during", "on:": "chip.during" };
const LENGTHS = [["shorter:1m", "chip.short"], ["longer:1m shorter:10m", "chip.middle"], ["longer:10m", "chip.long"]];
const BASES = [["visual", "card.shown"], ["said", "card.said"], ["written", "card.written"], ["words", "chip.words"]];

/**
 * Return the chips of a place; a change navigates. They are drawn when the vocabulary is there, which has the names of filters.
 * @param {Cached} vocabulary
 * @param {Cached} status has the offered minimum confidences
 */
export function chips(place, vocabulary, status) {
  const root = element("div", { class: "chips", role: "group", "aria-label": say("chip.label") });
  Promise.all([vocabulary.load(), status.load()]).then(
    ([terms, { min_confidences: sure }]) => fill(root, new Chips(place, terms, sure).all()),
    () => {}, // the view shows the error
  );
  return root;
}

class Chips {
  constructor(place, terms, sure) {
    this._place = place;
    this._terms = terms;
    this._sure = sure;
    this._filters = filtersOf(place.q, terms.filters.map(({ name }) => name));
  }

  all() {
    const described = withoutFilters(this._place.q, this._filters) !== "";
    const kinds = [this._dates(), this._folders(), this._lengths(), described && this._bases(), this._tags(), described && this._confidence(), this._place.q && this._each()];
    const listed = new Set([...Object.keys(DATES), "in:", "longer:", "shorter:", "tag:"]);
    const others = this._filters.filter((each) => each.negated || !listed.has(each.name));
    return [kinds, others.map((each) => this._other(each))];
  }

  _of(...names) {
    return this._filters.filter(({ name, negated }) => names.includes(name) && !negated);
  }

  _dates() {
    const chosen = this._of(...Object.keys(DATES));
    const text = chosen.map(({ name, value }) => say(DATES[name], { date: date(value) })).join(" · ");
    const months = this._terms.filters.find(({ name }) => name === "during:").values;
    const years = [...new Set(months.map((month) => month.slice(0, 4)))];
    const choices = [...(years.length > 1 ? years : []), ...months].map((each) => ({ label: date(each), action: () => this._replace(chosen, ["during:", each]) }));
    return this._chip("clock", say("chip.date"), text, [this._range(chosen), ...choices], () => this._replace(chosen));
  }

  /** From a day to a day, both included. */
  _range(chosen) {
    const day = (name) => chosen.find((each) => each.name === name && each.value.length === 10)?.value ?? "";
    const [from, to] = [[day("after:"), "chip.from"], [dayAfter(day("before:"), -1), "chip.to"]].map(([value, key]) => element("input", { type: "date", value, "aria-label": say(key) }));
    const submit = (event) => {
      event.preventDefault();
      if (!from.value && !to.value) return;
      this._replace(chosen, from.value && ["after:", from.value], to.value && ["before:", dayAfter(to.value, 1)]);
    };
    return element("form", { class: "range", submit }, from, "–", to, element("button", { class: "small" }, say("chip.apply")));
  }

  _folders() {
    const chosen = this._of("in:");
    const choices = this._terms.folders.map((folder) => ({ label: basename(folder), help: folder, action: () => this._replace(chosen, ["in:", folder]) }));
    return this._chip("folder", say("chip.folder"), chosen.map(({ value }) => basename(value)).join(" · "), choices, () => this._replace(chosen));
  }

  _lengths() {
    const chosen = this._of("longer:", "shorter:");
    const typed = chosen.map(({ name, value }) => `${name}${value}`).join(" ");
    const known = LENGTHS.find(([filters]) => filters === typed);
    const text = known ? say(known[1]) : chosen.map(({ name, value }) => say(name === "longer:" ? "chip.longer" : "chip.shorter", { length: value })).join(" · ");
    const choices = LENGTHS.map(([filters, key]) => ({
      label: say(key),
      action: () => this._replace(chosen, ...filters.split(" ").map((each) => each.split(/(?<=:)/))),
    }));
    return this._chip("replay", say("chip.length"), text, choices, () => this._replace(chosen));
  }

  _tags() {
    const chosen = this._of("tag:");
    const choices = this._terms.tags.map((tag) => ({ label: tag, action: () => this._replace(chosen, ["tag:", tag]) }));
    return this._chip("text", say("chip.tag"), chosen.map(({ value }) => value).join(" · "), choices, () => this._replace(chosen));
  }

  _bases() {
    const key = BASES.find(([value]) => value === this._place.only)?.[1];
    const choices = BASES.map(([value, label]) => ({ label: say(label), action: () => change({ only: value }) }));
    return this._chip("picture", say("chip.basis"), key ? say(key) : "", choices, () => change({ only: "" }));
  }

  _confidence() {
    const label = (value) => say("chip.at-least", { share: percent(value) });
    const choices = this._sure.map((value) => ({ label: label(value), action: () => change({ min: String(value) }) }));
    return this._chip("done", say("chip.confidence"), this._place.min ? label(Number(this._place.min)) : "", choices, () => change({ min: "" }));
  }

  _each() {
    const on = Boolean(this._place.each);
    return element("button", { type: "button", class: "toggle", "aria-pressed": String(on), click: () => change({ each: on ? "" : "1" }) }, say("chip.each"));
  }

  /** A filter that has no choice of its own here. */
  _other(filter) {
    const text = `${filter.name} ${filter.value}`;
    return this._removable(element("span", { class: "chip-text" }, filter.negated ? say("chip.not", { filter: text }) : text), text, () => this._replace([filter]));
  }

  /** A chip that opens its choices; with a text it is in use, and can be removed. Without choices and text there is none. */
  _chip(image, name, text, choices, removeIt) {
    if (!choices.length && !text) return null;
    const button = menu(image, text ? `${name}: ${text}` : name, choices);
    return text ? this._removable(button, `${name}: ${text}`, removeIt) : button;
  }

  _removable(content, text, removeIt) {
    return element(
      "span",
      { class: "chip" },
      content,
      element("button", { type: "button", class: "plain", "aria-label": say("chip.remove", { filter: text }), click: removeIt }, icon("close")),
    );
  }

  /** Search without some filters of the query, and with others, [name, value]. */
  _replace(filters, ...added) {
    const rest = withoutFilters(this._place.q, filters);
    change({ q: added.filter(Boolean).reduce((query, [name, value]) => withFilter(query, name, value), rest) });
  }
}

function change(facts) {
  const place = { ...withoutPlayer(here()), ...facts };
  go(place.q || place.segment || place.upload ? place : {}, { replace: true });
}

/** Return the day some days after another one; "" for none. */
function dayAfter(day, days) {
  if (!day) return "";
  return new Date(Date.parse(day) + days * 86_400_000).toISOString().slice(0, 10);
}
