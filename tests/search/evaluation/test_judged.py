"""Saved queries: what is judged is kept, and answers that got worse shut the gate."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from search import Library
from search.cli.app import app
from search.evaluation.judged import DEPTH, Floor, ask, below, fallen, judged_scores
from search.evaluation.retrieval import Options
from search.library.library import LIBRARY_VARIABLE
from store.catalog.catalog import Catalog
from store.catalog.judgements import Judgement
from tests.search.evaluation.test_retrieval import BagOfWords, put
from tests.support.media import render


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library(tmp_path / "library", encoder=BagOfWords()) as opened:
        opened.catalog = opened.engine.writable_catalog()
        put(opened, "one.mp4", "cat", "dog")
        put(opened, "two.mp4", "dog dog dog cat", "circle")
        yield opened


def test_the_first_moment_that_fits_counts(library: Library):
    judgements = [
        Judgement("dog", "/films/one.mp4", True, 10.0, 14.0),
        Judgement("dog", "/films/two.mp4", False),
        Judgement("cat", "/films/one.mp4", True, 12.0, 20.0),  # the dog's segment, which is no cat
        Judgement("cat", "/films/gone.mp4", True),
        Judgement("circle", "/films/gone.mp4", True),
    ]
    ranks = ask(library, judgements)
    # dog: one.mp4 from 10 s, then two.mp4. cat: one.mp4 from 0 s, two.mp4, then those that are no cats at all.
    assert ranks["right"]["dog"] == 1
    assert ranks["wrong"] == {"dog": 2}
    assert ranks["right"]["cat"] in (3, 4)
    assert ranks["right"]["circle"] == DEPTH + 1


def test_scores_stand_beside_those_of_a_random_order(library: Library):
    judgements = [
        Judgement("dog", "/films/one.mp4", True, 10.0, 20.0),
        Judgement("dog", "/films/two.mp4", False),
        Judgement("circle", "/films/one.mp4", True),
    ]
    scores = judged_scores(library, judgements, ask(library, judgements), Options(resamples=20))
    assert list(scores) == ["R@1", "R@5", "R@10", "kept-out@1", "kept-out@5", "kept-out@10"]
    assert scores["R@1"].value == 0.5
    assert scores["R@1"].baselines["random order"] == pytest.approx((1 / 4 + 2 / 4) / 2)
    assert (scores["kept-out@1"].value, scores["kept-out@5"].value) == (1, 0)
    assert scores["kept-out@1"].baselines["random order"] == pytest.approx(2 / 4)


def test_floors():
    ranks = {"right": {"a": 1, "b": 7, "c": DEPTH + 1}, "wrong": {}}
    assert below(ranks, [Floor.parse("R@10=0.66"), Floor.parse("R@1=33%")]) == []
    assert below(ranks, [Floor.parse("R@5=0.5")]) == ["R@5 is 33.3%, below 50.0%"]
    assert below(ranks, [Floor.parse("kept-out@5=1")]) == ["kept-out@5 cannot be reached: no answer was judged wrong"]
    assert below({"right": {}, "wrong": {"a": 3}}, [Floor.parse("kept-out@2=1")]) == []


@pytest.mark.parametrize("text", ["R@10", "MedR=3", "R@0=0.5", "R@101=0.5", "R@10=80", "R@10=101%", "R@10=-1"])
def test_a_floor_that_means_nothing_is_refused(text: str):
    with pytest.raises(ValueError, match="got"):
        Floor.parse(text)


def test_only_queries_asked_both_times_are_compared():
    before = {"right": {"a": 1, "b": 5}, "wrong": {"a": 8}}
    assert fallen(before, {"right": {"a": 1, "b": 4, "new": 99}, "wrong": {"a": 9, "new": 1}}) == []
    assert fallen(before, {"right": {"a": 2, "b": 6}, "wrong": {"a": 5}}) == [
        "R@1 fell from 50.0% to 0.0% (queries compared: 2)",
        "R@5 fell from 100.0% to 50.0% (queries compared: 2)",
        "kept-out@5 fell from 100.0% to 0.0% (queries compared: 1)",
    ]
    assert fallen({"right": {}, "wrong": {}}, before) == []


def test_judgements_are_kept_replaced_and_forgotten():
    with Catalog.open(":memory:") as catalog:
        whole, part = (
            Judgement("a dog", "/films/\udcff.mp4", True),
            Judgement("a dog", "/films/\udcff.mp4", True, 1.0, 2.5),
        )
        wrong = Judgement("a dog", "/films/\udcff.mp4", False)
        for judgement in (whole, part, wrong):
            catalog.judgements.put(judgement)
        assert catalog.judgements.all() == [part, wrong]
        assert catalog.judgements.remove(whole)
        assert not catalog.judgements.remove(whole)
        assert catalog.judgements.all() == [part]


def test_the_last_run_is_remembered():
    with Catalog.open(":memory:") as catalog:
        assert catalog.judgements.last_run() is None
        catalog.judgements.put_run("mini@1", {"right": {"a": 1}, "wrong": {}})
        catalog.judgements.put_run("mini@2", {"right": {"a": 2}, "wrong": {"b": 3}})
        last = catalog.judgements.last_run()
        assert last is not None
        assert (last.encoder, last.ranks) == ("mini@2", {"right": {"a": 2}, "wrong": {"b": 3}})


def test_judgements_move_with_a_video_and_outlive_indexing_it_again(library: Library):
    judgement = Judgement("dog", "/films/one.mp4", True)
    library.catalog.judgements.put(judgement)
    put(library, "one.mp4", "dog")
    assert library.catalog.judgements.all() == [judgement]
    (video,) = library.catalog.videos.all(within="/films/one.mp4")
    library.catalog.move_video(video.id, replace(video, path="/films/moved.mp4"))
    assert library.catalog.judgements.all() == [replace(judgement, path="/films/moved.mp4")]
    library.remove(["/films"])
    assert len(library.catalog.judgements.all()) == 1


# The commands


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    render(folder / "quarters.mp4", frames=50)
    render(folder / "yellow.mp4", frames=50, paint=lambda index: np.full((96, 160, 3), (250, 250, 0), np.uint8))
    assert run("index", folder, "--library", folder / "library").exit_code == 0
    return folder


@pytest.fixture
def home(films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the films; the library is a copy of its own for every test."""
    monkeypatch.setenv(LIBRARY_VARIABLE, str(shutil.copytree(films / "library", tmp_path / "library")))
    return films


