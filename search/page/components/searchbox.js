/** The one box: a query with completion, and beside it the clip, picture or moment it has to look like. */

import { below, go, here } from "../lib/address.js";
import { get } from "../lib/api.js";
import { complete } from "./completion.js";
import { element, fill, icon } from "./element.js";
import { likeness } from "./query_clip.js";
import { recent, remember } from "./recent.js";

const NOTHING = { filters: [], operators: [], folders: [], tags: [], types: [] };

export class SearchBox {
  /**
   * @param {HTMLFormElement} form
   * @param {function(File)} search by a file
   */
  constructor(form, search) {
    this._vocabulary = NOTHING;
    this._choices = [];
    this._active = -1;
    this._input = element("input", {
      type: "search", name: "q", id: "q", autocomplete: "off", spellcheck: "false", enterkeyhint: "search",
      placeholder: "Search your videos", "aria-label": "Search your videos", role: "combobox",
      "aria-expanded": "false", "aria-controls": "choices", "aria-autocomplete": "list",
      input: () => this._offer(), focus: () => this._offer(), blur: () => this._close(), keydown: (event) => this._key(event),
    });
    this._file = element("input", {
      type: "file", accept: "video/*,image/*", hidden: true, "aria-label": "Clip or picture",
      change: () => this._file.files[0] && search(this._file.files[0]),
    });
    this._alike = element("span", { class: "alike-place" });
    this._list = element("ul", { class: "choices", id: "choices", role: "listbox", "aria-label": "Completions", hidden: true });
    const pick = element(
      "button",
      { type: "button", class: "plain", "aria-label": "Search by a clip or a picture", title: "Search by a clip or a picture", click: () => this._pick() },
      icon("picture"),
    );
    fill(form, icon("search"), this._alike, this._input, pick, this._file, this._list);
    form.addEventListener("submit", (event) => (event.preventDefault(), this._submit()));
  }

  focus() {
    this._input.focus();
    this._input.select();
  }

  /** Show what the address asks for. */
  show(place) {
    if (place.view === "") this._input.value = place.q;
    fill(this._alike, this._token(place));
    this._input.placeholder = place.segment || place.upload ? "and…" : "Search your videos";
  }

  /** Learn the filters of the language and what they can be completed with. */
  async learn() {
    try {
      this._vocabulary = { ...NOTHING, ...(await get("/vocabulary")) };
    } catch {
      this._vocabulary = NOTHING; // one can search without completion
    }
  }

  _token(place) {
    const wanted = likeness(place);
    if (!wanted) return null;
    const drop = () => go({ ...below(here()), view: "", segment: "", upload: "" });
    return element(
      "span",
      { class: "alike" },
      wanted.picture && element("img", { src: wanted.picture, alt: "" }),
      element("span", { class: "alike-name" }, wanted.name),
      element("button", { type: "button", class: "plain", "aria-label": `Search without ${wanted.name}`, click: drop }, icon("close")),
    );
  }

  _pick() {
    this._file.value = "";
    this._file.click();
  }

  _submit() {
    const q = this._input.value.trim();
    this._close();
    remember(q);
    const place = { ...below(here()), view: "", id: "", q };
    go(q || place.segment || place.upload ? place : {});
  }

  _offer() {
    const text = this._input.value;
    const old = text ? [] : recent().map((each) => ({ text: each, caret: each.length, label: each, help: "", run: true }));
    this._choices = text ? complete(text, this._input.selectionStart ?? text.length, this._vocabulary) : old;
    this._active = -1;
    fill(this._list, this._choices.map((choice, number) => this._option(choice, number)));
    this._list.hidden = this._choices.length === 0;
    this._mark();
  }

  _option(choice, number) {
    const chosen = (event) => (event.preventDefault(), this._choose(number)); // before the box loses its focus
    return element(
      "li",
      { role: "option", id: `choice-${number}`, "aria-selected": "false", pointerdown: chosen },
      choice.run && icon("clock"),
      element("span", {}, choice.label),
      choice.help && element("small", {}, choice.help),
    );
  }

  _choose(number) {
    const { text, caret, run } = this._choices[number];
    this._input.value = text;
    this._input.setSelectionRange(caret, caret);
    if (run) this._submit();
    else this._offer();
  }

  _close() {
    this._list.hidden = true;
    this._choices = [];
    this._active = -1;
    this._mark();
  }

  _mark() {
    this._input.setAttribute("aria-expanded", String(!this._list.hidden));
    [...this._list.children].forEach((option, number) => option.setAttribute("aria-selected", String(number === this._active)));
    if (this._active < 0) this._input.removeAttribute("aria-activedescendant");
    else this._input.setAttribute("aria-activedescendant", `choice-${this._active}`);
    this._list.children[this._active]?.scrollIntoView({ block: "nearest" });
  }

  _key(event) {
    const size = this._choices.length;
    if (event.key === "Escape" && size) this._close();
    else if (event.key === "ArrowDown" && size) this._active = (this._active + 1) % size;
    else if (event.key === "ArrowUp" && size) this._active = this._active < 0 ? size - 1 : this._active - 1;
    else if ((event.key === "Enter" || event.key === "Tab") && this._active >= 0) this._choose(this._active);
    else return;
    event.preventDefault();
    this._mark();
  }
}
