/** A job as one sees it: how far it is, what it works on, what went wrong. */

import { element, fill, icon } from "./element.js";
import { isOver } from "./jobs.js";
import { toast } from "./notice.js";
import { count, length, nameOf } from "./wording.js";

const STATES = { queued: "Waiting", running: "Indexing", done: "Indexed", cancelled: "Stopped", failed: "Failed" };
const SURE_AFTER = 3; // videos, before the time left is worth a guess

/** A list that keeps itself up to date while it is in the page. */
export function jobList(jobs, { most = 4 } = {}) {
  const list = element("ul", { class: "jobs", "aria-label": "Indexing" });
  const rows = new Map();
  const draw = () => {
    if (list.hasBeenShown && !list.isConnected) return jobs.removeEventListener("change", draw);
    list.hasBeenShown ||= list.isConnected;
    const shown = jobs.all.slice(0, most);
    for (const job of shown) {
      if (!rows.has(job.id)) rows.set(job.id, element("li", { class: "job" }));
      fillRow(rows.get(job.id), job, jobs);
    }
    fill(list, shown.map((job) => rows.get(job.id)));
    list.hidden = shown.length === 0;
  };
  jobs.addEventListener("change", draw);
  draw();
  return list;
}

function fillRow(row, job, jobs) {
  const over = isOver(job);
  const share = job.total ? job.done / job.total : 0;
  const bar = element("progress", { max: "1", value: over || job.total ? String(job.state === "done" ? 1 : share) : null, "aria-label": "Progress" });
  fill(
    row,
    element(
      "div",
      { class: "job-head" },
      icon(job.state === "done" ? "done" : over ? "warning" : "clock"),
      element("strong", {}, `${STATES[job.state]} ${job.targets.map(nameOf).join(", ")}`),
      element("span", { class: "job-count" }, job.total ? `${job.done} of ${job.total}` : "Looking for videos…"),
      steer(job, jobs),
    ),
    bar,
    element("p", { class: "faint" }, summary(job, over)),
    job.error && element("p", { class: "problem" }, job.error),
    job.problems?.length > 0 && element("ul", { class: "problems" }, job.problems.slice(-3).map((each) => element("li", {}, reason(each)))),
  );
}

function steer(job, jobs) {
  const act = (what, label) =>
    element("button", { type: "button", class: "small", click: () => jobs[what](job).catch((error) => toast(error.message, "warning")) }, label);
  if (!isOver(job)) return act("cancel", "Stop");
  return job.state === "done" ? null : act("resume", "Go on");
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
  return parts.join(" · ") || (job.state === "done" ? "Nothing new was found" : " ");
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
