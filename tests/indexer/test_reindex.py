"""A library moves to another encoder: with and without decoding, interrupted, and with files that are gone."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from indexer.features.fusion import fused
from indexer.pipeline import IndexOptions, Progress
from indexer.reindex import _shared_out
from model.encoder.load import load
from model.network import checkpoint
from search import Library
from search.cli.app import app
from store.errors import EncoderMismatch
from tests.support.media import render
from tests.support.towers import save_towers


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    render(folder / "one.mp4", frames=75)
    render(folder / "two.mp4", frames=50, paint=lambda index: np.full((96, 160, 3), (200, 30, 30), np.uint8))
    (folder / "one.srt").write_text("1\n00:00:00,500 --> 00:00:01,500\na red dog\n")
    return folder


@pytest.fixture
def sibling(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """The tiny checkpoint trained on: the same backbone, and other weights behind it."""
    model, tokenizer = checkpoint.load(tiny_checkpoint)
    with torch.no_grad():
        model.retrieval.frames.weight.add_(torch.randn_like(model.retrieval.frames.weight))
    checkpoint.save(model, tokenizer, tmp_path / "sibling")
    return tmp_path / "sibling"


@pytest.fixture
def library(films: Path, tiny_checkpoint: Path, tmp_path: Path):
    with Library(tmp_path / "library", model=tiny_checkpoint) as opened:
        assert opened.index([films]).indexed == 2
        yield opened


def run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_library_loads_the_model_it_was_made_with(library: Library, tiny_checkpoint: Path, sibling: Path):
    with Library(library.folder) as again:
        assert again.encoder.name == str(tiny_checkpoint)
        assert len(again.search("a red dog")) == 2
        assert again.status()["tier"] == "a folder of yours"
    with Library(library.folder, model=sibling) as other, pytest.raises(EncoderMismatch, match="`videobert reindex`"):
        other.search("a red dog")


def test_the_same_backbone_needs_no_video(library: Library, films: Path, sibling: Path):
    ids = library.catalog.segments.ids().tolist()
    before = library.catalog.segments.embeddings(ids)
    for film in films.iterdir():
        film.unlink()
    told: list[Progress] = []
    report = library.reindex(sibling, tell=told.append)
    assert (report.done, report.embedded, report.decoded, report.left) == (True, 2, 0, [])
    assert [(progress.done, progress.total) for progress in told] == [(1, 2), (2, 2)] * 2  # embedded, then labelled
    assert library.catalog.segments.ids().tolist() == ids
    assert np.abs(library.catalog.segments.embeddings(ids) - before).max() > 0.01
    segment = library.catalog.segments.get(ids[0])
    features = library.catalog.segments.frame_features(ids[0])[1]
    expected = fused([features], [segment.text], load(sibling))
    np.testing.assert_allclose(library.catalog.segments.embeddings(ids[:1]), expected, atol=1e-5)
    with Library(library.folder) as again:
        assert again.encoder.name == str(sibling)
        assert {moment.segment_id for moment in again.search("a dog")} <= set(ids)


def test_another_backbone_decodes_again_and_equals_a_library_made_with_it(
    library: Library, films: Path, tmp_path: Path
):
    clip = save_towers("clip", tmp_path)
    shown = [(s.id, s.start, s.end, s.text) for v in library.videos() for s in library.catalog.segments.of(v.id)]
    report = library.reindex(clip)
    assert (report.done, report.embedded, report.decoded) == (True, 2, 2)
    assert shown == [
        (s.id, s.start, s.end, s.text) for v in library.videos() for s in library.catalog.segments.of(v.id)
    ]
    with Library(tmp_path / "fresh", model=clip) as fresh:
        fresh.index([films])
        for ours, theirs in zip(
            library.catalog.segments.ids().tolist(), fresh.catalog.segments.ids().tolist(), strict=True
        ):
            for mine, expected in zip(
                library.catalog.segments.frame_features(ours),
                fresh.catalog.segments.frame_features(theirs),
                strict=True,
            ):
                np.testing.assert_array_equal(mine, expected)
        np.testing.assert_allclose(
            library.catalog.segments.embeddings(library.catalog.segments.ids()),
            fresh.catalog.segments.embeddings(fresh.catalog.segments.ids()),
            atol=1e-6,
        )
        assert [m.score for m in library.search("a dog")] == pytest.approx([m.score for m in fresh.search("a dog")])
    assert library.index([films]).unchanged == 2


def test_interrupted_it_keeps_the_old_encoder_and_goes_on(library: Library, tmp_path: Path, tiny_checkpoint: Path):
    clip = save_towers("clip", tmp_path)

    def interrupt(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        library.reindex(clip, tell=interrupt)
    with Library(library.folder) as meanwhile:
        assert meanwhile.encoder.name == str(tiny_checkpoint)
        assert len(meanwhile.search("a red dog")) == 2
    report = library.reindex(clip)
    assert (report.done, report.embedded) == (True, 1)  # the other one was kept
    assert library.status()["model"] == library.encoder.fingerprint


def test_files_that_are_gone_or_changed_keep_the_old_encoder(library: Library, films: Path, tmp_path: Path):
    clip = save_towers("clip", tmp_path)
    (films / "one.mp4").rename(tmp_path / "elsewhere.mp4")
    report = library.reindex(clip)
    assert not report.done
    assert report.left == [(str(films / "one.mp4"), "No such file or directory")]
    with Library(library.folder) as still:
        assert len(still.search("a red dog")) == 2
    (tmp_path / "elsewhere.mp4").rename(films / "one.mp4")
    os.utime(films / "one.mp4", ns=(1, 1))
    assert library.reindex(clip).left == [(str(films / "one.mp4"), "it has changed since it was indexed")]
    report = library.reindex(clip, forget_missing=True)
    assert (report.done, report.forgotten, report.embedded) == (True, 1, 0)
    assert [Path(video.path).name for video in library.videos()] == ["two.mp4"]
    assert library.index([films]).indexed == 1


def test_a_video_that_cannot_be_decoded_any_more_is_named(library: Library, films: Path, tmp_path: Path):
    status = (films / "two.mp4").stat()
    (films / "two.mp4").write_bytes(b"x" * status.st_size)
    os.utime(films / "two.mp4", ns=(status.st_atime_ns, status.st_mtime_ns))
    report = library.reindex(save_towers("clip", tmp_path))
    assert not report.done
    assert [path for path, _ in report.left] == [str(films / "two.mp4")]
    assert len(library.catalog.failures.all()) == 0  # what the old encoder made of it still stands


def test_the_pace_of_decoding_may_differ_from_that_of_indexing(library: Library, tmp_path: Path):
    report = library.reindex(save_towers("clip", tmp_path), options=IndexOptions(fps=8.0))
    assert report.done
    pts, features = library.catalog.segments.frame_features(int(library.catalog.segments.ids()[0]))
    assert np.diff(pts) == pytest.approx(0.125, abs=0.05)
    assert len(pts) == len(features)


def test_frames_are_shared_out_by_time():
    parts = _shared_out(np.array([0.0, 0.5, 1.0, 1.5]), [0.0, 1.0, 1.2, 1.3])
    assert [part.tolist() for part in parts] == [[0, 1], [2], [2], [3]]  # 1.2 has none, and takes the nearest
    assert [part.tolist() for part in _shared_out(np.array([0.2, 9.0]), [0.5])] == [[0, 1]]


def test_the_encoder_it_has_already_is_nothing_to_do(library: Library, tiny_checkpoint: Path):
    report = library.reindex()
    assert (report.done, report.embedded) == (True, 0)
    assert library.encoder.name == str(tiny_checkpoint)


@pytest.mark.slow
def test_the_whole_way_on_the_command_line(films: Path, tiny_checkpoint: Path, tmp_path: Path):
    home, clip = tmp_path / "home", save_towers("clip", tmp_path)
    assert run("index", films, "--library", home, "--model", tiny_checkpoint).exit_code == 0
    facts = json.loads(run("status", "--library", home, "--json").stdout)
    assert (facts["model"].split("-")[0], facts["tier"]) == ("tiny", "a folder of yours")
    refused = run("index", films, "--library", home, "--model", clip)
    assert refused.exit_code == 1
    assert "`videobert reindex` moves a library" in refused.stderr
    moved = run("reindex", "--library", home, "--model", clip)
    assert moved.exit_code == 0
    assert moved.stdout.startswith("Embedded 2 videos, 2 of them decoded again: 0:05 of video in ")
    assert moved.stdout.splitlines()[1] == "Labelled 2 videos from stored frames."
    assert moved.stdout.splitlines()[2].startswith("The library now uses clip-")
    assert len(json.loads(run("search", "a red dog", "--library", home, "--json").stdout)) == 2
    (films / "two.mp4").unlink()
    stuck = run("reindex", "--library", home, "--model", tiny_checkpoint)
    assert stuck.exit_code == 3
    assert "still uses clip-" in stuck.stdout
    assert f"{films / 'two.mp4'}: No such file" in stuck.stderr
    done = run("reindex", "--library", home, "--model", tiny_checkpoint, "--forget-missing", "--json")
    assert done.exit_code == 3
    assert json.loads(done.stdout)["forgotten"] == 1
    assert len(json.loads(run("list", "--library", home, "--json").stdout)) == 1


def test_interrupted_on_the_command_line(library: Library, sibling: Path, monkeypatch: pytest.MonkeyPatch):
    def interrupt(progress: Progress) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("search.cli.progress.plain_progress", lambda console: interrupt)
        stopped = run("reindex", "--library", library.folder, "--model", sibling)
    assert stopped.exit_code == 130
    assert stopped.stderr == "Interrupted. The library is as it was; run the same command again to go on.\n"
    done = run("reindex", "--library", library.folder, "--model", sibling)
    assert done.stdout.startswith("Embedded 1 video, 0 of them decoded again")


def test_a_model_that_is_not_here_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VIDEOBERT_MODELS", str(tmp_path / "models"))
    done = run("index", tmp_path, "--library", tmp_path / "home", "--model", "siglip2-base")
    assert done.exit_code == 1
    assert "`videobert models fetch siglip2-base`" in done.stderr


def test_a_library_whose_model_folder_is_gone_says_which(library: Library, tiny_checkpoint: Path):
    tiny_checkpoint.rename(tiny_checkpoint.with_name("renamed"))
    done = run("search", "a dog", "--library", library.folder)
    assert done.exit_code == 1
    assert f"no model {tiny_checkpoint}" in done.stderr
