"""Files -> rows, with the tiny model: what a run does with new, known, changed, moved, copied and broken files."""

from __future__ import annotations

import io
import os
import shutil
import signal
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Any
from unicodedata import normalize

import av
import numpy as np
import pytest
from PIL import Image

from indexer.features.fusion import fused
from indexer.pipeline import Indexer, IndexOptions, Progress, Report
from indexer.workers.decoders import Decoders
from indexer.workers.jobs import DecodeFrames, Options
from indexer.workers.worker import _decode_frames
from model.encoder.contract import Encoder
from search import Library
from store.catalog.catalog import Catalog
from store.errors import EncoderMismatch
from store.types import Video, row_id
from tests.support.media import render

CUES = "1\n00:00:00,500 --> 00:00:01,500\na red dog\n\n2\n00:00:02,200 --> 00:00:02,900\nthe blue cat\n"


def plain(color: tuple[int, int, int]):
    return lambda index: np.full((96, 160, 3), color, np.uint8)


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    (folder / "more").mkdir(parents=True)
    render(folder / "one.mp4", frames=75)
    render(folder / "more" / "two.mkv", frames=50, paint=plain((200, 30, 30)))
    return folder


@pytest.fixture
def library(tmp_path: Path, encoder: Encoder):
    with Library(tmp_path / "library", encoder=encoder) as opened:
        yield opened


def run(library: Library, *targets: Path, **options: object) -> Report:
    return library.index(targets, options=IndexOptions(**options))


def names(library: Library) -> list[str]:
    return [Path(video.path).name for video in library.videos()]


def test_a_folder_becomes_a_library(library: Library, films: Path):
    (films / "one.srt").write_text(CUES)
    told: list[Progress] = []
    report = library.index([films], tell=told.append)
    assert (report.indexed, report.failed, report.problems) == (2, [], [])
    assert report.video_seconds == pytest.approx(5.0, abs=0.1)
    assert (told[-1].done, told[-1].total) == (2, 2)
    video, segments = library.show(films / "one.mp4")
    assert (video.codec, video.width, video.height, video.rotation) == ("h264", 160, 96, 0)
    assert (video.duration, video.fps) == (pytest.approx(3.0, abs=0.05), pytest.approx(25.0))
    assert segments[0].start == 0.0
    assert segments[-1].end == video.duration
    assert " ".join(segment.text for segment in segments) == "a red dog the blue cat"
    assert [cue.text for cue in library.catalog.cues.of(video.id)] == ["a red dog", "the blue cat"]
    pts, features = library.catalog.segments.frame_features(segments[0].id)
    assert features.shape == (len(pts), library.encoder.feature_dim)
    assert np.diff(pts) == pytest.approx(0.5, abs=0.05)
    picture, seconds = library.catalog.segments.thumbnail(segments[0].id)
    assert picture.startswith(b"\xff\xd8")
    assert seconds in pts
    vectors = library.catalog.segments.embeddings([segment.id for segment in segments])
    expected = fused([features], [segments[0].text], library.encoder)
    np.testing.assert_allclose(vectors[:1], expected, atol=1e-5)
    assert len(library.engine.searcher().index) == library.catalog.counts().segments


def test_a_second_run_has_nothing_to_do(library: Library, films: Path):
    run(library, films)
    before = library.catalog.segments.ids().tolist()
    report = run(library, films)
    assert (report.indexed, report.unchanged) == (0, 2)
    assert library.catalog.segments.ids().tolist() == before


def test_a_changed_file_replaces_its_rows(library: Library, films: Path):
    run(library, films)
    render(films / "one.mp4", frames=25, paint=plain((0, 0, 250)))
    report = run(library, films)
    assert (report.indexed, report.unchanged) == (1, 1)
    assert library.show(films / "one.mp4")[0].duration == pytest.approx(1.0, abs=0.05)
    assert len(library.videos()) == 2
    assert len(library.engine.searcher().index) == library.catalog.counts().segments


def test_a_touched_file_is_not_decoded_again(library: Library, films: Path):
    run(library, films)
    segments = library.show(films / "one.mp4")[1]
    os.utime(films / "one.mp4", (1, 1))
    report = run(library, films)
    assert (report.indexed, report.relocated, report.unchanged) == (0, 1, 1)
    assert library.show(films / "one.mp4")[1] == segments
    assert run(library, films).unchanged == 2


