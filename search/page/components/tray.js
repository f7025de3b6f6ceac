/** The selects tray: the moments of a reel along the bottom of the page. It lives in the library, and outlasts searches. */

import { here, moment as momentOf } from "../lib/address.js";
import { address, get, patch, post, put, remove } from "../lib/api.js";
import { clock, count, duration } from "../lib/format.js";
import { say } from "../lib/language.js";
import { thumbnailImage } from "./card.js";
import { confirm } from "./confirm.js";
import { element, fill, icon } from "./element.js";
import { menu } from "./menu.js";
import { toast } from "./toast.js";

const DEFAULT = say("tray.default"); // the reel that moments go to before another one is chosen
const STORED = "videobert.reel"; // in the browser: which reel was used last
const FORMATS = [
  ["fcpxml", say("export.fcpxml"), say("export.fcpxml-help")],
  ["xml", say("export.xml"), say("export.xml-help")],
  ["edl", say("export.edl"), say("export.editing-help")],
  ["otio", say("export.otio"), say("export.editing-help")],
  ["csv", say("export.csv"), say("export.csv-help")],
  ["json", say("export.json"), say("export.json-help")],
  ["m3u", say("export.m3u"), say("export.m3u-help")],
  ["zip", say("export.zip"), say("export.zip-help")],
  ["mp4", say("export.mp4"), say("export.mp4-help")],
];

export class Tray {
  /** @param {HTMLElement} root which is empty */
  constructor(root) {
    this._root = root;
    this._name = localStorage.getItem(STORED) || DEFAULT;
    this._items = [];
    this._names = [];
    this._ticked = new Set();
    this._folded = false;
    addEventListener("keydown", (event) => this._key(event));
    document.addEventListener("select-moment", ({ detail }) => this.add(detail));
    root.addEventListener("change", ({ target }) => (target.defaultValue = target.value), true); // it is on its way: no longer typed
  }

  /** Load the reels; one that is gone is left. */
  async load() {
    this._names = (await get("/reels")).items.map(({ name }) => name);
    const known = this._names.find((name) => name.toLowerCase() === this._name.toLowerCase());
    this._draw(known ? (await get(this._path())).items : []);
  }

  /** Add a moment, {video, start, end}, to the end of the reel. */
  async add(span) {
    await this._change(async () => {
      const before = this._items.length;
      const { items } = await post(this._path(), span);
      if (!this._names.includes(this._name)) this._names.push(this._name);
      toast(items.length > before ? say("tray.added", { reel: this._name }) : say("tray.there", { reel: this._name }));
      return items;
    });
  }

  async _change(task) {
    try {
      this._draw(await task());
    } catch (error) {
      toast(error.message, "warning");
    }
  }

  _path(rest = "") {
    return `/reels/${encodeURIComponent(this._name)}${rest}`;
  }

