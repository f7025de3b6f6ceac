"""Scores of libraries whose vectors are made by hand, and the command as a user meets it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from search import Library
from search.cli.app import app
from search.evaluation.annotations import Annotations, Asks, Query
from search.evaluation.plot import plot_recall
from search.evaluation.retrieval import Options, evaluate, overlaps
from store.types import NewSegment, Video
from tests.support.media import render

QUICK = Options(resamples=50)


class BagOfWords:
    """An encoder for numbers worked out by hand: every word is a direction of its own."""

    fingerprint, words = "words@1", ("dog", "cat", "circle", "left")
    dim = len(words)
    query_bank = np.zeros((0, dim), np.float32)

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        counts = np.array([[text.split().count(word) for word in self.words] for text in texts], np.float32)
        counts[~counts.any(axis=1)] = 1  # what it has no word for is as near to all it knows
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)

    def embed_segments(self, segments: Sequence[np.ndarray], texts: Sequence[str]) -> np.ndarray:
        return np.tile(np.eye(1, self.dim, dtype=np.float32), (len(segments), 1))


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library(tmp_path / "library", encoder=BagOfWords()) as opened:
        opened.catalog = opened.engine.writable_catalog()
        yield opened


def put(library: Library, name: str, *segments: str) -> Path:
    """A video with a segment of 10 seconds for each text, which looks just like it."""
    rows = [
        NewSegment(
            start=10.0 * i,
            end=10.0 * i + 10,
            text="",
            pts_seconds=np.array([10.0 * i]),
            features=np.zeros((1, 4), np.float16),
            embedding=embedding,
            thumbnail=b"jpeg",
            thumbnail_seconds=10.0 * i,
        )
        for i, embedding in enumerate(library.encoder.embed_text(segments))
    ]
    video = Video(f"/films/{name}", 1, 1, name, "mp4", "h264", 10.0 * len(rows), 25, 64, 64, 0)
    library.catalog.put_video(video, rows, [])
    return Path(video.path)


def annotated(*queries: Query, asks: Asks = Asks.VIDEO) -> Annotations:
    return Annotations("own", asks, queries, ())


def test_every_text_finds_its_video(library: Library):
    files = {"dog": put(library, "dog.mp4", "cat", "dog"), "cat": put(library, "cat.mp4", "cat dog")}
    files["circle"] = put(library, "circle.mp4", "circle")
    put(library, "other.mp4", "dog")  # not annotated, so no candidate
    found = evaluate(library, annotated(*(Query(name, name) for name in files)), files, QUICK).text_to_video
    assert found.ranks.tolist() == [1, 2, 1]  # dog.mp4 answers two texts: the best of its segments counts
    assert (found.queries, found.candidates) == (3, 3)
    assert found.scores["R@1"].value == pytest.approx(2 / 3)
    assert found.scores["R@1"].baselines == {"random order": pytest.approx(1 / 3)}
    assert found.scores["R@5"].baselines == {"random order": 1.0}
    mean_rank = found.scores["MnR"]
    assert mean_rank.baselines == {"random order": pytest.approx(2)}
    assert mean_rank.value == pytest.approx(4 / 3)
    assert mean_rank.low < mean_rank.value < mean_rank.high


def test_texts_without_a_video_are_left_out(library: Library):
    files = {"dog": put(library, "dog.mp4", "dog"), "cat": Path("/films/failed.mp4")}
    put(library, "other.mp4", "cat")
    found = evaluate(library, annotated(*(Query("dog", name) for name in ("dog", "cat", "gone"))), files, QUICK)
    assert (found.text_to_video.queries, found.text_to_video.candidates) == (1, 1)
    assert found.moments is None
    assert found.left_out == ()
    with pytest.raises(ValueError, match="no text is left to evaluate: none of the annotated videos is in the library"):
        evaluate(library, annotated(Query("dog", "gone")), files, QUICK)


def test_the_best_of_several_captions_counts(library: Library):
    files = {"one": put(library, "one.mp4", "dog"), "two": put(library, "two.mp4", "circle")}
    queries = [Query("dog", "one"), Query("cat", "one"), Query("circle", "two")]
    found = evaluate(library, annotated(*queries), files, QUICK)
    assert found.text_to_video.ranks.tolist() == [1, 2, 1]  # the cat is as far from both: a tie is lost
    assert found.video_to_text.ranks.tolist() == [1, 1]
    assert (found.video_to_text.queries, found.video_to_text.candidates) == (2, 3)
    assert found.video_to_text.scores["R@1"].baselines == {"random order": pytest.approx((2 / 3 + 1 / 3) / 2)}


def test_a_paragraph_is_one_query(library: Library):
    files = {"one": put(library, "one.mp4", "cat left"), "two": put(library, "two.mp4", "cat", "left")}
    queries = [Query("cat", "one", ((0.0, 5.0),)), Query("left", "one", ((5.0, 10.0),)), Query("cat", "two")]
    found = evaluate(library, annotated(*queries, asks=Asks.PARAGRAPH), files, QUICK)
    assert found.text_to_video.ranks.tolist() == [1, 1]
    assert found.moments is not None
    assert found.moments.queries == 2


def test_clips_are_candidates_of_their_own(library: Library):
    files = {
        "film": put(library, "film.mp4", "dog", "cat", "circle"),
        "other": put(library, "other.mp4", "dog dog cat"),
    }
    queries = [
        Query("dog", "film", ((1.0, 9.0),)),
        Query("cat", "film", ((10.0, 19.0),)),
        Query("circle", "film", ((40.0, 50.0),)),
        Query("dog", "other", ((0.0, 4.0),)),
    ]
    found = evaluate(library, annotated(*queries, asks=Asks.CLIP), files, QUICK)
    assert found.text_to_video.ranks.tolist() == [1, 1, 2]
    assert found.text_to_video.candidates == 3
    assert found.left_out == ("/films/film.mp4: 40 to 50 s lie outside of its 30.0 s",)


def test_moments_and_what_is_reached_without_reading_the_query(library: Library):
    everything = "dog cat circle"
    files = {"film": put(library, "film.mp4", "dog", everything, everything, "cat", "circle")}
    queries = [
        Query("dog", "film", ((0.0, 10.0),)),  # found as it is
        Query("cat", "film", ((30.0, 36.0),)),  # found at 30 to 40 s: IoU 0.6
        Query("circle", "film", ((10.0, 60.0),)),  # cut to 50 s; found first at 40 to 50 s, then at 10 to 30 s
    ]
    found = evaluate(library, annotated(*queries), files, QUICK).moments
    assert found is not None
    half = found.scores["R@1 IoU 0.5"]
    assert half.value == pytest.approx(2 / 3)
    assert half.baselines["whole video"] == pytest.approx(1 / 3)  # 40 of 50 seconds of the third
    assert half.baselines["most central segment"] == pytest.approx(1 / 3)  # 10 to 30 s: half of the third
    assert half.baselines["random segment"] == pytest.approx((1 / 5 + 1 / 5 + 0) / 3)
    assert found.scores["R@1 IoU 0.7"].value == pytest.approx(1 / 3)
    # Of the ten thresholds, the second reaches three; the third reaches 0.5 with its second moment.
    precision = found.scores["mAP"]
    assert precision.value == pytest.approx((1 + 3 / 10 + 1 / 2 / 10) / 3)
    assert precision.baselines["whole video"] == pytest.approx((0 + 0 + 7 / 10) / 3)
    assert precision.baselines["random segment"] == pytest.approx((1 / 5 + 3 / 10 / 5 + 0) / 3)


def test_windows_beyond_the_end_are_left_out(library: Library):
    files = {"film": put(library, "film.mp4", "dog", "cat")}
    queries = [Query("dog", "film", ((0.0, 10.0), (30.0, 40.0))), Query("cat", "film", ((20.0, 21.0),))]
    found = evaluate(library, annotated(*queries), files, QUICK)
    assert found.moments is not None
    assert (found.moments.queries, found.moments.scores["R@1 IoU 0.7"].value) == (1, 1.0)
    spans = ("30 to 40", "20 to 21")
    assert found.left_out == tuple(f"/films/film.mp4: {span} s lie outside of its 20.0 s" for span in spans)


def test_copies_tie_wherever_they_stand(library: Library):
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(BagOfWords.words, size=7)) for _ in range(5)]
    files = {name: put(library, f"{name}.mp4", texts[i % 5]) for i, name in enumerate("abcdefghijklmno")}
    queries = [Query(texts[i % 5], name) for i, name in enumerate(files)]
    assert evaluate(library, annotated(*queries), files, QUICK).text_to_video.ranks.min() == 3


def test_dual_softmax_lets_queries_compete(library: Library):
    files = {"hub": put(library, "hub.mp4", "dog dog dog dog cat cat cat")}
    files["cat"] = put(library, "cat.mp4", "cat cat circle circle circle")
    queries = [Query("dog", "hub"), Query("cat", "cat")]
    assert evaluate(library, annotated(*queries), files, QUICK).text_to_video.ranks.tolist() == [1, 2]
    dual = evaluate(library, annotated(*queries), files, replace(QUICK, dual_softmax=True))
    assert dual.text_to_video.ranks.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0, 10), (5, 15), True),
        ((0, 10), (6, 16), False),
        ((0, 100), (98, 102), True),
        ((0, 100), (98.5, 102.5), False),
        ((0, 10), (10, 20), False),
    ],
)
def test_overlap_is_half_of_the_shorter(one: tuple, other: tuple, expected: bool):
    assert overlaps(one, other) is overlaps(other, one) is expected


# The command


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    render(folder / "quarters.mp4", frames=50)
    render(folder / "yellow.mp4", frames=50, paint=lambda index: np.full((96, 160, 3), (250, 250, 0), np.uint8))
    (folder / "broken.mp4").write_bytes(b"not a video at all")
    rows = [
        {"video": "quarters", "caption": "red, green and blue squares", "start": 0, "end": 1.5},
        {"video": "yellow.mkv", "caption": "a yellow wall"},
        {"video": "broken.mp4", "caption": "nothing"},
        {"video": "gone.mp4", "caption": "nothing"},
        {"video": "yellow.mp4"},
    ]
    (folder / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("library")


def run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def measure(films: Path, home: Path, *options: object):
    return run("evaluate", films / "own.jsonl", "--videos", films, "--library", home, "--resamples", 20, *options)


def test_scores_as_json_and_only_json(films: Path, home: Path):
    result = measure(films, home, "--json", "--dual-softmax", "--seed", 7)
    assert result.exit_code == 3
    said = json.loads(result.stdout)
    assert (said["format"], said["dual_softmax"]) == ("own", True)
    assert said["bootstrap"] == {"confidence": 0.95, "resamples": 20, "seed": 7}
    assert said["annotated"] == {"texts": 4, "videos": 4}
    assert said["missing"] == ["gone.mp4"]
    assert list(said["failed"]) == ["broken.mp4"]
    assert said["bad_rows"][0].startswith("own.jsonl, line 5: expected a row with video caption or clip caption")
    assert said["text_to_video"]["queries"] == said["video_to_text"]["candidates"] == 2
    assert said["text_to_video"]["scores"]["R@5"] == {
        "value": 1.0,
        "low": 1.0,
        "high": 1.0,
        "baselines": {"random order": 1.0},
    }
    assert said["moments"]["queries"] == 1
    assert set(said["moments"]["scores"]["mAP"]["baselines"]) == {
        "whole video",
        "most central segment",
        "random segment",
    }


def test_scores_for_people(films: Path, home: Path):
    result = measure(films, home)
    assert result.exit_code == 3
    assert result.stdout.startswith("own: each text finds its video; 2 of 4 videos are here; model videobert-mini-")
    assert "text to video (2 queries, 2 candidates)" in result.stdout
    assert "100.0%" in result.stdout
    assert "A video scores as its best segment; ties count as lost." in result.stdout
    assert "20 bootstrap resamples of the queries, seed 0" in result.stdout
    assert "missing: gone.mp4\nfailed: broken.mp4: " in result.stderr
    assert "dual softmax" not in result.stdout
    assert "text to video, with dual softmax (2 queries" in measure(films, home, "--dual-softmax").stdout


def test_a_whole_set_is_exit_code_0(films: Path, home: Path, tmp_path: Path):
    split = tmp_path / "split.txt"
    split.write_text("quarters\nyellow\n")
    (tmp_path / "good.jsonl").write_text("".join((films / "own.jsonl").read_text().splitlines(keepends=True)[:2]))
    arguments = ("evaluate", tmp_path / "good.jsonl", "--videos", films, "--library", home, "--resamples", 20)
    assert run(*arguments, "--only", split).exit_code == 0
    assert run(*arguments, "--format", "own").exit_code == 0
    assert run(*arguments, "--format", "msvd").exit_code == 1


def test_a_folder_without_any_of_the_videos_is_one_clear_line(films: Path, tmp_path: Path):
    result = run("evaluate", films / "own.jsonl", "--videos", tmp_path, "--library", tmp_path / "library")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"videobert: none of the 4 annotated videos, such as quarters, is in {tmp_path}\n"


def test_recall_is_drawn(films: Path, home: Path, tmp_path: Path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    measure(films, home, "--plot", tmp_path / "recall.png")
    assert (tmp_path / "recall.png").read_bytes().startswith(b"\x89PNG")
    for name, message in (("recall.doc", "is written as .png, .svg, .pdf, got"), ("nowhere/recall.png", "no folder")):
        result = measure(films, home, "--plot", tmp_path / name)
        assert (result.exit_code, result.stdout) == (1, "")
        assert message in result.stderr


def test_without_matplotlib_it_says_how_to_get_it(films: Path, home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("search.evaluation.plot.find_spec", lambda name: None)
    result = measure(films, home, "--plot", "recall.png")
    assert result.exit_code == 1
    assert 'pip install "videobert-search[plot]"' in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["rows.jsonl"],
        ["rows.jsonl", "--videos", ".", "--accept"],
        ["rows.jsonl", "--videos", ".", "--at-least", "R@1=0.5"],
        ["rows.jsonl", "--judged"],
        ["--judged", "--dual-softmax"],
        ["--judged", "--at-least", "R@10"],
        ["rows.jsonl", "--videos", ".", "--format", "coco"],
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(arguments: list[str], tmp_path: Path):
    assert run("evaluate", *arguments, "--library", tmp_path / "library").exit_code == 2


def test_a_plot_of_one_query_and_one_video(library: Library, tmp_path: Path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    found = evaluate(library, annotated(Query("dog", "film")), {"film": put(library, "film.mp4", "dog")}, QUICK)
    plot_recall(found, tmp_path / "recall.svg", replace(QUICK, dual_softmax=True))
    assert "</svg>" in (tmp_path / "recall.svg").read_text()
