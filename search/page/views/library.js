/** The library: statistics, folders, failures, jobs, videos. */

import { link } from "../lib/address.js";
import { address, get, isAborted, remove } from "../lib/api.js";
import { basename, bytes, count, duration } from "../lib/format.js";
import { number, say } from "../lib/language.js";
import { videoCard } from "../components/card.js";
import { confirm } from "../components/confirm.js";
import { element, fill, icon } from "../components/element.js";
import { Grid } from "../components/grid.js";
import { languages } from "../components/languages.js";
import { menu } from "../components/menu.js";
import { Pages } from "../components/pages.js";
import { errorState } from "../components/placeholders.js";
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
    this._videosSection = element("section", { "aria-labelledby": "videos-title" }, element("h2", { id: "videos-title" }, say("library.videos-newest")), this._grid.root);
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

  async show() {
    if (this._fresh) return;
    this._fresh = true;
    await this.refresh();
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

  /** Reload everything. */
  async refresh() {
    try {
      const [status, folders] = await Promise.all([this._status.refresh(), get("/folders"), this._failures.refresh()]);
      fill(this._error);
      fill(this._tiles, tiles(status));
      this._addFolder.hidden = !status.local; // paths are those of the server
      this._failures.allowRetry(status.local);
      this._foldersSection.hidden = folders.items.length === 0;
      const longest = Math.max(1, ...folders.items.map((each) => each.seconds));
      fill(this._folders, folders.items.map((each) => folderRow(each, longest, status.local && this._actions(each.folder))));
      this._videosSection.hidden = status.videos === 0;
      await this._grid.show(new Pages("/videos", { order: "added", limit: 40 }));
    } catch (error) {
      if (isAborted(error)) return;
      this._fresh = false;
      fill(this._error, errorState(error, () => this.show()));
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