  _key(event) {
    if (event.key.toLowerCase() !== "s" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [popover]")) return;
    const place = here();
    const card = document.querySelector("a.card:focus, a.card:hover");
    const search = card && new URLSearchParams(new URL(card.href).search);
    const film = place.film || search?.get("film");
    if (!film) return;
    event.preventDefault();
    this.add({ video: Number(film), ...momentOf({ at: (place.film ? place.at : search.get("at")) || "" }) });
  }

  _draw(items) {
    this._items = items;
    const typed = document.activeElement;
    if (this._root.contains(typed) && typed.matches("input[type=text], input[type=number]") && typed.value !== typed.defaultValue) {
      const { defaultValue: before } = typed; // a new field would lose what is being typed; the answer to its change draws all
      typed.addEventListener("blur", () => typed.defaultValue === before && this._draw(this._items), { once: true });
      return;
    }
    const ids = new Set(items.map(({ id }) => id));
    this._ticked = new Set([...this._ticked].filter((id) => ids.has(id)));
    const focused = document.activeElement?.closest?.(".select")?.dataset.id;
    const seconds = items.reduce((sum, { start, end }) => sum + end - start, 0);
    this._root.hidden = !items.length && !this._names.length;
    document.body.classList.toggle("with-tray", !this._root.hidden);
    const fold = element(
      "button",
      { type: "button", class: "plain", "aria-expanded": String(!this._folded), "aria-label": say("tray.show"), click: () => ((this._folded = !this._folded), this._draw(this._items)) },
      icon("next"),
    );
    fill(
      this._root,
      element(
        "div",
        { class: "tray-head" },
        fold,
        this._chooser(),
        element("span", { class: "faint" }, `${count(items.length, "moments")} · ${duration(seconds)}`),
        items.length > 0 && this._exports(),
        this._names.includes(this._name) && element("button", { type: "button", class: "plain", "aria-label": say("tray.remove-reel", { reel: this._name }), title: say("tray.remove-reel-help"), click: () => this._removeReel() }, icon("remove")),
      ),
      !this._folded && element("ol", { class: "selects", "aria-label": this._name }, items.map((item, index) => this._item(item, index))),
    );
    if (focused) this._root.querySelector(`[data-id="${focused}"]`)?.focus();
  }

  _chooser() {
    const names = this._names.includes(this._name) ? this._names : [...this._names, this._name];
    const option = (name) => element("option", { value: name, selected: name === this._name }, name);
    const select = element("select", { "aria-label": say("tray.reel"), change: () => this._choose(select.value) }, names.map(option), element("option", { value: "/" }, say("tray.new")));
    return select;
  }

  _choose(value) {
    const name = value === "/" ? prompt(say("tray.new-name"))?.trim().replaceAll("/", " ") : value;
    if (name) {
      this._name = name;
      localStorage.setItem(STORED, name);
    }
    this.load().catch((error) => toast(error.message, "warning"));
  }

  _exports() {
    const ids = this._items.map(({ id }) => id).filter((id) => this._ticked.has(id));
    const choices = FORMATS.map(([format, label, help]) => ({ label, help, href: address(this._path("/export"), { format, ids }) }));
    return menu("export", ids.length ? say("tray.export-some", { number: ids.length }) : say("button.export"), choices);
  }

  async _removeReel() {
    if (!(await confirm(say("tray.remove-question", { reel: this._name }), say("tray.remove-text"), say("button.remove")))) return;
    await this._change(async () => {
      await remove(this._path());
      this._name = this._names.find((name) => name !== this._name) ?? DEFAULT;
      await this.load();
      return this._items;
    });
  }

  _item(item, index) {
    const change = (facts) => this._change(async () => (await patch(this._path(`/moments/${item.id}`), facts)).items);
    const time = (name, label) => {
      const input = element("input", { type: "number", step: "0.04", min: "0", value: String(Math.round(item[name] * 1000) / 1000), "aria-label": label, change: () => change({ [name]: Number(input.value) }) });
      return input;
    };
    const note = element("input", { type: "text", value: item.note, placeholder: say("tray.note"), "aria-label": say("tray.note"), change: () => change({ note: note.value }) });
    const tags = element("input", { type: "text", value: item.tags.join(", "), placeholder: say("tray.tags"), "aria-label": say("tray.tags"), change: () => change({ tags: tags.value.split(",").map((tag) => tag.trim()).filter(Boolean) }) });
    const tick = element("input", { type: "checkbox", checked: this._ticked.has(item.id), "aria-label": say("tray.tick"), change: () => (this._ticked[tick.checked ? "add" : "delete"](item.id), this._draw(this._items)) });
    const star = element("button", { type: "button", class: "plain star", "aria-pressed": String(item.star), "aria-label": say("tray.star"), click: () => change({ star: !item.star }) }, item.star ? "★" : "☆");
    const away = element("button", { type: "button", class: "plain", "aria-label": say("tray.remove", { name: item.name }), click: () => this._drop(item) }, icon("close"));
    return element(
      "li",
      {
        class: "select", tabindex: "0", draggable: "true", "data-id": item.id, title: say("tray.move"),
        "aria-label": say("tray.item", { number: index + 1, name: item.name, start: clock(item.start), end: clock(item.end) }),
        keydown: (event) => this._itemKey(event, item, index),
        dragstart: (event) => event.dataTransfer.setData("text/plain", String(item.id)),
        dragover: (event) => event.preventDefault(),
        drop: (event) => (event.preventDefault(), this._move(Number(event.dataTransfer.getData("text/plain")), index)),
      },
      element("div", { class: "thumb" }, item.thumbnail ? thumbnailImage(item.thumbnail) : icon("warning")),
      element("div", { class: "select-head" }, tick, element("span", { class: "name", title: item.path }, item.name), star, away),
      element("div", { class: "trim" }, time("start", say("tray.in")), "–", time("end", say("tray.out"))),
      note,
      tags,
    );
  }

  _itemKey(event, item, index) {
    if (event.target !== event.currentTarget) return;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Delete") this._drop(item);
    else if (step && event.altKey) this._move(item.id, index + step);
    else if (step) this._root.querySelectorAll(".select")[index + step]?.focus();
    else return;
    event.preventDefault();
  }

  _drop(item) {
    return this._change(async () => {
      await remove(this._path(`/moments/${item.id}`));
      return (await get(this._path())).items;
    });
  }

  _move(id, place) {
    const ids = this._items.map((item) => item.id);
    if (!ids.includes(id) || place < 0 || place >= ids.length) return null;
    ids.splice(ids.indexOf(id), 1);
    ids.splice(place, 0, id);
    return this._change(async () => (await put(this._path("/order"), { ids })).items);
  }
}
