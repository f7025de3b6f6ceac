/** Export menus. */

import { address, download } from "../lib/api.js";
import { say } from "../lib/language.js";
import { menu } from "./menu.js";
import { parameters } from "./parameters.js";
import { toast } from "./toast.js";

const FORMATS = [
  ["m3u", say("export.m3u"), say("export.m3u-help")],
  ["edl", say("export.edl"), say("export.editing-help")],
  ["otio", say("export.otio"), say("export.editing-help")],
  ["csv", say("export.csv"), say("export.csv-help")],
  ["json", say("export.json"), say("export.json-help")],
];

/** Return the menu that exports all results of a search. */
export function exportSearch(place) {
  const choices = FORMATS.map(([format, label, help]) => ({
    label, help, href: address("/export", { format, ...parameters(place) }),
  }));
  return menu("export", say("button.export"), choices);
}

/** Return the menu that exports one moment. */
export function exportMoment(moment) {
  const save = (format) => async () => {
    try {
      await download("/export", { format, moments: [{ video: moment.video, start: moment.start, end: moment.end }] });
    } catch (error) {
      toast(error.message, "warning");
    }
  };
  return menu("export", say("button.export"), FORMATS.map(([format, label, help]) => ({ label, help, action: save(format) })));
}
