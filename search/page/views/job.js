/** A job as one sees it: how far it is, what it works on, what went wrong. */

import { count, length, nameOf } from "../lib/format.js";
import { isOver } from "../lib/jobs.js";
import { element, fill, icon, redraw } from "../components/element.js";
import { toast } from "../components/toast.js";

const STATES = { queued: "Waiting:", running: "Indexing", done: "Indexed", cancelled: "Stopped", failed: "Failed:" };
const SHOWN = 4;
const SURE_AFTER = 3; // videos, before the time left is worth a guess

/** A list that keeps itself up to date. */
export function jobList(jobs) {
  const list = element("ul", { class: "jobs", "aria-label": "Indexing" });
  const rows = new Map();
  const draw = () => {
    const shown = jobs.all.slice(0, SHOWN);
    for (const job of shown) {
      if (!rows.has(job.id)) rows.set(job.id, new Row(jobs));
      rows.get(job.id).update(job);
    }
    const roots = shown.map((job) => rows.get(job.id).root);
    if (roots.some((root, place) => list.children[place] !== root)) fill(list, roots);
    list.hidden = shown.length === 0;
  };
  jobs.addEventListener("change", draw);
  draw();
  return list;
}

/** One job. What it is made of stays, so that a button does not go from under the pointer several times a second. */
class Row {
  constructor(jobs) {
    this._jobs = jobs;
    this._mark = icon("clock");
    this._title = element("strong");
    this._count = element("span", { class: "job-count" });
    this._stop = this._button("cancel", "Stop");
    this._resume = this._button("resume", "Go on");
    this._bar = element("progress", { max: "1", "aria-label": "Progress" });
    this._summary = element("p", { class: "faint" });
    this._error = element("p", { class: "problem" });
    this._problems = element("ul", { class: "problems" });
    this.root = element(
      "li",
      { class: "job" },
      element("div", { class: "job-head" }, this._mark, this._title, this._count, this._stop, this._resume),
      this._bar,
      this._summary,
      this._error,
      this._problems,
    );
  }

  update(job) {
    const over = isOver(job);
    this._job = job;
    redraw(this._mark, job.state === "done" ? "done" : over ? "warning" : "clock");
    this._title.textContent = `${STATES[job.state]} ${job.targets.map(nameOf).join(", ")}`;
    this._count.textContent = job.total ? `${job.done} of ${job.total}` : over ? "" : "Looking for videos…";
    this._stop.hidden = over;
    this._resume.hidden = !over || job.state === "done";
    if (over || job.total) this._bar.value = job.state === "done" ? 1 : job.total ? job.done / job.total : 0;
    else this._bar.removeAttribute("value");
    this._summary.textContent = summary(job, over);
    this._error.textContent = job.error ?? "";
    fill(this._problems, (job.problems ?? []).slice(-3).map((each) => element("li", {}, reason(each))));
  }

  _button(act, label) {
    const ask = () => this._jobs[act](this._job).catch((error) => toast(error.message, "warning"));
    return element("button", { type: "button", class: "small", click: ask }, label);
  }
}

function summary(job, over) {
  const parts = [
    job.indexed && count(job.indexed, "video"),
    job.skipped && `${job.skipped} unchanged`,
    job.failed && `${job.failed} failed`,
  ].filter(Boolean);
  if (!over && job.current?.length) parts.push(`now ${job.current.map(nameOf).join(", ")}`);
  const left = over ? null : remaining(job);
  if (left) parts.push(`about ${length(left)} left`);
  return parts.join(" · ") || (job.state === "done" ? "Nothing new was found" : "");
}

function remaining(job) {
  const worked = job.indexed + job.failed;
  if (worked < SURE_AFTER || !job.started_at) return null;
  const gone = (Date.now() - Date.parse(job.started_at)) / 1000;
  return (gone / worked) * (job.total - job.done);
}

function reason(problem) {
  return typeof problem === "string" ? problem : `${problem.name ?? nameOf(problem.path ?? "")}: ${problem.reason}`;
}
