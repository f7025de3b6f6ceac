"""The second pass: words that a recognizer finds, with one that says what it is told to."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from indexer.features.fusion import fused
from indexer.pipeline import IndexOptions, Progress, Report
from indexer.text import recognizers
from indexer.text.recognizer import NotInstalled
from model.encoder.contract import Encoder
from search import Library
from tests.support.media import render
from tests.support.recognizers import Parrot

Hear = Callable[..., None]


@pytest.fixture
def library(tmp_path: Path, encoder: Encoder):
    with Library(tmp_path / "library", encoder=encoder) as opened:
        yield opened


@pytest.fixture
def films(tmp_path: Path) -> Path:
    (tmp_path / "films").mkdir()
    for name in ("one.mp4", "two.mp4"):
        render(tmp_path / "films" / name, frames=25 if name == "one.mp4" else 30)
    return tmp_path / "films"


@pytest.fixture
def hear(monkeypatch: pytest.MonkeyPatch) -> Hear:
    def hear(**facts: object) -> None:
        monkeypatch.setattr(recognizers, "RECOGNIZERS", {"speech": lambda: Parrot(**facts)})

    hear()
    return hear


def run(library: Library, *targets: Path, **options: object) -> Report:
    return library.index(targets, options=IndexOptions(**options))


def heard(library: Library, path: Path) -> list[tuple[str, str]]:
    number = library.show(path)[0].id
    assert number is not None
    return [(cue.source, cue.text) for cue in library.catalog.cues.of(number)]


def test_words_come_after_all_pictures_into_text_embedding_and_search(library: Library, films: Path, hear: Hear):
    told: list[Progress] = []
    report = library.index([films], tell=told.append)
    assert (report.indexed, report.recognized, report.unrecognized) == (2, {"speech": 2}, [])
    sources = [progress.source for progress in told]
    assert sources == sorted(sources)
    assert (told[-1].source, told[-1].done, told[-1].total) == ("speech", 2, 2)
    assert told[-1].video_seconds == pytest.approx(2.2, abs=0.1)
    _, (segment,) = library.show(films / "one.mp4")
    assert (segment.text, heard(library, films / "one.mp4")) == ("a red dog one", [("speech", "a red dog one")])
    features = library.catalog.segments.frame_features(segment.id)[1]
    vectors = library.catalog.segments.embeddings([segment.id])
    np.testing.assert_allclose(vectors, fused([features], ["a red dog one"], library.encoder), atol=1e-5)
    assert library.search('"red dog two"', top=1)[0].path == str(films / "two.mp4")


def test_segments_keep_their_ids_and_the_index_gets_their_new_vectors(library: Library, films: Path, hear: Hear):
    run(library, films, words="none")
    before = library.catalog.segments.ids()
    index = library.engine.searcher().index
    old = library.catalog.segments.embeddings(before)
    run(library, films)
    assert library.catalog.segments.ids().tolist() == before.tolist()
    new = library.catalog.segments.embeddings(before)
    assert not np.allclose(new, old, atol=1e-3)
    assert library.engine.searcher().index.search(new, 1)[0].min() == pytest.approx(1, abs=1e-5)
    assert len(index) == len(before)


def test_each_video_is_read_once(library: Library, films: Path, hear: Hear):
    shutil.copy(films / "one.mp4", films / "twin.mp4")
    assert run(library, films).recognized == {"speech": 3}
    assert run(library, films).recognized == {}
    shutil.copy(films / "two.mp4", films / "copy.mp4")
    (films / "one.mp4").rename(films / "moved.mp4")
    os.utime(films / "two.mp4", (1, 1))
    assert run(library, films).recognized == {}
    assert heard(library, films / "moved.mp4") == heard(library, films / "twin.mp4") == [("speech", "a red dog one")]
    assert heard(library, films / "copy.mp4") == [("speech", "a red dog two")]
    hear(stamp="parrot-2", said="a blue cat")
    assert run(library, films).recognized == {"speech": 4}
    assert heard(library, films / "copy.mp4") == [("speech", "a blue cat copy")]


def test_new_subtitles_leave_what_was_heard_and_are_embedded_instead(library: Library, films: Path, hear: Hear):
    run(library, films)
    (films / "one.srt").write_text("1\n00:00:00,100 --> 00:00:00,900\nthe green circle\n")
    report = run(library, films)
    assert (report.resubtitled, report.recognized) == (1, {})
    expected = [("subtitles", "the green circle"), ("speech", "a red dog one")]
    assert heard(library, films / "one.mp4") == expected
    assert library.show(films / "one.mp4")[1][0].text == "the green circle"
    (films / "one.srt").unlink()
    run(library, films)
    assert library.show(films / "one.mp4")[1][0].text == "a red dog one"


def test_a_video_with_subtitles_is_read_only_where_that_is_asked_for(library: Library, films: Path, hear: Hear):
    (films / "one.srt").write_text("1\n00:00:00,100 --> 00:00:00,900\nthe green circle\n")
    assert run(library, films).recognized == {"speech": 1}
    assert run(library, films, words="speech").recognized == {"speech": 1}
    assert library.show(films / "one.mp4")[1][0].text == "the green circle"


def test_an_interrupted_run_goes_on_where_it_was(library: Library, films: Path, hear: Hear):
    render(films / "endless.mp4", frames=12)

    def stop(progress: Progress) -> None:
        if progress.source and Path(progress.path).stem == "endless":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        library.index([films], tell=stop)
    number = library.show(films / "endless.mp4")[0].id
    assert number not in library.catalog.recognitions.of("speech")
    (films / "endless.mp4").unlink()
    read = len(library.catalog.recognitions.of("speech"))
    assert run(library, films).recognized.get("speech", 0) == 2 - read
    assert library.catalog.attempts.unfinished() == set()


def test_what_cannot_be_read_is_told_once_and_keeps_the_words_it_had(library: Library, films: Path, hear: Hear):
    (films / "one.mp4").rename(films / "broken.mp4")
    report = run(library, films)
    assert report.unrecognized == [(str(films / "broken.mp4"), "its sound cannot be decoded")]
    assert report.recognized == {"speech": 1}
    assert run(library, films).unrecognized == []
    assert len(run(library, films, retry_failed=True).unrecognized) == 1


@pytest.mark.parametrize(
    ("value", "names"),
    [("", ["speech", "screen"]), ("screen", ["screen"]), (" speech, screen", ["speech", "screen"]), ("none", [])],
)
def test_a_variable_names_what_is_recognized_where_nobody_chooses(
    monkeypatch: pytest.MonkeyPatch, value: str, names: list[str]
):
    monkeypatch.setattr(recognizers, "RECOGNIZERS", {name: lambda name=name: name for name in ("speech", "screen")})
    monkeypatch.setenv(recognizers.WORDS_VARIABLE, value)
    assert recognizers.recognizers(None) == names
    assert recognizers.recognizers("all") == ["speech", "screen"]
    monkeypatch.setenv(recognizers.WORDS_VARIABLE, "speech,signs")
    with pytest.raises(ValueError, match="no signs"):
        recognizers.recognizers(None)


def test_a_source_that_is_not_installed_is_an_error_where_it_is_named(
    library: Library, films: Path, monkeypatch: pytest.MonkeyPatch
):
    def absent() -> Parrot:
        raise NotInstalled("get it so")

    monkeypatch.setattr(recognizers, "RECOGNIZERS", {"speech": absent})
    assert run(library, films).recognized == {}
    for words in ("speech", "all"):
        with pytest.raises(NotInstalled, match="get it so"):
            run(library, films, words=words)
    assert run(library, films, words="none").recognized == {}
