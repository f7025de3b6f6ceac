/** Transcoded copies of videos that browsers cannot play, made by the service. */

import { probe } from "../../lib/api.js";

const POLL_MS = 1000;

/**
 * Wait until the copy is ready.
 * @param {string} preview URL of the copy
 * @param {function({state: string, seconds: number, duration: number})} onProgress called every second
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
