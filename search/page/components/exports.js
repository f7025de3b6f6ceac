/** Export menus. */

import { address, download } from "../lib/api.js";
import { menu } from "./menu.js";
import { parameters } from "./options.js";
import { toast } from "./toast.js";

const FORMATS = [
  ["m3u", "Playlist", "for VLC, mpv and other players"],
  ["edl", "Edit list (EDL)", "for editing programs"],
  ["otio", "OpenTimelineIO", "for editing programs"],
  ["csv", "Table (CSV)", "for spreadsheets"],
  ["json", "JSON", "for programs of your own"],
];

/** Return the menu that exports all results of a search. */
export function exportSearch(place) {
  const choices = FORMATS.map(([format, label, help]) => ({
    label, help, href: address("/export", { format, ...parameters(place) }),
  }));
  return menu("export", "Export", choices);
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
  return menu("export", "Export", FORMATS.map(([format, label, help]) => ({ label, help, action: save(format) })));
}
