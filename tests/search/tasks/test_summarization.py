"""Summaries of films made by hand, and of rendered ones through the library."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from indexer.features.video import VideoFeatures, read_video, stored_video
from indexer.media.container import probe
from model.encoder.contract import Encoder
from model.encoder.prompts import EVERYDAY_QUERIES
from search.cli.app import app
from search.library import Library
from search.tasks import summarization as module
from search.tasks.chapters import chapter_edges, find_chapters
from search.tasks.storyboard import write_page, write_picture
from search.tasks.summarization import Keyframe, interest, summarize
from store.types import Cue
from tests.support.media import quarters, render

WIDTH = 24  # of features, and of embeddings as the tiny model has them


def film(*shots: tuple[int, float], cues: tuple[Cue, ...] = (), embeddings: np.ndarray | None = None) -> VideoFeatures:
    """Shots, each of a look (a number) and a length in seconds, two frames a second, each one segment."""
    looks = np.repeat([look for look, _ in shots], [round(2 * seconds) for _, seconds in shots])
    bounds = np.cumsum([0.0, *(seconds for _, seconds in shots)])
    if embeddings is None:
        embeddings = np.eye(WIDTH, dtype=np.float32)[[look for look, _ in shots]]
    features = np.eye(WIDTH, dtype=np.float16)[looks]
    return VideoFeatures(Path("film.mp4"), np.arange(len(looks)) / 2, features, bounds, embeddings, cues)


def test_keyframes_stand_for_what_is_shown(encoder: Encoder):
    lines = (Cue(6.0, 7.0, "Hello\nthere"), Cue(20.0, 21.0, "nobody sees this"))
    summary = summarize(film((0, 4), (1, 3), (0, 2), (2, 1), cues=lines), encoder, frames=2)
    assert summary.keyframes == (Keyframe(0.0, pytest.approx(0.7), ""), Keyframe(4.0, pytest.approx(0.3), ""))
    assert summary.coverage == pytest.approx(0.9)
    assert (summary.highlights, summary.highlights_coverage) == ((), 0.0)
    more = summarize(film((0, 4), (1, 3), (0, 2), (2, 1), cues=lines), encoder, frames=9)
    assert [frame.seconds for frame in more.keyframes] == [0.0, 4.0, 9.0]
    assert more.coverage == 1


def test_keyframes_carry_the_lines_around_them(encoder: Encoder):
    lines = (Cue(0.5, 2.0, "Hello\nthere"), Cue(1.0, 3.0, "not yet"), Cue(0.5, 2.0, "Guten Tag", "de"))
    only = summarize(film((0, 4), cues=lines[:2]), encoder).keyframes
    assert [frame.text for frame in only] == ["Hello there"]


def test_highlights_keep_to_their_time_and_join_what_touches(encoder: Encoder):
    shots = film((0, 6), (1, 2), (0, 4), (2, 2), (3, 2))
    summary = summarize(shots, encoder, seconds=6)
    assert sum(end - start for start, end in summary.highlights) == 6
    assert summary.highlights == ((0.0, 2.0), (6.0, 8.0), (12.0, 14.0))
    assert summary.highlights_coverage == pytest.approx(14 / 16)
    assert summarize(shots, encoder, seconds=8).highlights[-1] == (12.0, 16.0)
    assert summarize(shots, encoder, seconds=1).highlights == ()


def test_a_still_that_stands_for_long_can_be_a_highlight(encoder: Encoder):
    slide = VideoFeatures(
        Path("slides.mp4"),
        np.array([0.0, 30.0]),
        np.eye(2, WIDTH, dtype=np.float16),
        np.array([0.0, 30.0, 60.0]),
        np.eye(2, WIDTH, dtype=np.float32),
        (),
    )
    first, second = summarize(slide, encoder, seconds=4).highlights
    assert first == (0.0, 2.0)
    assert second == (30.0, 32.0)


def test_about_shows_what_was_asked_for(encoder: Encoder):
    query = encoder.embed_text(["a red dog"])[0]
    away = np.linalg.svd(query[None], full_matrices=True)[2][1:]
    embeddings = np.stack([*away[:7], query]).astype(np.float32)
    shots = film(*((look, 4) for look in range(7)), (7, 2), embeddings=embeddings)
    assert 28.0 not in [frame.seconds for frame in summarize(shots, encoder, frames=1).keyframes]
    summary = summarize(shots, encoder, frames=1, seconds=2, about="a red dog")
    assert [frame.seconds for frame in summary.keyframes] == [28.0]
    assert summary.highlights == ((28.0, 30.0),)
    assert summary.about == "a red dog"


def test_interest_is_a_matter_of_the_film(encoder: Encoder):
    query = np.eye(1, WIDTH, dtype=np.float32)[0]
    counts = interest(film((0, 2), (1, 2)), query)
    assert counts == pytest.approx([np.e**2] * 4 + [np.e**-2] * 4)
    halved = film((0, 2), (1, 2), embeddings=np.eye(WIDTH, dtype=np.float32)[:2] / 2 + 0.1)
    assert interest(halved, query) == pytest.approx(counts, rel=1e-5)
    assert interest(film((0, 2)), query) == pytest.approx([1] * 4)


def test_long_films_are_thinned_evenly(encoder: Encoder, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_MAX_FRAMES", 10)
    summary = summarize(film((0, 8), (1, 6)), encoder, seconds=4)  # 28 frames: every third
    assert [frame.seconds for frame in summary.keyframes] == [0.0, 9.0]
    assert sum(frame.share for frame in summary.keyframes) == pytest.approx(1)
    assert summary.highlights_coverage == pytest.approx(1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": 0}, "at least one frame, got 0"),
        ({"seconds": 0.0}, "longer than 0 seconds, got 0"),
        ({"chapters": 0}, "at least one chapter, got 0"),
        ({"about": "  "}, "at least one word"),
    ],
)
def test_what_makes_no_sense_is_refused(encoder: Encoder, options: dict, message: str):
    with pytest.raises(ValueError, match=message):
        summarize(film((0, 4), (1, 4)), encoder, **options)


def test_chapters_are_runs_of_segments_that_look_alike():
    shots = film((0, 4), (0, 4), (1, 4), (1, 4), (1, 4), (2, 4))
    assert chapter_edges(shots, most=9) == [0, 2, 5, 6]
    assert chapter_edges(shots, most=2) == [0, 2, 6]
    assert chapter_edges(shots, most=1) == [0, 6]
    assert chapter_edges(film(*[(3, 4)] * 6), most=6) == [0, 6]  # one long shot, cut into windows


def test_the_number_of_chapters_grows_with_the_film(encoder: Encoder):
    def chapters(seconds: float) -> int:
        return len(find_chapters(film(*((look % WIDTH, seconds / 32) for look in range(32))), encoder))

    assert [chapters(seconds) for seconds in (32, 96, 352)] == [2, 3, 6]


def test_a_title_is_the_line_nearest_to_the_chapter(encoder: Encoder):
    red, blue = "a red dog", "the blue cat moves"
    embeddings = encoder.embed_text([red, blue])
    cues = (
        Cue(0.0, 1.0, "up"),
        Cue(1.0, 2.0, "the green\nsquare moves"),
        Cue(2.0, 3.0, red),
        Cue(5.0, 6.0, blue),
        Cue(6.0, 7.0, "left"),
    )
    found = find_chapters(film((0, 4), (1, 4), cues=cues, embeddings=embeddings), encoder, most=2)
    assert [(chapter.title, chapter.spoken) for chapter in found] == [(red, True), (blue, True)]
    assert [(chapter.start, chapter.end) for chapter in found] == [(0.0, 4.0), (4.0, 8.0)]
    (short,) = find_chapters(film((0, 4), cues=(Cue(0.0, 1.0, "up"),), embeddings=embeddings[:1]), encoder)
    assert short.title == "up"  # where there is no longer line
    (long,) = find_chapters(film((0, 4), cues=(Cue(0.0, 1.0, "up " * 40),), embeddings=embeddings[:1]), encoder)
    assert len(long.title) == 80
    assert long.title.endswith("…")


def test_without_lines_a_title_is_what_the_pictures_look_like(encoder: Encoder):
    embeddings = encoder.embed_text(["a dog"])
    (chapter,) = find_chapters(film((0, 4), embeddings=embeddings), encoder)
    assert chapter.title.startswith("a dog, ")
    assert not chapter.spoken


def test_phrases_are_distinct():
    phrases = [line for line in EVERYDAY_QUERIES.read_text().splitlines() if not line.startswith("#")]
    assert len(phrases) == len(set(phrases)) > 150
    assert all(phrase == phrase.strip() != "" for phrase in phrases)


def test_storyboard(encoder: Encoder, tmp_path: Path):
    lines = (Cue(0.0, 0.5, "<script>alert(1)</script> & so on"),)
    summary = summarize(film((0, 4), (1, 3), (2, 2), (3, 2), (4, 2), cues=lines), encoder, frames=5)
    pictures = [Image.new("RGB", (160, 90), (40 * shade, 0, 0)) for shade in range(5)]
    write_picture(summary, pictures, tmp_path / "board.png")
    with Image.open(tmp_path / "board.png") as board:
        assert board.width == 12 + 4 * (160 + 12)
        corners = [board.getpixel((12 + column * 172 + 5, 12 + 5)) for column in range(4)]
        assert corners == [(40 * shade, 0, 0) for shade in range(4)]
        assert board.getpixel((17, board.height // 2 + 12)) == (160, 0, 0)
    write_page(summary, pictures, tmp_path / "board.html")
    page = (tmp_path / "board.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 5
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; so on" in page
    assert "<script" not in page
    assert "http" not in page
    with pytest.raises(ValueError, match="shorter"):
        write_picture(summary, pictures[:4], tmp_path / "board.png")


def scenes(index: int) -> np.ndarray:
    """Two seconds of quarters, then two of green, then two of white."""
    if index < 50:
        return quarters(step=0)(index)
    return np.full((96, 160, 3), (0, 200, 0) if index < 100 else (255, 255, 255), np.uint8)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    (tmp_path / "film.srt").write_text("1\n00:00:00,000 --> 00:00:02,000\nnow let me show you\n")
    return render(tmp_path / "film.mp4", frames=150, paint=scenes)


def test_a_film_of_the_library_is_the_film_of_its_file(video: Path, encoder: Encoder, tmp_path: Path):
    with Library(tmp_path / "library", encoder=encoder) as library:
        library.index([video])
        (held,) = library.videos()
        stored, read = stored_video(library.catalog, held), read_video(video, encoder)
        summary = library.summarize(video, frames=3)
    for name in ("pts_seconds", "bounds", "features", "embeddings"):
        np.testing.assert_allclose(getattr(stored, name), getattr(read, name), atol=1e-3)
    assert (stored.cues, stored.duration) == (read.cues, read.duration)
    assert summary.keyframes == summarize(stored, encoder, frames=3).keyframes


def test_the_library_needs_no_second_look_unless_the_file_changed(video: Path, encoder: Encoder, tmp_path: Path):
    with Library(tmp_path / "library", encoder=encoder) as library:
        library.index([video])
        assert library.summarize(video).duration == pytest.approx(6.0)
        render(video, frames=50)
        assert library.summarize(video).duration == pytest.approx(2.0)
        video.unlink()
        assert library.summarize(video).duration == pytest.approx(6.0)


def run(*arguments: object):
    return CliRunner().invoke(app, ["summarize", *(str(argument) for argument in arguments)])


def test_the_command_writes_a_storyboard_an_outline_and_a_cut(video: Path, tmp_path: Path):
    target, folder = tmp_path / "cut.mp4", tmp_path / "made"
    result = run(video, "-L", tmp_path / "library", "--folder", folder, "--seconds", "4", "-o", target, "--chapters", 3)
    assert result.exit_code == 0
    first, *_ = lines = result.stdout.splitlines()
    assert first == "   0:00–0:02  “now let me show you”"
    assert "keyframes cover" in lines[-4]
    assert lines[-3:] == [str(folder / "film.storyboard.png"), str(folder / "film.storyboard.html"), str(target)]
    assert all(Path(line).stat().st_size > 1000 for line in lines[-3:])
    assert probe(target).duration == pytest.approx(4.0, abs=0.1)
    with av.open(str(target)) as cut:
        assert not cut.streams.audio


def test_the_command_in_json(video: Path, tmp_path: Path):
    result = run(
        video, "-L", tmp_path / "library", "--folder", tmp_path, "--seconds", "2", "--json", "--about", "green"
    )
    assert result.exit_code == 0
    said = json.loads(result.stdout)
    assert said["about"] == "green"
    assert said["duration"] == pytest.approx(6.0)
    assert {"seconds", "share", "text"} == set(said["keyframes"][0])
    assert {"start", "end", "title", "spoken"} == set(said["chapters"][0])
    assert sum(part["end"] - part["start"] for part in said["highlights"]) <= 2.0
    assert said["files"][-1] == str(tmp_path / "film.highlights.mp4")
    assert all(Path(file).exists() for file in said["files"])


def test_bad_input_is_one_clear_line_on_stderr(video: Path, tmp_path: Path):
    library = ("-L", tmp_path / "library", "--folder", tmp_path)
    for arguments, message in (
        ((tmp_path / "none.mp4",), "no such file"),
        ((video, "-o", video), "or the video itself"),
        ((video, "-o", tmp_path / "cut.gif"), "written as .mp4, .mov, .mkv, got cut.gif"),
        ((video, "--about", " "), "at least one word"),
    ):
        result = run(*arguments, *library)
        assert result.exit_code == 1
        assert message in result.stderr
        assert result.stderr.count("\n") == 1
    assert run(video, "--seconds", "0").exit_code == 2
