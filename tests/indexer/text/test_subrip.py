"""SubRip and WebVTT: files made up by kind, with the cues that are in them, and what other readers make of them."""

from __future__ import annotations

import pytest

from benchmarks.subtitles import agree, ffmpeg, here, pysubs2
from indexer.text.subrip import parse, plain
from tests.support.subtitle_files import KINDS, subtitle_files

SEEDS = 6


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_every_word_once_at_its_time(make):
    for file in map(make, range(SEEDS)):
        assert agree(here(file), file.truth), (file.text, here(file), file.truth)
        track = parse(file.text, fps=file.fps)
        assert track.malformed == file.dropped
        assert len(track.problems) == (file.dropped > 0)


def test_other_readers_agree_on_wellformed_files():
    files = subtitle_files(seeds=SEEDS)
    assert len(files) >= 60
    for file in files:
        if file.wellformed:
            assert agree(here(file), ffmpeg(file))
            assert agree(here(file), pysubs2(file))
    # Of the others each of them misreads some, so that agreeing with them would be a fault.
    assert sum(agree(ffmpeg(file), file.truth) for file in files) < len(files)
    assert sum(agree(pysubs2(file), file.truth) for file in files) < len(files)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I <3 you", "I <3 you"),
        ("a < b and b > c", "a < b and b > c"),
        ("<i>in</i> <B>bold</B>", "in bold"),
        ("<font color='red'>red</font><br>green", "red\ngreen"),
        ("{\\an8}up {\\i1}there{\\i0}", "up there"),
        ("Tom &amp; Jerry &#39;s &unknown; &c", "Tom & Jerry 's &unknown; &c"),
        ("one\\Ntwo\\hthree", "one\ntwo three"),
        ("\u200eright\ufeff \u200b", "right"),
        ("<00:00:01.500><c.yellow>word</c>", "word"),
        ("<laughs> {sighs}", "<laughs> {sighs}"),
    ],
)
def test_markup_goes_and_words_stay(text, words):
    assert plain(text) == words


def test_frames_need_a_rate():
    text = "00:00:05:12 --> 00:00:07:00\nzebra line\n"
    assert [(cue.start, cue.end) for cue in parse(text, fps=24).cues] == [(5.5, 7.0)]
    assert (parse(text).cues, parse(text).malformed) == ([], 1)
    assert parse(text).problems == ["left out: line 1 (its times cannot be read)"]


def test_captions_of_a_stream_are_moved_to_its_clock():
    text = "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:900000\n\n00:01.000 --> 00:02.000\nhi\n"
    assert parse(text).cues[0].start == 1.0
    assert parse(text, start_seconds=1.4).cues[0].start == pytest.approx(10 + 1 - 1.4)


@pytest.mark.parametrize(
    ("stamp", "start_seconds", "expected"),
    [
        ("MPEGTS:126000,LOCAL:00:00:00.000", 1.4, 1.0),
        ("LOCAL:01:00:00.000,MPEGTS:324126000", 1.4, 1.0),
        ("LOCAL:00:00.000,MPEGTS:8589718592", -2.4, 1.0),  # the video's clock begins anew after its start
        ("LOCAL:00:00:00.000,MPEGTS:45000", 2**33 / 90_000 - 1, 2.5),  # the captions' has begun anew
        ("LOCAL:00:00:00.000,MPEGTS:8589844592", 0.5, 0.0),
        ("LOCAL:00:00:00.000", 5.0, 1.0),
    ],
)
def test_either_clock_of_a_stream_may_begin_anew(stamp: str, start_seconds: float, expected: float):
    text = f"WEBVTT\nX-TIMESTAMP-MAP={stamp}\n\n00:01.000 --> 00:02.000\nhi\n"
    cues = parse(text, start_seconds=start_seconds).cues
    assert [cue.start for cue in cues] == pytest.approx([max(0.0, expected)], abs=0.01)


def test_what_is_left_out_is_named():
    bad = "".join(f"{n}\nsoon --> 00:00:06,000\nlost\n\n" for n in range(1, 9))
    track = parse(bad)
    assert (track.cues, track.malformed) == ([], 8)
    assert track.problems[0].startswith("left out: line 2 (its times cannot be read), line 6")
    assert track.problems[0].endswith("and 3 more")
