"""Subtitle files that are written are read as the same cues."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from indexer.text.subrip import parse
from search.cli.app import app
from search.export.subtitles import check_suffix, subtitle_file
from store.catalog.catalog import Catalog
from store.types import Cue, EncoderInfo
from tests.support.catalog import DIM, a_video, some_segments

CUES = [
    Cue(3600.25, 3601.0, "two\n\nlines", "en", "speech"),
    Cue(0.0, 1.9996, "{braces} & <b>marks</b> --> and \u65e5\u672c", "en", "speech"),
]


@pytest.mark.parametrize("suffix", [".srt", ".vtt"])
def test_cues_survive_in_order_of_time(suffix: str):
    written = subtitle_file(CUES, suffix).decode()
    read = parse(written).cues
    assert [(cue.start, cue.end) for cue in read] == [(0.0, 2.0), (3600.25, 3601.0)]
    assert read[1].text == "two\nlines"
    assert "&" in read[0].text
    assert "\u65e5\u672c" in read[0].text
    assert "{braces}" in written
    assert written.count("-->") == 2


def test_other_formats_are_refused():
    assert check_suffix(Path("A.SRT")) == ".srt"
    with pytest.raises(ValueError, match=r"written as \.srt or \.vtt, got 'a\.txt'"):
        check_suffix(Path("a.txt"))


def test_the_command_writes_what_was_heard_and_overwrites_nothing(tmp_path: Path):
    film, library = tmp_path / "film.mp4", tmp_path / "library"
    with Catalog.open(library / "catalog.sqlite", EncoderInfo("mini", DIM)) as catalog:
        catalog.put_video(a_video(str(film)), some_segments(1), [Cue(0, 1, "written", "en"), *CUES])
        catalog.put_video(a_video(str(tmp_path / "mute.mp4"), content_hash="x"), some_segments(1), [Cue(0, 1, "a")])

    def run(video: str, output: str):
        arguments = ["subtitles", str(tmp_path / video), "-o", str(tmp_path / output), "--library", str(library)]
        return CliRunner().invoke(app, arguments)

    assert run("film.mp4", "film.srt").exit_code == 0
    written = (tmp_path / "film.srt").read_bytes()
    assert written == subtitle_file(CUES, ".srt")
    assert b"written" not in written
    for video, output, told in (
        ("film.mp4", "film.srt", "nothing is overwritten"),
        ("film.mp4", "film.txt", ".srt or .vtt"),
        ("mute.mp4", "mute.srt", "--words speech"),
        ("none.mp4", "none.srt", "none.mp4"),
    ):
        result = run(video, output)
        assert result.exit_code == 1
        assert told in " ".join(result.output.split())
    assert (tmp_path / "film.srt").read_bytes() == written
    assert not (tmp_path / "mute.srt").exists()
