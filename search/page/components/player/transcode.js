/** A copy of a video that browsers play: the service makes it, and says how far it is. */

import { probe } from "../../lib/api.js";

const PAUSE_MS = 1000;

/**
 * Wait until the copy is made.
 * @param {string} preview its address
 * @param {function({state: string, seconds: number, duration: number})} tell is told how far it is
 * @param {AbortSignal} signal
 */
export async function converted(preview, tell, signal) {
  for (;;) {
    const answer = await probe(preview, signal);
    if (answer.status !== 202) return answer.body?.cancel();
    tell(await answer.json());
    await new Promise((go) => setTimeout(go, PAUSE_MS));
    signal.throwIfAborted();
  }
}
