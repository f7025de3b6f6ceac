/** Entry point: routes places to views, holds what views share. */

import { go, here, link, onChange, sameView, watch } from "./lib/address.js";
import { Cached } from "./lib/cached.js";
import { Jobs } from "./lib/jobs.js";
import { say } from "./lib/language.js";
import { acceptFiles } from "./components/drop.js";
import { offerFiles } from "./components/dropped.js";
import { element, fill, icon } from "./components/element.js";
import { chooseFolder } from "./components/folder_browser.js";
import { uploadClip } from "./components/query_clip.js";
import { SearchBox } from "./components/searchbox.js";
import { restoreSize } from "./components/size_slider.js";
import { toast } from "./components/toast.js";
import { Tray } from "./components/tray.js";
import { Player } from "./components/player/player.js";
import { DuplicatesView } from "./views/duplicates.js";
import { LibraryView } from "./views/library.js";
import { ResultsView } from "./views/results.js";
import { VideoView } from "./views/video.js";

const REFRESH_MS = 2000; // between refreshes while indexing
const TITLES = { library: say("library.title"), duplicates: say("duplicates.title") }; // views in the navigation bar; icons have their names

const status = new Cached("/status");
const vocabulary = new Cached("/vocabulary");
const jobs = new Jobs();
const views = {
  search: new ResultsView(root("search"), status, vocabulary, jobs),
  library: new LibraryView(root("library"), status, jobs, () => libraryChanged()),
  film: new VideoView(root("film"), status, () => libraryChanged()), // view=film in the URL
  duplicates: new DuplicatesView(root("duplicates"), status, () => libraryChanged()),
};
const box = new SearchBox(document.getElementById("searchbox"), vocabulary, (file) => searchBy(file));
const player = new Player(document.getElementById("player"), () => (here().view ? null : views.search.pages));
const tray = new Tray(document.getElementById("tray"));
let current = null;

/** Give the elements of index.html their texts. */
function drawFrame() {
  for (const each of document.querySelectorAll("[data-text]")) each.textContent = say(each.dataset.text);
  for (const each of document.querySelectorAll("[data-label]")) each.setAttribute("aria-label", say(each.dataset.label));
}

function drawNavigation() {
  const anchor = ([name, title]) => element("a", { href: link({ view: name }), "data-view": name }, icon(name), element("span", {}, title));
  fill(document.getElementById("views"), Object.entries(TITLES).map(anchor));
}

/** Return the section of a view; it is created on first use. */
function root(name) {
  const id = `view-${name}`;
  return document.getElementById(id) ?? document.getElementById("main").appendChild(element("section", { id, hidden: true }));
}

async function show(place) {
  const name = views[place.view] ? place.view : "search";
  const changed = !current || !sameView(current, place);
  const viewChanged = current && (current.view || "search") !== name;
  current = place;
  for (const each of Object.keys(views)) root(each).hidden = each !== name;
  for (const anchor of document.querySelectorAll("[data-view]")) {
    if (anchor.dataset.view === name) anchor.setAttribute("aria-current", "page");
    else anchor.removeAttribute("aria-current");
  }
  document.title = [TITLES[name] ?? place.q, "videobert"].filter(Boolean).join(" – ");
  box.show(place);
  if (changed && viewChanged) scrollTo(0, 0);
  const drawn = views[name].show(place);
  await player.show(place);
  await drawn;
  if (place.film) player.resultsLoaded();
  else if (viewChanged && here().view === place.view) document.querySelector(`#view-${name} h1`)?.focus({ preventScroll: true });
}

async function searchBy(file) {
  const spinner = element("div", { class: "toast busy" }, element("span", { class: "spinner" }), element("p", {}, say("page.analysing", { name: file.name })));
  document.getElementById("toasts").append(spinner);
  try {
    const { uploads } = await status.load();
    const token = await uploadClip(file, uploads);
    go({ view: "", upload: token, q: "" });
  } catch (error) {
    toast(`${file.name}: ${error.message}`, "warning");
  } finally {
    spinner.remove();
  }
}

/** Search by the one file that was dropped; ask what to do with several. */
async function takeFiles(files) {
  if (files.length === 1) return searchBy(files[0]);
  const { local } = await status.load().catch(() => ({ local: false }));
  const addFolder = () => chooseFolder().then((folder) => folder && jobs.start([folder])).catch((error) => toast(error.message, "warning"));
  offerFiles(files, searchBy, local ? addFolder : null);
}

/** Drop cached content after the library has changed. */
function libraryChanged() {
  for (const view of Object.values(views)) view.invalidate();
  player.invalidate();
  status.refresh().catch(() => {});
  box.loadVocabulary();
}

function drawIndexing() {
  const badge = document.getElementById("indexing");
  const [job] = jobs.running;
  badge.hidden = !job;
  if (job) fill(badge, icon("clock"), element("span", {}, job.total ? say("page.indexing-of", { done: job.done, total: job.total }) : say("page.indexing")));
}

let refreshedAt = 0;
let indexedCount = 0;

/** Show newly indexed videos while the job runs. */
function jobChanged({ detail: job }) {
  drawIndexing();
  const now = Date.now();
  if (job.indexed === indexedCount || now - refreshedAt < REFRESH_MS) return;
  if (document.activeElement.closest(".grid")) return; // keyboard navigation in a grid
  [indexedCount, refreshedAt] = [job.indexed, now];
  libraryChanged();
  if (here().view === "library") views.library.refresh();
  else if (!here().view && !here().film) views.search.show(here());
}

async function jobFinished() {
  drawIndexing();
  libraryChanged();
  if (!here().film) await views[views[here().view] ? here().view : "search"].show(here());
}

function shortcuts(event) {
  if (event.target.closest("input, textarea, select, dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key !== "/") return;
  event.preventDefault();
  box.focus();
}

/** The skip link leads to the first card, or to the content where there is none. */
function skip(event) {
  event.preventDefault();
  const [card] = document.querySelectorAll("main section:not([hidden]) a.card");
  (card ?? document.getElementById("main")).focus();
}

drawFrame();
restoreSize();
drawNavigation();
document.getElementById("skip").addEventListener("click", skip);
onChange(show);
watch();
acceptFiles(takeFiles);
addEventListener("keydown", shortcuts);
jobs.addEventListener("change", jobChanged);
jobs.addEventListener("finished", jobFinished);
show(here()).catch((error) => toast(error.message, "warning"));
box.loadVocabulary();
tray.load().catch(() => {}); // the view shows the error
jobs.load().catch(() => {}); // the view shows the error