def test_a_moved_file_keeps_its_segments(library: Library, films: Path):
    run(library, films)
    segments = library.show(films / "one.mp4")[1]
    (films / "one.mp4").rename(films / "more" / "renamed.mp4")
    report = run(library, films)
    assert (report.indexed, report.relocated, report.vanished) == (0, 1, [])
    assert names(library) == ["renamed.mp4", "two.mkv"]
    assert library.show(films / "more" / "renamed.mp4")[1] == segments


def test_a_copy_gets_rows_of_its_own_without_decoding(library: Library, films: Path):
    run(library, films)
    shutil.copy(films / "one.mp4", films / "copy.mp4")
    report = run(library, films)
    assert (report.indexed, report.relocated, report.unchanged) == (0, 1, 2)
    one, copy = (library.show(films / name)[1] for name in ("one.mp4", "copy.mp4"))
    assert [(s.start, s.end) for s in one] == [(s.start, s.end) for s in copy]
    assert {s.id for s in one}.isdisjoint(s.id for s in copy)


def test_twins_in_one_run_are_decoded_once(library: Library, films: Path):
    shutil.copy(films / "one.mp4", films / "twin.mp4")
    report = run(library, films)
    assert (report.indexed, report.relocated) == (2, 1)
    assert names(library) == ["two.mkv", "one.mp4", "twin.mp4"]


def test_twins_that_are_broken_fail_each_for_itself(library: Library, tmp_path: Path):
    folder = tmp_path / "broken"
    folder.mkdir()
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        (folder / name).write_bytes(b"no video")
    report = run(library, folder)
    assert [Path(failure.path).name for failure in report.failed] == ["a.mp4", "b.mp4", "c.mp4"]


def test_new_subtitles_are_fused_without_decoding(library: Library, films: Path):
    run(library, films)
    before = library.show(films / "one.mp4")
    features = library.catalog.segments.frame_features(before[1][0].id)[1]
    vector = library.catalog.segments.embeddings([before[1][0].id])
    (films / "one.srt").write_text(CUES)
    report = run(library, films)
    assert (report.indexed, report.resubtitled, report.unchanged) == (0, 1, 1)
    video, segments = library.show(films / "one.mp4")
    assert segments[0].text.startswith("a red dog")
    assert (video.added_at, video.duration) == (before[0].added_at, before[0].duration)
    assert np.array_equal(library.catalog.segments.frame_features(segments[0].id)[1], features)
    assert not np.allclose(library.catalog.segments.embeddings([segments[0].id]), vector, atol=1e-3)
    assert run(library, films).unchanged == 2


def test_a_copy_with_subtitles_of_its_own_gets_them(library: Library, films: Path):
    run(library, films)
    shutil.copy(films / "one.mp4", films / "copy.mp4")
    (films / "copy.srt").write_text(CUES)
    report = run(library, films)
    assert (report.indexed, report.relocated, report.resubtitled) == (0, 0, 1)
    assert library.show(films / "copy.mp4")[1][0].text.startswith("a red dog")
    assert library.show(films / "one.mp4")[1][0].text == ""


def test_a_broken_file_is_one_failure_and_the_rest_goes_on(library: Library, films: Path):
    (films / "broken.mp4").write_bytes(b"certainly no video")
    report = run(library, films)
    assert report.indexed == 2
    (failure,) = report.failed
    assert (Path(failure.path).name, failure.stage) == ("broken.mp4", "open")
    assert failure.reason
    again = run(library, films)
    assert (again.failed, again.failed_before, again.unchanged) == ([], 1, 2)
    assert len(run(library, films, retry_failed=True).failed) == 1
    render(films / "broken.mp4", frames=25, paint=plain((9, 9, 9)))
    assert run(library, films).indexed == 1
    assert library.catalog.failures.all() == []


def test_a_failed_reindex_keeps_the_old_rows(library: Library, films: Path):
    run(library, films)
    (films / "one.mp4").write_bytes(b"overwritten by accident")
    assert len(run(library, films).failed) == 1
    assert names(library) == ["two.mkv", "one.mp4"]
    assert len(library.show(films / "one.mp4")[1]) > 0


