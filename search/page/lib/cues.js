/** Which lines of a video are shown as its subtitles. */

/** The subtitles of a video; what was heard in it where it has none. */
export function captions(cues) {
  const written = cues.filter((cue) => cue.source === "subtitles");
  return written.length ? written : cues.filter((cue) => cue.source === "speech");
}
