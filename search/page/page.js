/** The page: which view an address shows, and what the views share. */

import { go, here, onChange, sameGround, watch } from "./lib/address.js";
import { Jobs } from "./lib/jobs.js";
import { Status } from "./lib/status.js";
import { takeFiles } from "./components/drop.js";
import { element, fill, icon } from "./components/element.js";
import { show as showFile } from "./components/query_clip.js";
import { SearchBox } from "./components/searchbox.js";
import { toast } from "./components/toast.js";
import { Player } from "./components/player/player.js";
import { Duplicates } from "./views/duplicates.js";
import { LibraryView } from "./views/library.js";
import { Results } from "./views/results.js";
import { Film } from "./views/video.js";

const REFRESH_MS = 2000; // at most so often while videos are being added
const TITLES = { library: "Library", duplicates: "Duplicates" };

const status = new Status();
const jobs = new Jobs();
const root = (name) => document.getElementById(`view-${name}`);
const views = {
  search: new Results(root("search"), status, jobs),
  library: new LibraryView(root("library"), status, jobs),
  film: new Film(root("film"), status, () => changed()),
  duplicates: new Duplicates(root("duplicates")),
};
const box = new SearchBox(document.getElementById("searchbox"), (file) => searchBy(file));
const player = new Player(document.getElementById("player"), () => (here().view ? null : views.search.pages));
let shown = null;

async function show(place) {
  const name = views[place.view] ? place.view : "search";
  const moved = !shown || !sameGround(shown, place);
  const elsewhere = shown && (shown.view || "search") !== name;
  shown = place;
  for (const each of Object.keys(views)) root(each).hidden = each !== name;
  for (const anchor of document.querySelectorAll("[data-place]")) {
    if (anchor.dataset.place === name) anchor.setAttribute("aria-current", "page");
    else anchor.removeAttribute("aria-current");
  }
  document.title = [TITLES[name] ?? place.q, "videobert"].filter(Boolean).join(" – ");
  box.show(place);
  if (moved && elsewhere) scrollTo(0, 0);
  const viewed = views[name].show(place);
  await player.show(place);
  await viewed;
  if (place.film) player.found();
  else if (elsewhere && here().view === place.view) document.querySelector(`#view-${name} h1`)?.focus({ preventScroll: true });
}

async function searchBy(file) {
  const waiting = element("div", { class: "toast busy" }, element("span", { class: "spinner" }), element("p", {}, `Looking at ${file.name}…`));
  document.getElementById("toasts").append(waiting);
  try {
    const { uploads } = await status.known();
    const token = await showFile(file, uploads);
    go({ view: "", upload: token, q: "" });
  } catch (error) {
    toast(`${file.name}: ${error.message}`, "warning");
  } finally {
    waiting.remove();
  }
}

/** The library is another: nothing that was shown counts any more. */
function changed() {
  for (const view of Object.values(views)) view.forget();
  player.forget();
  status.refresh().catch(() => {});
  box.learn();
}

function drawWork() {
  const badge = document.getElementById("working");
  const [job] = jobs.running;
  badge.hidden = !job;
  if (job) fill(badge, icon("clock"), element("span", {}, job.total ? `Indexing ${job.done} of ${job.total}` : "Indexing"));
}

let refreshed = 0;
let indexed = 0;

/** Videos that were just added are shown while the others are still being read. */
function follow({ detail: job }) {
  drawWork();
  const now = Date.now();
  if (job.indexed === indexed || now - refreshed < REFRESH_MS) return;
  if (document.activeElement.closest(".grid")) return; // somebody walks over the cards
  [indexed, refreshed] = [job.indexed, now];
  changed();
  if (here().view === "library") views.library.refresh();
  else if (!here().view && !here().film) views.search.show(here());
}

async function over() {
  drawWork();
  changed();
  if (!here().film) await views[views[here().view] ? here().view : "search"].show(here());
}

function shortcuts(event) {
  if (event.target.closest("input, textarea, select, dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key !== "/") return;
  event.preventDefault();
  box.focus();
}

onChange(show);
watch();
takeFiles(searchBy);
addEventListener("keydown", shortcuts);
jobs.addEventListener("change", follow);
jobs.addEventListener("over", over);
show(here()).catch((error) => toast(error.message, "warning"));
box.learn();
jobs.load().catch(() => {}); // the view says what is wrong
