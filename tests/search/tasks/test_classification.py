"""Labels of videos: by words alone, by a trained classifier, and as tags that searches filter by."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from model.encoder.classifier import Classifier, fit
from model.encoder.contract import Encoder
from search import Library
from search.cli.app import app
from search.tasks.classification import NONE, Classification, Labels, read_labelled, read_labels
from store.catalog.catalog import Catalog
from store.catalog.tags import Tag
from store.filters import Filter
from store.types import EncoderInfo
from tests.search.engine.test_searcher import put_film, unit
from tests.support.media import quarters, render


def run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def near(point: np.ndarray, rng: np.random.Generator, cosine: float = 0.9) -> np.ndarray:
    """A unit vector at this cosine to a point."""
    away = unit(rng, len(point))
    away -= away @ point * point
    return cosine * point + np.sqrt(1 - cosine**2) * away / np.linalg.norm(away)


def test_the_nearest_label_is_the_most_probable_and_rows_sum_to_one():
    rng = np.random.default_rng(0)
    labels = Labels(("cat", "dog"), unit(rng, 2, 64), unit(rng, 10, 64), scale=20.0)
    found = labels.probabilities(np.stack([near(labels.points[0], rng), near(labels.points[1], rng)]))
    assert found.shape == (2, 3)
    assert found.argmax(axis=1).tolist() == [0, 1]
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


def test_labels_in_other_languages_are_those_in_english_where_they_are_known(encoder: Encoder):
    foreign, plain = Labels.of(["собака", "Katze"], encoder), Labels.of(["dog", "cat"], encoder)
    assert foreign.names == ("собака", "Katze")
    np.testing.assert_allclose(foreign.points, plain.points, atol=1e-6)
    alone = Labels.of(["狗", "走鹃"], encoder).points[1]
    np.testing.assert_allclose(alone, encoder.embed_text(["走鹃"])[0], atol=1e-6)


def test_what_other_phrases_fit_better_is_none_of_the_labels():
    rng = np.random.default_rng(1)
    other = unit(rng, 64)
    labels = Labels(("cat", "dog"), unit(rng, 2, 64), np.stack([near(other, rng, 0.99) for _ in range(6)]), scale=20.0)
    assert labels.probabilities(other[None]).argmax() == 2


def test_labels_are_means_of_sentences_and_leave_out_phrases_that_say_the_same(encoder: Encoder):
    labels = Labels.of(["dog", " cat "], encoder)
    assert labels.names == ("dog", "cat")
    assert labels.scale == encoder.scale
    np.testing.assert_allclose(np.linalg.norm(labels.points, axis=1), 1, atol=1e-5)
    if len(labels.others):
        assert (labels.others @ labels.points.T).max() < 0.6


@pytest.mark.parametrize(("names", "said"), [([" "], "at least one label"), (["a", "a"], "more than once")])
def test_labels_that_make_no_sense_are_refused(encoder: Encoder, names: list[str], said: str):
    with pytest.raises(ValueError, match=said):
        Labels.of(names, encoder)


def test_labels_come_from_a_list_or_a_file(tmp_path: Path):
    assert read_labels("cat, a red dog,") == ["cat", "a red dog"]
    assert read_labels("猫\uff0c红色的狗\u3001马,") == ["猫", "红色的狗", "马"]
    (tmp_path / "labels.txt").write_text("# pets\ncat\n\ndog\n")
    assert read_labels(str(tmp_path / "labels.txt")) == ["cat", "dog"]


def test_long_segments_count_more():
    found = Classification(Path("a.mp4"), ("x", "y"), np.array([0, 1, 4.0]), np.array([[1, 0], [0, 1]], np.float32))
    np.testing.assert_allclose(found.overall, [0.25, 0.75])


def clusters(count: int, rng: np.random.Generator) -> tuple[np.ndarray, list[str], list[str]]:
    centres = rng.normal(size=(3, 8)) * 3
    labels = [f"label {i % 3}" for i in range(count)]
    inputs = np.stack([centres[i % 3] + rng.normal(size=8) for i in range(count)]).astype(np.float32)
    return inputs, labels, [f"file {i // 3}" for i in range(count)]


def test_a_classifier_learns_and_is_calibrated(tmp_path: Path):
    inputs, labels, groups = clusters(90, np.random.default_rng(2))
    trained = fit(inputs, labels, groups, encoder="mini-1")
    assert trained.accuracy is not None
    assert trained.accuracy > 0.9
    chances = trained.probabilities(inputs)
    right = [trained.names[i] == label for i, label in zip(chances.argmax(axis=1), labels, strict=True)]
    assert abs(np.mean(right) - chances.max(axis=1).mean()) < 0.1  # as sure as it is right
    trained.save(tmp_path / "pets")
    again = Classifier.load(tmp_path / "pets", encoder="mini-1")
    np.testing.assert_array_equal(again.probabilities(inputs), chances)
    assert (again.names, again.accuracy) == (trained.names, trained.accuracy)


def test_a_classifier_of_another_encoder_is_refused(tmp_path: Path):
    fit(*clusters(6, np.random.default_rng(3)), encoder="mini-1").save(tmp_path / "pets")
    with pytest.raises(ValueError, match="was trained on the encoder mini-1, this one is mini-2"):
        Classifier.load(tmp_path / "pets", encoder="mini-2")
    with pytest.raises(FileNotFoundError, match="not a classifier"):
        Classifier.load(tmp_path, encoder="mini-1")


def test_too_few_examples_are_all_learned_from():
    assert fit(*clusters(6, np.random.default_rng(3)), encoder="x").accuracy is None
    with pytest.raises(ValueError, match="at least two labels, got cat"):
        fit(np.zeros((2, 3), np.float32), ["cat", "cat"], ["a", "b"], encoder="x")


def test_rows_of_a_table_are_read_and_bad_ones_named(tmp_path: Path):
    table = tmp_path / "pets.csv"
    table.write_text("video,label\na.mp4,cat\n,dog\nb/c.mp4,dog\n")
    rows, problems = read_labelled(table)
    assert rows == [(tmp_path / "a.mp4", "cat"), (tmp_path / "b/c.mp4", "dog")]
    assert problems == ["pets.csv:3: a row needs a video and a label"]
    table.write_text("file,class\n")
    with pytest.raises(ValueError, match="the columns video and label, got file, class"):
        read_labelled(table)


def test_tags_replace_those_of_their_origin_and_go_with_their_video():
    rng = np.random.default_rng(4)
    with Catalog.open(":memory:", EncoderInfo("x", 8)) as catalog:
        one, two = (put_film(catalog, f"/{name}.mp4", unit(rng, 2, 8), rng) for name in ("one", "two"))
        ids = [[segment.id for segment in catalog.segments.of(video.id)] for video in (one, two)]
        tags = [
            Tag(ids[0][0], "Cat", 0.9, "labels"),
            Tag(ids[1][1], "dog", 0.7, "labels"),
            Tag(999, "cat", 1, "labels"),
        ]
        catalog.tags.put(tags, origin="labels", video_ids=[one.id, two.id])
        catalog.tags.put([Tag(ids[0][1], "cat", 0.6, "mine")], origin="mine", video_ids=[one.id])
        assert catalog.tags.of(one.id) == [Tag(ids[0][0], "Cat", 0.9, "labels"), Tag(ids[0][1], "cat", 0.6, "mine")]
        assert catalog.tags.counts() == {"Cat": 2, "dog": 1}
        assert catalog.segments.ids([Filter("tag", "CAT")]).tolist() == ids[0]
        assert catalog.segments.ids([Filter("within", "/two.mp4"), Filter("tag", "cat")]).tolist() == []
        catalog.tags.put([], origin="labels", video_ids=[one.id])
        assert catalog.segments.ids([Filter("tag", "cat")]).tolist() == [ids[0][1]]
        assert catalog.segments.ids([Filter("tag", "dog")]).tolist() == [ids[1][1]]
        catalog.videos.remove([one.id, two.id])
        assert catalog.tags.counts() == {}


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    for i in range(6):
        render(folder / f"bright{i}.mp4", frames=30, paint=lambda _, i=i: np.full((96, 160, 3), 200 + 8 * i, np.uint8))
        render(folder / f"quarters{i}.mp4", frames=30, paint=quarters(step=i + 1))
    return folder


@pytest.mark.slow
def test_videos_are_classified_tagged_and_found_by_their_tags(films: Path, tmp_path: Path):
    library, folder = tmp_path / "library", tmp_path / "looks"
    table = tmp_path / "looks.csv"
    with table.open("w", newline="") as file:
        rows = [[str(path), path.stem.rstrip("0123456789")] for path in sorted(films.iterdir())]
        csv.writer(file).writerows([["video", "label"], *rows])
    assert run("index", films, "--library", library).exit_code == 0
    trained = run("classify", "--train", table, "--classifier", folder, "--library", library)
    assert trained.exit_code == 0, trained.output
    one = run("classify", films / "quarters2.mp4", "--classifier", folder, "--library", library, "--json")
    said = json.loads(one.stdout)
    assert next(iter(said[0]["labels"])) == "quarters"
    assert said[0]["segments"][0]["start"] == 0
    tagged = run("classify", "--classifier", folder, "--library", library)
    assert tagged.exit_code == 0
    assert [line.split() for line in tagged.stdout.splitlines()[:2]] == [["6", "bright"], ["6", "quarters"]]
    found = run("search", "anything at all", "--tag", "quarters", "--library", library, "--top", 50, "--json")
    names = {Path(moment["path"]).stem for moment in json.loads(found.stdout)}
    assert names == {f"quarters{i}" for i in range(6)}
    with Library(library) as held:
        assert held.search("anything", tag="no such tag") == []


def test_a_file_outside_of_the_library_is_looked_at_and_a_broken_one_named(films: Path, tmp_path: Path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    result = run(
        "classify",
        films / "bright0.mp4",
        tmp_path / "broken.mp4",
        "--labels",
        "a wall,a dog",
        "--library",
        tmp_path / "l",
    )
    assert result.exit_code == 3
    assert "bright0.mp4" in result.stdout
    assert "%" in result.stdout
    assert "broken.mp4" in result.stderr


@pytest.mark.slow
def test_labels_that_fit_nothing_leave_no_tag(films: Path, tmp_path: Path):
    library = tmp_path / "library"
    assert run("index", films / "bright0.mp4", "--library", library).exit_code == 0
    assert run("classify", "--labels", "a dog,a cat", "--least", 1.0, "--library", library).exit_code == 0
    with Library(library) as held:
        assert held.catalog.tags.counts() == {}
        (found,) = [held.classify(films / "bright0.mp4", Labels.of(["a dog"], held.encoder))]
        assert found.names == ("a dog", NONE)


def test_wrong_usage_says_what_is_needed(tmp_path: Path):
    neither = run("classify", "--library", tmp_path)
    assert neither.exit_code == 1
    assert "either --labels or --classifier" in neither.stderr
    nowhere = run("classify", "--train", "a.csv", "--labels", "x", "--library", tmp_path)
    assert nowhere.exit_code == 1
    assert "--train needs --classifier" in nowhere.stderr
