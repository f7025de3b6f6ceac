"""Cues of a time and of a language."""

from __future__ import annotations

import pytest

from indexer.text.cues import MOST_SHOWN, CueTrack, Transcript, bounded, in_one_language, text_between
from store.types import Cue


def test_text_of_an_interval():
    cues = [Cue(0, 1, "a"), Cue(1, 2, "a\nb"), Cue(2, 3, "b\nc"), Cue(3, 4, "d")]
    assert text_between(cues, 0.0, 3.0) == "a b c"
    assert text_between(cues, 3.0, 9.0) == "d"
    assert text_between(cues, 0.5, 0.6) == "a"
    assert text_between([], 0, 1) == ""


@pytest.mark.parametrize(
    ("languages", "used"),
    [(("de", "en-US"), "en-US"), (("ger", "eng"), "eng"), (("de", ""), ""), (("fr", "de"), "fr")],
)
def test_one_language_is_used(languages, used):
    cues = [Cue(0, 5, language or "untagged", language) for language in languages]
    assert text_between(cues, 0, 1) == (used or "untagged")


def test_a_segment_shows_no_more_than_can_be_read():
    cues = [Cue(0, 5, f"{number} " + "x" * 500) for number in range(100)]
    assert len(text_between(cues, 0, 5)) <= MOST_SHOWN
    assert text_between([Cue(0, 5, "word " * 10_000)], 0, 5).startswith("word word")


def test_lines_of_any_order_and_length_are_found():
    transcript = Transcript([Cue(50, 51, "late"), Cue(0, 100, "long"), Cue(3, 4, "early")])
    assert [transcript.between(time, time + 1) for time in (0, 3, 50, 99, 100)] == [
        "long",
        "long early",
        "long late",
        "long",
        "",
    ]


@pytest.mark.parametrize("length", [31.0, 3600.0, 359_999.0])
def test_a_line_ends_when_it_has_been_read(length: float):
    (cue,) = bounded(CueTrack([Cue(5, 5 + length, "hello")]), "film").cues
    assert (cue.start, cue.end) == (5, 36.0)
    long = Cue(0, 100, "a page of text " * 40)  # 600 characters take two minutes to read slowly
    assert bounded(CueTrack([long]), "film").cues == [long]


def test_a_line_that_is_still_on_screen_is_kept_once():
    rolling = [Cue(t, t + 3, "same") for t in range(5)] + [Cue(20, 21, "same"), Cue(20, 21, "same"), Cue(1, 2, "other")]
    assert bounded(CueTrack(rolling), "film").cues == [Cue(0, 7, "same"), Cue(20, 21, "same"), Cue(1, 2, "other")]
    spoken_twice = [Cue(0, 1, "no"), Cue(1, 2, "no"), Cue(0, 1, "no", "en")]
    assert bounded(CueTrack(spoken_twice), "film").cues == spoken_twice


def test_what_is_cut_off_is_told_once():
    hopeless = CueTrack([Cue(t, 359_999, f"line {t}") for t in range(50)], 3, ["film.srt: odd"])
    kept = bounded(hopeless, "film.mp4")
    assert (len(kept.cues), kept.malformed) == (50, 3)
    assert kept.problems == [
        "film.srt: odd",
        "film.mp4: 50 of 50 subtitle lines end long after they can be read; shortened",
    ]
    assert bounded(CueTrack([Cue(0, 1, "fine")] * 1), "film.mp4").problems == []


def test_more_than_a_video_can_need_is_left_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("indexer.text.cues.MOST_CUES", 3)
    track = bounded(CueTrack([Cue(t, t + 1, f"line {t}") for t in range(5)]), "film.mp4")
    assert [cue.text for cue in track.cues] == ["line 0", "line 1", "line 2"]
    assert track.problems == ["film.mp4: it has 5 subtitle lines; only the first 3 are kept"]
    monkeypatch.setattr("indexer.text.cues.MOST_CHARACTERS", 13)
    assert len(bounded(CueTrack([Cue(t, t + 1, f"line {t}") for t in range(5)]), "film.mp4").cues) == 2


@pytest.mark.parametrize(
    ("tracks", "language", "used"),
    [
        ([("en", "forced"), ("de", "")], "", ("de", "")),
        ([("en", "forced"), ("en", "")], "en", ("en", "")),
        ([("en", "sdh"), ("en", "")], "", ("en", "")),
        ([("en", "sdh"), ("en", "commentary")], "", ("en", "sdh")),
        ([("en", ""), ("de", "")], "de", ("de", "")),
        ([("en", ""), ("ger", "")], "German", ("ger", "")),
        ([("pt-PT", ""), ("pt-BR", "")], "pt-BR", ("pt-BR", "")),
        ([("en-orig", ""), ("en", "")], "en", ("en", "")),
        ([("de", "forced"), ("fr", "")], "de", ("fr", "")),
        ([("en", "forced")], "", ("en", "forced")),
        ([("fr", ""), ("de", "")], "ja", ("fr", "")),
    ],
)
def test_the_preferred_language_and_full_tracks_come_first(tracks, language, used):
    cues = [Cue(0, 5, f"{tag} {kind}", tag, kind=kind) for tag, kind in tracks]
    assert {(cue.language, cue.kind) for cue in in_one_language(cues, language)} == {used}