def test_vanished_files_are_reported_and_pruned_on_request(library: Library, films: Path):
    run(library, films)
    (films / "one.mp4").unlink()
    report = run(library, films)
    assert (report.vanished, report.pruned) == ([str(films / "one.mp4")], 0)
    assert len(library.videos()) == 2
    assert run(library, films, prune=True).pruned == 1
    assert names(library) == ["two.mkv"]
    assert len(library.engine.searcher().index) == library.catalog.counts().segments


def test_what_lies_outside_the_targets_is_left_alone(library: Library, films: Path):
    run(library, films)
    (films / "one.mp4").unlink()
    report = run(library, films / "more", prune=True)
    assert (report.vanished, report.pruned) == ([], 0)


def test_what_is_ignored_later_stays_until_its_file_is_gone(library: Library, films: Path):
    run(library, films)
    (films / ".videobertignore").write_text("*.mp4\nmore/\n")
    report = run(library, films, prune=True)
    assert (report.unchanged, report.vanished, report.pruned, len(library.videos())) == (0, [], 0, 2)
    assert [root.files for root in library.catalog.roots.all()] == [2]
    (films / "one.mp4").unlink()
    assert run(library, films, prune=True).pruned == 1


@pytest.mark.parametrize(("on_disk", "typed", "name"), [("NFD", "NFC", "Vidéos à Noël"), ("NFC", "NFD", "강아지 ば")])
def test_a_path_is_typed_in_either_unicode_form(library: Library, tmp_path: Path, on_disk: Any, typed: Any, name: str):
    folder, said = (tmp_path / normalize(form, name) for form in (on_disk, typed))
    (folder / "in").mkdir(parents=True)
    render(folder / "in" / normalize(on_disk, "é.mp4"), frames=5)
    assert run(library, said).indexed == 1
    assert run(library, said / "in" / normalize(typed, "é.mp4"), prune=True).unchanged == 1
    assert run(library, said / "in" / "*.mp4").unchanged == 1
    (video,) = library.videos(within=said)
    assert video.path == str(folder / "in" / normalize(on_disk, "é.mp4"))
    folder.rename(tmp_path / "away")
    assert library.videos(within=said) == [video]  # not there, and still named so
    (tmp_path / "away").rename(folder)
    Path(video.path).unlink()
    assert run(library, said, prune=True).pruned == 1


def test_the_language_that_is_asked_for_is_embedded_and_every_one_is_searched(tmp_path: Path, encoder: Encoder):
    path = render(tmp_path / "film.mp4", frames=75)
    for language, words in {"en": "a red dog", "de": "ein roter Hund", "pt-BR": "um gato azul"}.items():
        (tmp_path / f"film.{language}.srt").write_text(f"1\n00:00:00,500 --> 00:00:01,500\n{words}\n")

    with Library(tmp_path / "library", encoder=encoder) as library:

        def texts() -> set[str]:
            return {segment.text for segment in library.show(path)[1]} - {""}

        for language, words in {"de": "ein roter Hund", "en": "a red dog", "pt": "um gato azul"}.items():
            report = run(library, path, language=language)
            assert report.indexed + report.resubtitled == 1
            assert texts() == {words}
            assert run(library, path, language=language).unchanged == 1
            assert run(library, path).unchanged == 1  # what was asked for stays
            assert {cue.language for cue in library.catalog.cues.of(row_id(library.show(path)[0]))} == {
                "en",
                "de",
                "pt-BR",
            }
            for word in ("dog", "Hund", "gato"):
                assert library.catalog.fulltext.search([word.lower()], limit=5)


def two_streams(path: Path) -> Path:
    """A red stream and a larger blue one."""
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("libx264", rate=25) for _ in range(2)]
        for stream, side in zip(streams, (96, 192), strict=True):
            stream.width, stream.height, stream.pix_fmt = side, side, "yuv420p"
        for stream, color in zip(streams, ((200, 30, 30), (30, 30, 200)), strict=True):
            picture = np.full((stream.height, stream.width, 3), color, np.uint8)
            for _ in range(30):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
            container.mux(stream.encode())
    return path


