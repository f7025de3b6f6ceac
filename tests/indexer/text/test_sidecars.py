"""Subtitle files beside a video."""

from __future__ import annotations

import os
import unicodedata

import pytest

from indexer.text.sidecars import natural, sidecars, stamp

SRT = "1\n00:00:01,000 --> 00:00:02,500\nHello <i>there</i>\n\n2\n00:00:03,000 --> 00:00:04,000\nBye\n"


def written(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_names_that_belong_to_a_video(tmp_path):
    (tmp_path / "Subs").mkdir()
    belonging = ["film.srt", "Film.EN.srt", "film.en.forced.vtt", "film.pt-BR.ass", "film.mp4.srt", "Subs/film.de.ssa"]
    for name in [*belonging, "film.part2.srt", "film.txt", "films.srt", "other.en.srt", "Subs/other.srt"]:
        written(tmp_path / name, SRT)
    found = sidecars(tmp_path / "film.mp4")
    assert sorted(str(one.path.relative_to(tmp_path)) for one in found) == sorted(belonging)
    assert found == sidecars(tmp_path / "film.mp4")
    assert sidecars(tmp_path / "film.srt") == []
    assert sidecars(tmp_path / "nowhere" / "film.mp4") == []


def belonging(folder, video, *names):
    """Language and kind of the files that belong to a video, by name."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        written(folder / name, SRT if name.lower().endswith((".srt", ".vtt", ".ass")) else "")
    return {str(one.path.relative_to(folder)): (one.language, one.kind) for one in sidecars(folder / video)}


@pytest.mark.parametrize(
    ("name", "language", "kind"),
    [
        ("film.srt", "", ""),
        ("film.en.srt", "en", ""),
        ("film.eng.srt", "eng", ""),
        ("film.English.srt", "en", ""),
        ("film.pt-BR.srt", "pt-BR", ""),
        ("film.pt_BR.srt", "pt-BR", ""),
        ("film.zh-Hans.srt", "zh-Hans", ""),
        ("film.es-419.vtt", "es-419", ""),
        ("film.en-orig.vtt", "en-orig", ""),
        ("film (English SDH).srt", "en", "sdh"),
        ("film [de].srt", "de", ""),
        ("film_fr.srt", "fr", ""),
        ("film-it.srt", "it", ""),
        ("film German.srt", "de", ""),
        ("film.deutsch.forced.srt", "de", "forced"),
        ("film.en.hi.srt", "en", "sdh"),
        ("film.hi.srt", "hi", ""),
        ("film.en.cc.srt", "en", "sdh"),
        ("film.foreign.en.srt", "en", "forced"),
        ("film.default.en.srt", "en", ""),
        ("film.en.default.forced.srt", "en", "forced"),
        ("film.1.en.srt", "en", ""),
        ("film.en.2.srt", "en", ""),
        ("film.mp4.en.srt", "en", ""),
        ("film.en.commentary.srt", "en", "commentary"),
        ("FILM.EN.SRT", "EN", ""),
        ("Subs/film.de.srt", "de", ""),
        ("Subs/2_English.srt", "en", ""),
        ("subtitles/English (SDH).srt", "en", "sdh"),
        ("Subs/film/3_French.srt", "fr", ""),
        ("film/film.en.srt", "en", ""),
        ("film/Spanish.srt", "es", ""),
        ("film.web.srt", "", ""),
    ],
)
def test_names_tell_language_and_kind(tmp_path, name, language, kind):
    assert belonging(tmp_path, "film.mp4", "film.mp4", name) == {name: (language, kind)}


@pytest.mark.parametrize(
    ("video", "name"),
    [
        ("film.mp4", "film.trailer.srt"),
        ("film.mp4", "film.trailer.en.srt"),
        ("film.mp4", "film-sample.srt"),
        ("film.mp4", "films.srt"),
        ("film.mp4", "film 2.srt"),
        ("film.mp4", "film.part2.srt"),
        ("film.mp4", "film extended.en.srt"),
        ("film.mp4", "film.2019.srt"),
        ("film.mp4", "other/English.srt"),
        ("film.mp4", "English.srt"),
        ("S01E01.mkv", "S01E011.en.srt"),
        ("film.srt", "film.srt"),
    ],
)
def test_names_of_something_else(tmp_path, video, name):
    assert belonging(tmp_path, video, video, name) == {}


def test_the_longest_name_owns_a_file(tmp_path):
    files = ["film.mp4", "film.trailer.mp4", "film.en.mp4", "film.mkv", "film.srt", "film.trailer.srt", "film.en.srt",
             "film.trailer.de.srt", "film.en.en.srt", "film.mkv.de.srt"]  # fmt: skip
    assert set(belonging(tmp_path, "film.mp4", *files)) == {"film.srt"}
    assert set(belonging(tmp_path, "film.mkv")) == {"film.srt", "film.mkv.de.srt"}
    assert set(belonging(tmp_path, "film.trailer.mp4")) == {"film.trailer.srt", "film.trailer.de.srt"}
    assert set(belonging(tmp_path, "film.en.mp4")) == {"film.en.srt", "film.en.en.srt"}


def test_a_file_without_a_name_is_of_the_only_film(tmp_path):
    assert set(belonging(tmp_path, "a.mp4", "a.mp4", "a-trailer.mp4", "Subs/English.srt")) == {"Subs/English.srt"}
    assert set(belonging(tmp_path / "x", "a.mp4", "a.mp4", "b.mp4", "Subs/English.srt", "Subs/b.en.srt")) == set()
    assert set(belonging(tmp_path / "x", "b.mp4")) == {"Subs/b.en.srt"}
    nested = ["a.mp4", "b.mp4", "Subs/a/1_English.srt", "Subs/b/1_English.srt"]
    assert set(belonging(tmp_path / "y", "a.mp4", *nested)) == {"Subs/a/1_English.srt"}


@pytest.mark.parametrize("name", ["été.mp4", "Überfahrt.mkv", "ガギグ.mp4", "한국어.mp4", "Đặng.webm"])
@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC"), ("NFD", "NFD")])
def test_composed_and_decomposed_letters_are_one(tmp_path, name, forms):
    video, subtitle = (unicodedata.normalize(form, name) for form in forms)
    subtitle = os.path.splitext(subtitle)[0] + ".fr.srt"
    assert belonging(tmp_path, video, video, subtitle) == {subtitle: ("fr", "")}


def test_case_counts_where_it_tells_two_videos_apart(tmp_path):
    files = ["Film.mp4", "film.mp4", "Film.en.srt", "film.de.srt", "FILM.fr.srt"]
    if len(belonging(tmp_path, "Film.mp4", *files)) == 3:
        pytest.skip("the file system does not tell case apart")
    assert set(belonging(tmp_path, "Film.mp4")) == {"Film.en.srt", "FILM.fr.srt"}
    assert set(belonging(tmp_path, "film.mp4")) == {"film.de.srt", "FILM.fr.srt"}


def test_a_settled_folder_is_listed_once_until_it_changes(tmp_path):
    written(tmp_path / "a.srt", SRT)
    os.utime(tmp_path, (1e9, 1e9))
    assert len(sidecars(tmp_path / "a.mp4")) == 1
    written(tmp_path / "a.en.srt", SRT)
    os.utime(tmp_path, (1e9 + 1, 1e9 + 1))
    assert len(sidecars(tmp_path / "a.mp4")) == 2


def test_stamp_changes_with_names_sizes_and_times(tmp_path):
    path = written(tmp_path / "a.srt", SRT)
    os.utime(path, (1e9, 1e9))
    first = stamp([path])
    assert stamp([]) == ""
    assert stamp([path]) == first
    os.utime(path, (2e9, 2e9))
    assert stamp([path]) != first
    assert stamp([path, written(tmp_path / "b.srt", SRT)]) != stamp([path])


def test_natural_order():
    assert sorted(["b1", "a10", "A2", "a2", "10", "9"], key=natural) == ["9", "10", "A2", "a2", "a10", "b1"]
