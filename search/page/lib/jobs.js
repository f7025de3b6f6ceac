/** Indexing jobs of the service. */

import { get, post } from "./api.js";

const FINISHED = new Set(["done", "cancelled", "failed", "interrupted"]);

/** Dispatches `change` for every update of a job (detail: the job) and `finished` when one ends. */
export class Jobs extends EventTarget {
  constructor() {
    super();
    this._jobs = new Map();
    this._streams = new Map();
  }

  /** Newest first. */
  get all() {
    return [...this._jobs.values()].reverse();
  }

  get running() {
    return this.all.filter((job) => !FINISHED.has(job.state));
  }

  /** Load all jobs and follow running ones. */
  async load() {
    const { items } = await get("/jobs");
    for (const job of items.reverse()) this._update(job);
  }

  async start(targets, options = {}) {
    this._update(await post("/jobs", { targets, ...options }));
  }

  async cancel(job) {
    this._update(await post(`/jobs/${job.id}/cancel`));
  }

  async resume(job) {
    this._update(await post(`/jobs/${job.id}/resume`));
  }

  _update(job) {
    const before = this._jobs.get(job.id);
    this._jobs.set(job.id, job);
    this.dispatchEvent(new CustomEvent("change", { detail: job }));
    if (!FINISHED.has(job.state)) this._follow(job.id);
    else if (before && !FINISHED.has(before.state)) this.dispatchEvent(new CustomEvent("finished", { detail: job }));
  }

  /** Drop a job that a restarted service does not know. */
  _remove(id) {
    const job = this._jobs.get(id);
    this._jobs.delete(id);
    this.dispatchEvent(new CustomEvent("change", { detail: job }));
  }

  _follow(id) {
    if (this._streams.has(id)) return;
    const stream = new EventSource(`/api/v1/jobs/${id}/events`);
    this._streams.set(id, stream);
    const end = () => {
      stream.close();
      this._streams.delete(id);
    };
    stream.addEventListener("progress", (event) => this._update(JSON.parse(event.data)));
    stream.addEventListener("done", (event) => (end(), this._update(JSON.parse(event.data))));
    stream.addEventListener("error", () => {
      if (stream.readyState !== EventSource.CLOSED) return; // the browser reconnects
      end();
      this._remove(id);
    });
  }
}

export function isFinished(job) {
  return FINISHED.has(job.state);
}
