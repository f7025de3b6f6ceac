"""The contract of `TextSource`, over all of `SOURCES`: add the video of a new one to `SPOKEN`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from indexer.media.container import probe
from indexer.text import source
from indexer.text.source import SOURCES, TextSource
from tests.support.media import render

SRT = "1\n00:00:00,500 --> 00:00:01,000\nHello\n\n2\n00:00:01,250 --> 00:00:02,000\nBye\n"


def subtitled(folder: Path) -> Path:
    video = render(folder / "subtitled.mp4", frames=75)
    video.with_suffix(".srt").write_text(SRT, encoding="utf-8")
    return video


SPOKEN: dict[str, Callable[[Path], Path]] = {"subtitles": subtitled}  # by source a video in which it finds two cues


@pytest.fixture(params=SOURCES, ids=lambda one: one.name)
def text_source(request: pytest.FixtureRequest) -> TextSource:
    return request.param


def test_names_are_distinct_words():
    names = [one.name for one in SOURCES]
    assert len(set(names)) == len(names)
    assert all(name.isalpha() and name.islower() for name in names)


def test_cues_lie_in_the_video_in_order(text_source: TextSource, tmp_path: Path):
    video = SPOKEN[text_source.name](tmp_path)
    info = probe(video)
    track = text_source.read(video, info)
    assert (len(track.cues), track.malformed, track.problems) == (2, 0, [])
    assert [cue.start for cue in track.cues] == sorted(cue.start for cue in track.cues)
    assert all(0 <= cue.start < cue.end <= info.duration and cue.text.strip() == cue.text for cue in track.cues)
    assert {cue.source for cue in track.cues} == {text_source.name}
    assert text_source.read(video, info) == track


def test_a_video_without_text_has_no_cues(text_source: TextSource, tmp_path: Path):
    video = render(tmp_path / "silent.mp4", frames=10)
    track = text_source.read(video, probe(video))
    assert (track.cues, track.malformed, track.problems) == ([], 0, [])
    assert text_source.stamp(video) == text_source.stamp(video)


def test_a_stamp_opens_no_video(text_source: TextSource, tmp_path: Path):
    video = tmp_path / "broken.mp4"
    video.write_bytes(b"no video")
    assert isinstance(text_source.stamp(video), str)
    assert isinstance(text_source.stamp(tmp_path / "missing.mp4"), str)


def test_sources_are_read_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    video = subtitled(tmp_path)
    once = source.read(video, probe(video))
    monkeypatch.setattr(source, "SOURCES", SOURCES * 2)
    twice = source.read(video, probe(video))
    assert twice.cues == once.cues * 2
    assert source.stamp(video) == "".join(each.stamp(video) for each in SOURCES) * 2
