/** A copy of a video that browsers play: the service makes it, and says how far it is. */

import { probe } from "../../lib/api.js";

const POLL_MS = 1000;

/**
 * Wait until the copy is made.
 * @param {string} preview its address
 * @param {function({state: string, seconds: number, duration: number})} onProgress is told how far it is
 * @param {AbortSignal} signal
 */
export async function waitForTranscode(preview, onProgress, signal) {
  for (;;) {
    const response = await probe(preview, signal);
    if (response.status !== 202) return response.body?.cancel();
    onProgress(await response.json());
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    signal.throwIfAborted();
  }
}