def run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def gate(*options: object):
    return run("evaluate", "--judged", "--resamples", 20, *options)


def test_the_gate_shuts_when_answers_are_lost_and_stays_shut(home: Path):
    assert run("judge", "a yellow wall", home / "yellow.mp4").stdout == "The library has 1 judged answer.\n"
    assert run("judge", "squares", f"{home / 'quarters.mp4'}@0-1.5").exit_code == 0
    first = gate("--at-least", "R@10=1")
    assert first.exit_code == 0
    assert " right answer #" in first.stdout
    assert "saved queries (2 judged answers)" in first.stdout
    run("remove", home / "yellow.mp4")
    for _ in range(2):
        lost = gate()
        assert lost.exit_code == 4
        assert "R@10 fell from 100.0% to 50.0% (queries compared: 2)" in lost.stderr
        assert "right answer not found (before: #" in lost.stdout
    said = json.loads(gate("--json", "--accept").stdout)
    assert said["accepted"]
    assert said["ranks"]["right"]["a yellow wall"] == DEPTH + 1
    assert said["compared_with"]["ranks"]["right"]["a yellow wall"] <= 2
    assert said["scores"]["R@10"]["value"] == 0.5
    assert gate().exit_code == 0
    floor = gate("--at-least", "R@10=80%", "--at-least", "R@10=0.1")
    assert (floor.exit_code, floor.stderr) == (4, "R@10 is 50.0%, below 80.0%\n")


def test_judgements_are_made_and_taken_back(home: Path):
    assert gate().exit_code == 1
    assert "has no judged queries yet" in gate().stderr
    assert run("judge", "a wall", home / "quarters.mp4", "--wrong").exit_code == 0
    assert "kept-out@1" in gate().stdout
    assert run("judge", "a wall", home / "quarters.mp4", "--forget").stdout == "The library has 0 judged answers.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a wall", "nowhere.mp4"], "holds no video"),
        (["  ", "quarters.mp4"], "at least one word"),
        (["a wall", "quarters.mp4@9-10"], "ends at 2.0 s, before the judged part begins"),
        (["a wall", "quarters.mp4", "--forget"], "nothing was judged of"),
    ],
)
def test_what_cannot_be_judged_is_one_clear_line(home: Path, arguments: list[str], message: str):
    text, video, *options = arguments
    result = run("judge", text, home / video, *options)
    assert (result.exit_code, result.stdout) == (1, "")
    assert message in result.stderr


def test_wrong_and_forget_exclude_each_other(home: Path):
    assert run("judge", "a wall", home / "quarters.mp4", "--wrong", "--forget").exit_code == 2
