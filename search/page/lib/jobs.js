/** The work the service does in the background, as it tells it. */

import { get, post } from "./api.js";

const OVER = new Set(["done", "cancelled", "failed"]);

/** Tells `change` for every news of a job (detail: the job), and `over` when one ends. */
export class Jobs extends EventTarget {
  constructor() {
    super();
    this._known = new Map();
    this._streams = new Map();
  }

  /** Newest first. */
  get all() {
    return [...this._known.values()].reverse();
  }

  get running() {
    return this.all.filter((job) => !OVER.has(job.state));
  }

  /** Ask what there is, and follow what runs. */
  async load() {
    const { items } = await get("/jobs");
    for (const job of items.reverse()) this._learn(job);
  }

  async start(targets, options = {}) {
    this._learn(await post("/jobs", { targets, ...options }));
  }

  async cancel(job) {
    this._learn(await post(`/jobs/${job.id}/cancel`));
  }

  async resume(job) {
    this._learn(await post(`/jobs/${job.id}/resume`));
  }

  _learn(job) {
    const before = this._known.get(job.id);
    this._known.set(job.id, job);
    this.dispatchEvent(new CustomEvent("change", { detail: job }));
    if (!OVER.has(job.state)) this._follow(job.id);
    else if (before && !OVER.has(before.state)) this.dispatchEvent(new CustomEvent("over", { detail: job }));
  }

  /** A service that was started anew knows nothing of the jobs of the one before. */
  _lose(id) {
    const job = this._known.get(id);
    this._known.delete(id);
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
    stream.addEventListener("progress", (event) => this._learn(JSON.parse(event.data)));
    stream.addEventListener("done", (event) => (end(), this._learn(JSON.parse(event.data))));
    stream.addEventListener("error", () => {
      if (stream.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      end();
      this._lose(id);
    });
  }
}

export function isOver(job) {
  return OVER.has(job.state);
}
