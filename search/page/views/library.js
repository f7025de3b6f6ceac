/** The library: statistics, folders, failures, jobs, videos. */

import { here, link } from "../lib/address.js";
import { address, get, isAborted, remove } from "../lib/api.js";
import { basename, bytes, count, date, duration } from "../lib/format.js";
import { number, say } from "../lib/language.js";
import { videoCard } from "../components/card.js";
import { confirm } from "../components/confirm.js";
import { element, fill, icon } from "../components/element.js";
import { Grid } from "../components/grid.js";
import { languages } from "../components/languages.js";
import { menu } from "../components/menu.js";
import { Months } from "../components/months.js";
import { Pages } from "../components/pages.js";
import { errorState } from "../components/placeholders.js";
import { sizeSlider } from "../components/size_slider.js";
import { toast } from "../components/toast.js";
import { addFolder } from "./add_folder.js";
import { Failures } from "./failures.js";
import { jobList } from "./job.js";

export class LibraryView {
  /** @param {function()} onRemoved called after a folder was removed */
  constructor(root, status, jobs, onRemoved) {
    this._status = status;
    this._jobs = jobs;
    this._onRemoved = onRemoved;
    this._tiles = element("dl", { class: "tiles" });
    this._folders = element("ul", { class: "folders" });
    this._foldersSection = element("section", { "aria-labelledby": "folders-title" }, element("h2", { id: "folders-title" }, say("library.folders")), this._folders);
    this._failures = new Failures(jobs);
    this._grid = new Grid(videoCard, say("library.videos"));
    this._months = new Months();
    this._title = element("h2", { id: "videos-title" }, say("library.videos"));
    this._videosSection = element("section", { "aria-labelledby": "videos-title" }, element("div", { class: "section-head" }, this._title, sizeSlider()), this._months.root, this._grid.root);
    this._addFolder = element("section", { class: "panel", "aria-labelledby": "add-title" }, element("h2", { id: "add-title" }, say("library.add")), addFolder(jobs, status));
    this._error = element("div");
    fill(
      root,
      element("div", { class: "head" }, element("h1", { tabindex: "-1" }, say("library.title"))),
      this._error,
      jobList(jobs),
      this._addFolder,
      this._foldersSection,
      this._failures.root,
      this._videosSection,
      element("section", { "aria-labelledby": "about-title" }, element("h2", { id: "about-title" }, say("library.about")), this._tiles, languages()),
    );
  }

  async show(place) {
    if (this._fresh && place.during === this._during) return;
    const others = this._fresh; // only the videos are others
    this._fresh = true;
    this._during = place.during;
    await (others ? this._showVideos() : this.refresh());
  }

  /** Show the videos of a month or year, or all. */
  async _showVideos() {
    this._title.textContent = this._during ? say("library.videos-during", { date: date(this._during) }) : say("library.videos-newest");
    const pages = new Pages("/videos", this._during ? { order: "date", during: this._during, limit: 40 } : { order: "added", limit: 40 });
    await Promise.all([this._months.show(this._during).catch(() => {}), this._grid.show(pages)]); // the grid shows the error
  }

  /** Reload on the next show(). */
  invalidate() {
    this._fresh = false;
  }

  /** Return what can be done with a folder. */
  _actions(folder) {
    const tried = (call) => () => call().catch((error) => toast(error.message, "warning"));
    return [
      { label: say("folder.rescan"), help: say("folder.rescan-help"), action: tried(() => this._jobs.start([folder])) },
      { label: say("folder.forget"), help: say("folder.forget-help"), action: tried(() => this._jobs.start([folder], { prune: true })) },
      { label: say("folder.remove"), help: say("folder.remove-help"), action: tried(() => this._remove(folder)) },
    ];
  }

  async _remove(folder) {
    if (!(await confirm(say("folder.remove-question", { folder: basename(folder) }), say("folder.remove-text"), say("button.remove")))) return;
    await remove(address("/folders", { folder }));
    toast(say("folder.removed", { folder: basename(folder) }));
    this._onRemoved();
    await this.refresh();
  }

  /** Draw the folders, unless they are as before: a menu may be open. */
  _drawFolders(folders, local) {
    const facts = JSON.stringify([folders, local]);
    if (facts === this._drawn) return;
    this._drawn = facts;
    const longest = Math.max(1, ...folders.map((each) => each.seconds));
    fill(this._folders, folders.map((each) => folderRow(each, longest, local && this._actions(each.folder))));
  }

  /** Reload everything. */
  async refresh() {
    try {
      const [status, folders] = await Promise.all([this._status.refresh(), get("/folders"), this._failures.refresh()]);
      fill(this._error);
      fill(this._tiles, tiles(status));
      this._addFolder.hidden = !status.local; // paths are those of the server
      this._failures.allowRetry(status.local);
      this._foldersSection.hidden = folders.items.length === 0;
      this._drawFolders(folders.items, status.local);
      this._videosSection.hidden = status.videos === 0;
      await this._showVideos();
    } catch (error) {
      if (isAborted(error)) return;
      this._fresh = false;
      fill(this._error, errorState(error, () => this.show(here())));
    }
  }
}

function tiles(status) {
  const shown = [
    [say("library.videos"), number(status.videos), duration(status.seconds)],
    [say("library.segments"), number(status.segments), say("library.searchable")],
    [say("library.size"), bytes(status.bytes), status.library],
    [say("library.model"), basename(status.model ?? ""), status.tier],
  ];
  return shown.map(([name, value, under]) =>
    element("div", { class: "tile" }, element("dt", {}, name), element("dd", { class: value.length > 12 ? "long" : null }, value), under && element("dd", { class: "faint path" }, under)),
  );
}

function folderRow({ folder, videos, seconds }, longest, actions) {
  const bar = element("span", { class: "bar-fill", "aria-hidden": "true" });
  bar.style.width = `${Math.max(1, (100 * seconds) / longest)}%`;
  return element(
    "li",
    { class: "folder" },
    icon("folder"),
    element("a", { class: "folder-name", href: link({ q: `in:"${folder}"` }), title: say("folder.search", { folder }) }, basename(folder)),
    element("span", { class: "faint path", title: folder }, folder),
    element("span", { class: "folder-count" }, `${count(videos, "videos")} · ${duration(seconds)}`),
    actions && menu("more", "", actions, say("folder.actions", { folder: basename(folder) })),
    bar,
  );
}