def test_a_video_stream_is_chosen_and_stays_chosen(library: Library, tmp_path: Path, encoder: Encoder):
    path = two_streams(tmp_path / "two.mkv")

    def shown() -> tuple[bool, bool]:
        """Whether the thumbnail and a still are red."""
        segment = library.show(path)[1][0]
        jpeg = library.catalog.segments.thumbnail(row_id(segment))[0]
        thumbnail = np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"), np.int16)
        with Decoders() as decoders, library.open_original(path) as original:
            still = next(iter(decoders.stills(original, [0.5]))).data[0].astype(np.int16)
        return bool((thumbnail[..., 0] > thumbnail[..., 2]).all()), bool((still[0] > still[2]).all())

    report = run(library, path)
    assert (report.indexed, shown()) == (1, (False, False))
    assert "--stream N" in report.hints[0]
    assert run(library, path, stream=1).indexed == 1
    assert shown() == (True, True)
    assert (run(library, path).unchanged, run(library, path, stream=1).unchanged) == (1, 1)
    moved = path.rename(tmp_path / "moved.mkv")
    assert run(library, moved).relocated == 1
    assert library.show(moved)[0].stream == 1
    assert run(library, moved, stream=2).indexed == 1
    assert "no 2" in run(library, render(tmp_path / "one.mp4"), stream=2).hints[0]


def test_an_interruption_leaves_what_was_committed(library: Library, films: Path):
    def stop(progress: Progress) -> None:
        if progress.done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        library.index([films], tell=stop)
    assert len(library.videos()) == 1
    assert len(library.engine.index) == library.catalog.counts().segments > 0
    report = run(library, films)
    assert (report.indexed, report.unchanged) == (1, 1)


def test_segments_are_no_longer_than_asked(library: Library, films: Path):
    run(library, films / "one.mp4", max_segment_seconds=2.0, fps=4.0)
    _, segments = library.show(films / "one.mp4")
    assert len(segments) == 2
    assert max(segment.end - segment.start for segment in segments) <= 2.0
    assert len(library.catalog.segments.frame_features(segments[0].id)[0]) == 6


