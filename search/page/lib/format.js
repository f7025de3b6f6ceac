/** Format numbers for display. */

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** A time in a video: 1:05, 1:02:03. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds + 1e-6));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** A stretch of a video: 0:07–0:10; with tenths where whole seconds would hide it: 0:07.2–0:07.9. */
export function span(start, end) {
  const short = end - start < 2;
  const text = (seconds) => (short ? `${clock(Math.floor(seconds * 10 + 1e-6) / 10)}.${Math.floor(seconds * 10 + 1e-6) % 10}` : clock(seconds));
  return `${text(start)}–${text(end)}`;
}

/** A duration: 8 s, 3 min, 1 h 20 min. */
export function duration(seconds) {
  if (seconds > 0 && seconds < 0.95) return `${Math.max(0.01, Math.round(seconds * 100) / 100)} s`;
  if (seconds < 9.95) return `${Math.round(seconds * 10) / 10} s`;
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`;
}

/** A size: 1.2 GB. */
export function bytes(count) {
  let [rest, unit] = [count, 0];
  while (rest >= 1000 && unit < UNITS.length - 1) [rest, unit] = [rest / 1000, unit + 1];
  return `${rest < 10 && unit ? rest.toFixed(1) : Math.round(rest)} ${UNITS[unit]}`;
}

/** A fraction as percentage: 87 %. */
export function percent(share) {
  return `${Math.round(share * 100)} %`;
}

/** A number with its noun: 1 video, 2,000 videos. */
export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

/** The last component of a path. */
export function basename(path) {
  return path.split(/[\\/]/).filter(Boolean).at(-1) ?? path;
}
