/** Indexing jobs: progress, counts, problems. */

import { basename, count, duration } from "../lib/format.js";
import { isFinished } from "../lib/jobs.js";
import { say } from "../lib/language.js";
import { element, fill, icon, setIcon } from "../components/element.js";
import { toast } from "../components/toast.js";

const WORDS = { speech: "job.speech-of", screen: "job.screen-of" }; // what is read when all pictures are
const MAX_SHOWN = 4;
const MIN_VIDEOS = 3; // processed, before the remaining time is estimated

/** Return a list that follows the jobs. */
export function jobList(jobs) {
  const list = element("ul", { class: "jobs", "aria-label": say("job.label") });
  const rows = new Map();
  const draw = () => {
    const shown = jobs.all.slice(0, MAX_SHOWN);
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

/** One job. Elements are updated in place, so that buttons stay clickable. */
class Row {
  constructor(jobs) {
    this._jobs = jobs;
    this._icon = icon("clock");
    this._title = element("strong");
    this._count = element("span", { class: "job-count" });
    this._stop = this._button("cancel", say("job.stop"));
    this._resume = this._button("resume", say("job.resume"));
    this._bar = element("progress", { max: "1", "aria-label": say("job.progress") });
    this._summary = element("p", { class: "faint" });
    this._error = element("p", { class: "problem" });
    this._problems = element("ul", { class: "problems" });
    this.root = element(
      "li",
      { class: "job" },
      element("div", { class: "job-head" }, this._icon, this._title, this._count, this._stop, this._resume),
      this._bar,
      this._summary,
      this._error,
      this._problems,
    );
  }

  update(job) {
    const finished = isFinished(job);
    this._job = job;
    setIcon(this._icon, job.state === "done" ? "done" : finished ? "warning" : "clock");
    this._title.textContent = say(`job.${job.state}`, { names: job.targets.map(basename).join(", ") });
    const words = !finished && job.stage !== "pictures";
    const [done, total] = words ? [job.words_done, job.words_total] : [job.done, job.total];
    this._count.textContent = total ? job.state === "done" ? "" : say(WORDS[words && job.stage] ?? "job.of", { done, total }) : finished ? "" : say("job.looking");
    this._stop.hidden = finished;
    this._bar.hidden = finished; // one line is enough
    this._summary.hidden = job.state === "failed";
    this._resume.hidden = !finished || job.state === "done";
    if (total) this._bar.value = done / total;
    else this._bar.removeAttribute("value");
    this._summary.textContent = summary(job, finished);
    this._error.textContent = job.error ?? "";
    fill(this._problems, (job.problems ?? []).filter((each) => each !== job.error).slice(-3).map((each) => element("li", {}, reason(each))));
  }

  _button(method, label) {
    const call = () => this._jobs[method](this._job).catch((error) => toast(error.message, "warning"));
    return element("button", { type: "button", class: "small", click: call }, label);
  }
}

function summary(job, finished) {
  const parts = [
    job.indexed && count(job.indexed, "videos"),
    job.skipped && say("job.unchanged", { number: job.skipped }),
    job.failed && say("job.failures", { number: job.failed }),
  ].filter(Boolean);
  if (!finished && job.current?.length) parts.push(say("job.now", { names: job.current.map(basename).join(", ") }));
  const seconds = finished || job.stage !== "pictures" ? null : remaining(job);
  if (seconds) parts.push(say("job.left", { time: duration(seconds) }));
  return parts.join(" · ") || (job.state === "done" ? (job.total ? say("job.nothing-new") : say("job.no-videos")) : "");
}

function remaining(job) {
  const processed = job.indexed + job.failed;
  if (processed < MIN_VIDEOS || !job.started_at) return null;
  const elapsed = (Date.now() - Date.parse(job.started_at)) / 1000;
  return (elapsed / processed) * (job.total - job.done);
}

function reason(problem) {
  return typeof problem === "string" ? problem : `${problem.name ?? basename(problem.path ?? "")}: ${problem.reason}`;
}