def test_shots_begin_segments(library: Library, tmp_path: Path):
    shots = [plain((230, 20, 20)), plain((240, 240, 240))]
    film = render(tmp_path / "cut.mp4", frames=150, paint=lambda index: shots[index // 75](index))
    run(library, film)
    _, segments = library.show(film)
    assert [segment.start for segment in segments] == [0.0, pytest.approx(3.0, abs=0.01)]


def test_another_encoder_is_refused(library: Library, films: Path, encoder: Encoder):
    run(library, films)
    encoder.fingerprint = "another-model"
    with pytest.raises(EncoderMismatch, match="another-model"):
        Indexer(library.catalog, encoder, IndexOptions()).run([films])


def test_a_target_that_does_not_exist_is_a_problem(library: Library, films: Path):
    report = run(library, films, films / "nowhere")
    assert report.indexed == 2
    assert [path for path, _ in report.problems] == [str(films / "nowhere")]


def test_a_library_answers_after_its_index_file_is_gone(library: Library, films: Path, encoder: Encoder):
    run(library, films)
    found = library.search("a red dog", top=5)
    library.close()
    (library.folder / "vectors.faiss").unlink()
    with Library(library.folder, encoder=encoder) as opened:
        assert opened.search("a red dog", top=5) == found


def test_a_clip_from_outside_finds_its_like(library: Library, films: Path):
    run(library, films)
    best = library.similar(films / "more" / "two.mkv", top=1)[0]
    assert Path(best.path).name == "two.mkv"
    assert len(library.similar(f"{films / 'more' / 'two.mkv'}@0.5-1.5", top=1)) == 1


@pytest.mark.parametrize("year", ["1601-01-01", "2262-04-12", "2300-01-01", "2440-06-01"])
def test_a_file_of_any_year_is_indexed_and_known_again(library: Library, films: Path, year: str):
    time = int(datetime.fromisoformat(f"{year}T00:00:00+00:00").timestamp())
    try:
        os.utime(films / "one.mp4", (time, time))
    except (OSError, OverflowError):
        pytest.skip("this file system has no such times")
    if (films / "one.mp4").stat().st_mtime != time:
        pytest.skip("this file system has no such times")
    assert run(library, films).indexed == 2
    assert run(library, films).unchanged == 2
    assert library.show(films / "one.mp4")[0].mtime_ns == time * 10**9


@pytest.mark.parametrize("error", [OverflowError("too large"), KeyError("odd"), MemoryError(), AssertionError()])
def test_whatever_is_raised_for_one_video_is_its_failure(
    library: Library, films: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
):
    put = Catalog.put_video

    def fragile(self: Catalog, video: Video, *rest: Any) -> Video:
        if video.path.endswith("two.mkv"):
            raise error
        return put(self, video, *rest)

    monkeypatch.setattr(Catalog, "put_video", fragile)
    report = run(library, films)
    assert names(library) == ["one.mp4"]
    assert [(Path(each.path).name, each.stage) for each in report.failed] == [("two.mkv", "index")]
    assert type(error).__name__ in report.failed[0].reason
    assert run(library, films).failed_before == 1


@pytest.mark.parametrize(
    "error", [sqlite3.OperationalError("disk is full"), EncoderMismatch("another"), ImportError("no package")]
)
def test_what_concerns_the_library_ends_the_run(
    library: Library, films: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
):
    def full(*_: Any) -> None:
        raise error

    monkeypatch.setattr(Catalog, "put_video", full)
    with pytest.raises(type(error)):
        run(library, films)
    assert library.catalog.failures.all() == []


def test_an_error_of_the_listener_is_no_failure_of_a_video(library: Library, films: Path):
    def stop(progress: Progress) -> None:
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        library.index([films], tell=stop)
    assert library.catalog.failures.all() == []
    assert library.catalog.attempts.unfinished() == set()


def test_a_file_that_ended_a_run_comes_last_in_the_next(library: Library, films: Path):
    order: list[str] = []

    def tell(progress: Progress) -> None:
        if not order or order[-1] != Path(progress.path).name:
            order.append(Path(progress.path).name)

    first = min(films.rglob("*.m*"), key=lambda path: path.name != "two.mkv")
    library.catalog.attempts.begin(str(first))  # and the process is killed
    assert library.index([films], tell=tell).indexed == 2
    assert order == ["one.mp4", "two.mkv"]
    assert library.catalog.attempts.unfinished() == set()


def test_subtitles_that_overlap_for_ever_cost_no_more_than_others(library: Library, films: Path):
    lines = [f"{t + 1}\n00:00:0{t % 3},000 --> 99:59:59,999\nan ordinary line, number{t}" for t in range(2000)]
    (films / "one.srt").write_text("\n\n".join(lines))
    report = run(library, films)
    assert (report.indexed, report.failed) == (2, [])
    assert report.unread_subtitles == [
        "one.mp4: 2,000 of 2,000 subtitle lines end long after they can be read; shortened"
    ]
    video, segments = library.show(films / "one.mp4")
    assert all(len(segment.text) <= 4000 for segment in segments)
    assert video.id is not None
    assert max(cue.end for cue in library.catalog.cues.of(video.id)) < 50
    assert len(library.catalog.cues.of(video.id)) == 2000


@pytest.mark.parametrize("error", [RecursionError("deep"), MemoryError(), ValueError("odd"), OSError(5, "bad disk")])
def test_subtitles_that_cannot_be_read_cost_no_video(films: Path, monkeypatch: pytest.MonkeyPatch, error: Exception):
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr("indexer.workers.worker.read_text", broken)
    replies = _decode_frames(DecodeFrames(1, films / "one.mp4", 2.0), Options(96, 2**32))
    text = next(replies)[0]["text"]
    assert text["cues"] == []
    assert text["problems"][0].startswith("one.mp4: its subtitles cannot be read: ")
    assert "shape" in next(replies)[0]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no alarms")
def test_subtitles_that_take_too_long_cost_no_video(films: Path, monkeypatch: pytest.MonkeyPatch):
    def endless(*_: object) -> None:
        while True:
            pass

    monkeypatch.setattr("indexer.workers.worker.read_text", endless)
    monkeypatch.setattr("indexer.workers.worker._TEXT_SECONDS", 0.05)
    text = next(_decode_frames(DecodeFrames(1, films / "one.mp4", 2.0), Options(96, 2**32)))[0]["text"]
    assert text["problems"] == ["one.mp4: its subtitles cannot be read: it takes longer than 0.05 s"]
