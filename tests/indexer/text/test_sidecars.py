"""Subtitle files beside a video."""

from __future__ import annotations

import os

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
    assert sorted(str(path.relative_to(tmp_path)) for path in found) == sorted(belonging)
    assert found == sidecars(tmp_path / "film.mp4")
    assert sidecars(tmp_path / "film.srt") == []
    assert sidecars(tmp_path / "nowhere" / "film.mp4") == []


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
