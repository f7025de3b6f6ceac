/** The library: statistics, folders, failures, jobs, videos. */

import { link } from "../lib/address.js";
import { address, get, isAborted, remove } from "../lib/api.js";
import { basename, bytes, count, duration } from "../lib/format.js";
import { videoCard } from "../components/card.js";
import { confirm } from "../components/confirm.js";
import { element, fill, icon } from "../components/element.js";
import { Grid } from "../components/grid.js";
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
    this._foldersSection = element("section", { "aria-labelledby": "folders-title" }, element("h2", { id: "folders-title" }, "Folders"), this._folders);
    this._failures = new Failures(jobs);
    this._grid = new Grid(videoCard, "Videos");
    this._videosSection = element("section", { "aria-labelledby": "videos-title" }, element("h2", { id: "videos-title" }, "Videos, newest first"), this._grid.root);
    this._addFolder = element("section", { class: "panel", "aria-labelledby": "add-title" }, element("h2", { id: "add-title" }, "Add videos"), addFolder(jobs, status));
    this._error = element("div");
    fill(
      root,
      element("div", { class: "head" }, element("h1", { tabindex: "-1" }, "Library")),
      this._error,
      jobList(jobs),
      this._addFolder,
      this._foldersSection,
      this._failures.root,
      this._videosSection,
      element("section", { "aria-labelledby": "about-title" }, element("h2", { id: "about-title" }, "About"), this._tiles),
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
      { label: "Rescan", help: "finds new and changed videos", action: tried(() => this._jobs.start([folder])) },
      { label: "Forget missing", help: "videos whose files are gone", action: tried(() => this._jobs.start([folder], { prune: true })) },
      { label: "Remove…", help: "from the library; files stay", action: tried(() => this._remove(folder)) },
    ];
  }

  async _remove(folder) {
    if (!(await confirm(`Remove ${basename(folder)}?`, "Its videos leave the library. The files are not touched.", "Remove"))) return;
    await remove(address("/folders", { folder }));
    toast(`${basename(folder)} was removed`);
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
    ["Videos", status.videos.toLocaleString("en"), duration(status.seconds)],
    ["Segments", status.segments.toLocaleString("en"), "searchable"],
    ["Size of the library", bytes(status.bytes), status.library],
    ["Model", basename(status.model ?? ""), status.tier],
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
    element("a", { class: "folder-name", href: link({ q: `in:"${folder}"` }), title: `Search in ${folder}` }, basename(folder)),
    element("span", { class: "faint path", title: folder }, folder),
    element("span", { class: "folder-count" }, `${count(videos, "video")} · ${duration(seconds)}`),
    actions && menu("more", "", actions, `What to do with ${basename(folder)}`),
    bar,
  );
}
