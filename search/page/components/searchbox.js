/** The search box: text with completion, and the query clip. */

import { go, here, withoutPlayer } from "../lib/address.js";
import { say } from "../lib/language.js";
import { complete } from "./completion.js";
import { element, fill, icon } from "./element.js";
import { queryClip } from "./query_clip.js";
import { recent } from "./recent.js";

const EMPTY_VOCABULARY = { filters: [], fields: [], operators: [] };

export class SearchBox {
  /**
   * @param {HTMLFormElement} form
   * @param {Cached} vocabulary of the service
   * @param {function(File)} searchByFile
   */
  constructor(form, vocabulary, searchByFile) {
    this._terms = vocabulary;
    this._vocabulary = EMPTY_VOCABULARY;
    this._choices = [];
    this._active = -1;
    this._input = element("input", {
      type: "search", name: "q", id: "q", autocomplete: "off", spellcheck: "false", enterkeyhint: "search",
      placeholder: say("search.label"), "aria-label": say("search.label"), role: "combobox",
      "aria-expanded": "false", "aria-controls": "choices", "aria-autocomplete": "list",
      input: () => this._showChoices(), focus: () => this._showChoices(), blur: () => this._close(), keydown: (event) => this._key(event),
    });
    this._file = element("input", {
      type: "file", accept: "video/*,image/*", hidden: true, "aria-label": say("search.file"),
      change: () => this._file.files[0] && searchByFile(this._file.files[0]),
    });
    this._queryClip = element("span", { class: "query-clip-slot" });
    this._list = element("ul", { class: "choices", id: "choices", role: "listbox", "aria-label": say("search.completions"), hidden: true });
    const pickFile = element(
      "button",
      { type: "button", class: "plain", "aria-label": say("search.by-file"), title: say("search.by-file"), click: () => this._openFilePicker() },
      icon("picture"),
    );
    fill(form, icon("search"), this._queryClip, this._input, pickFile, this._file, this._list);
    form.addEventListener("submit", (event) => (event.preventDefault(), this._submit()));
  }

  focus() {
    this._input.focus();
    this._input.select();
  }

  /** Show the query of a place. */
  show(place) {
    if (place.view === "") this._input.value = place.q;
    fill(this._queryClip, this._queryClipChip(place));
    this._input.placeholder = place.segment || place.upload ? say("search.and") : say("search.label");
  }

  /** Load filters, operators and their values for completion. */
  async loadVocabulary() {
    try {
      this._vocabulary = { ...EMPTY_VOCABULARY, ...(await this._terms.refresh()) };
    } catch {
      this._vocabulary = EMPTY_VOCABULARY; // no completion
    }
  }

  _queryClipChip(place) {
    const clip = queryClip(place);
    if (!clip) return null;
    const removeClip = () => go({ ...withoutPlayer(here()), view: "", segment: "", upload: "" });
    return element(
      "span",
      { class: "query-clip" },
      clip.thumbnail && element("img", { src: clip.thumbnail, alt: "" }),
      element("span", { class: "query-clip-name" }, clip.name),
      element("button", { type: "button", class: "plain", "aria-label": say("search.without", { name: clip.name }), click: removeClip }, icon("close")),
    );
  }

  _openFilePicker() {
    this._file.value = "";
    this._file.click();
  }

  _submit() {
    const q = this._input.value.trim();
    this._close();
    const place = { ...withoutPlayer(here()), view: "", id: "", q };
    go(q || place.segment || place.upload ? place : {});
  }

  _showChoices() {
    const text = this._input.value;
    const history = text ? [] : recent().map((each) => ({ text: each, caret: each.length, label: each, help: "", run: true }));
    this._choices = text ? complete(text, this._input.selectionStart ?? text.length, this._vocabulary) : history;
    this._active = -1;
    fill(this._list, this._choices.map((choice, number) => this._option(choice, number)));
    this._list.hidden = this._choices.length === 0;
    this._updateAria();
  }

  _option(choice, number) {
    const accept = (event) => (event.preventDefault(), this._accept(number)); // keeps the focus in the box
    return element(
      "li",
      { role: "option", id: `choice-${number}`, "aria-selected": "false", pointerdown: accept },
      choice.run && icon("clock"),
      element("span", {}, choice.label),
      choice.help && element("small", {}, choice.help),
    );
  }

  _accept(number) {
    const { text, caret, run } = this._choices[number];
    this._input.value = text;
    this._input.setSelectionRange(caret, caret);
    if (run) this._submit();
    else this._showChoices();
  }

  _close() {
    this._list.hidden = true;
    this._choices = [];
    this._active = -1;
    this._updateAria();
  }

  _updateAria() {
    this._input.setAttribute("aria-expanded", String(!this._list.hidden));
    [...this._list.children].forEach((option, number) => option.setAttribute("aria-selected", String(number === this._active)));
    if (this._active < 0) this._input.removeAttribute("aria-activedescendant");
    else this._input.setAttribute("aria-activedescendant", `choice-${this._active}`);
    this._list.children[this._active]?.scrollIntoView({ block: "nearest" });
  }

  _key(event) {
    const size = this._choices.length;
    if (event.key === "Escape" && size) this._close();
    else if (event.key === "ArrowDown" && !size) document.querySelector("main a.card")?.focus();
    else if (event.key === "ArrowDown" && size) this._active = (this._active + 1) % size;
    else if (event.key === "ArrowUp" && size) this._active = this._active < 0 ? size - 1 : this._active - 1;
    else if ((event.key === "Enter" || event.key === "Tab") && this._active >= 0) this._accept(this._active);
    else return;
    event.preventDefault();
    this._updateAria();
  }
}
