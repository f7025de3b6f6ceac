/** The languages of the page: a catalogue beside this file for each, with the name that its speakers use. */

export const LANGUAGES = { en: "English", "zh-CN": "简体中文" };
