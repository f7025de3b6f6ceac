/** Format numbers for display. */

import { language, number, say } from "./language.js";

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];

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
  if (seconds > 0 && seconds < 0.95) return say("duration.seconds", { seconds: Math.max(0.01, Math.round(seconds * 100) / 100) });
  if (seconds < 9.95) return say("duration.seconds", { seconds: Math.round(seconds * 10) / 10 });
  if (seconds < 59.5) return say("duration.seconds", { seconds: Math.round(seconds) });
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return say("duration.minutes", { minutes });
  const hours = Math.floor(minutes / 60);
  return minutes % 60 ? say("duration.hours-minutes", { hours, minutes: minutes % 60 }) : say("duration.hours", { hours });
}

/** A size: 1.2 GB. */
export function bytes(count) {
  let [rest, unit] = [count, 0];
  while (rest >= 1000 && unit < UNITS.length - 1) [rest, unit] = [rest / 1000, unit + 1];
  return number(rest, { style: "unit", unit: UNITS[unit], maximumFractionDigits: rest < 10 && unit ? 1 : 0 });
}

/** A fraction as percentage: 87 %. */
export function percent(share) {
  return number(share, { style: "percent" });
}

/** A number of things, by the key of their noun: 1 video, 2,000 videos. */
export function count(number, things) {
  return say(`count.${things}`, { count: number });
}

/** A day, month or year, "2023-07-14" or the beginning of it: 14 Jul 2023, July 2023, 2023; `options` as of Intl.DateTimeFormat. */
export function date(text, options = {}) {
  const [year, month, day] = text.split("-");
  const parts = { year: "numeric", month: month && (day ? "short" : "long"), day: day && "numeric", timeZone: "UTC", ...options };
  const time = Date.UTC(Number(year), Number(month ?? 1) - 1, Number(day ?? 1));
  return Number.isNaN(time) ? text : new Intl.DateTimeFormat(language, parts).format(time);
}

/** The day of a time of the API: that of the camera's clock where it is known, else the one of here. */
export function day(time) {
  if (!time.endsWith("Z")) return date(time.slice(0, 10));
  return new Intl.DateTimeFormat(language, { dateStyle: "medium" }).format(new Date(time));
}

/** The last component of a path. */
export function basename(path) {
  return path.split(/[\\/]/).filter(Boolean).at(-1) ?? path;
}
