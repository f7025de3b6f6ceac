"""What this version prints, offers and finds, for later versions to compare.

`python -m tests.support.golden` writes it. `library/` is a library folder as version 0.1.0 wrote it, which is never
written again: later versions open and migrate it. Its paths are below `/videos`. The model is tiny and the same to the
last bit on every machine.
"""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path, PurePath
from typing import Any
from unittest.mock import patch

import click
import numpy as np
import torch
import typer
from typer.testing import CliRunner

from model.encoder.contract import Encoder
from model.encoder.videobert import VideoBertEncoder
from model.network.videobert import VideoBertModel
from search.cli.app import app
from search.library import Library
from search.service.app import create
from search.service.backend.settings import Settings
from store.catalog.judgements import Judgement
from store.catalog.searches import SavedSearch
from store.catalog.tags import Tag
from tests.support.media import quarters, render
from tests.support.tiny_model import tiny_config, tiny_tokenizer

GOLDEN = Path(__file__).parents[1] / "e2e" / "golden"
SUBTITLES = """\
1
00:00:00,000 --> 00:00:02,000
a red square <b>moves</b> left

2
00:00:03,000 --> 00:00:04,500
the dog and the cat move up, the circle down
"""
QUERIES: tuple[dict[str, Any], ...] = (
    {"query": "a red square"},
    {"query": "the dog", "explain": True},
    {"query": "the cat moves up", "top": 2},
    {"query": '"square moves"', "explain": True},
    {"query": "red AND square"},
    {"query": "dog OR square", "explain": True},
    {"query": "green square NOT dog"},
    {"query": "red THEN dog"},
    {"query": "a red square", "only": "visual", "explain": True},
    {"query": "moves", "only": "words"},
    {"query": "a green circle", "rerank": 3, "per_video": 1},
    {"query": "blue circle", "within": "/videos/second.mp4"},
    {"query": "dog", "more": [1], "less": [2]},
    {"query": "", "more": [2]},
    {"query": "a dog", "clips": [1]},
    {"query": "a dog", "tag": "cartoon"},
    {"query": "a red square", "min_confidence": 0.3},
)


def golden_encoder() -> Encoder:
    """A tiny VideoBERT whose weights are small multiples of powers of two, in float32."""
    model = VideoBertModel(tiny_config(backbone="mobilenet_v2")).eval()
    numbers = np.random.default_rng(0)
    weights = model.state_dict()
    for name in sorted(weights):
        weight = weights[name]
        if name.endswith("bias"):
            weight.zero_()
        elif weight.is_floating_point() and weight.ndim > 1:
            drawn = torch.from_numpy(numbers.integers(-32, 33, size=tuple(weight.shape)).astype(np.float32))
            weight.copy_(drawn * 2.0 ** round(math.log2(2.4 / 32 / math.sqrt(weight[0].numel()))))
    encoder = VideoBertEncoder(model, tiny_tokenizer(), fingerprint="golden-1", name="golden")
    with patch("model.runtime.torch_session.bf16_is_native", lambda device: False):
        assert encoder.session.precision == "float32"
    return encoder


def commands(command: click.Command, *names: str) -> Iterator[tuple[str, ...]]:
    """The words that call each command, groups first."""
    yield names
    for name, below in sorted(getattr(command, "commands", {}).items()):
        yield from commands(below, *names, name)


def helps() -> dict[str, str]:
    """What each command says of itself, without the frames that are drawn around it."""
    found = {}
    for names in commands(typer.main.get_command(app)):
        done = CliRunner().invoke(app, [*names, "--help"], env={"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"})
        lines = (" ".join(line.strip("│╭╮╰╯─ ").split()) for line in done.stdout.splitlines())
        found[" ".join(("videobert", *names))] = "\n".join(line for line in lines if line)
    return found


def help_text() -> str:
    return "\n\n".join(f"$ {command} --help\n{text}" for command, text in helps().items()) + "\n"


def openapi(folder: Path) -> dict[str, Any]:
    with Library(folder, encoder=golden_encoder()) as library:
        return json.loads(json.dumps(create(library, Settings()).openapi()))


def rows(folder: Path) -> list[dict[str, Any]]:
    """Each segment with its vector and the mean of each of its frames' features."""
    columns = 'path, start, "end", text, vector, data, f.width'
    joined = (
        "segments JOIN videos ON videos.id = video_id JOIN embeddings e ON e.segment_id = segments.id "
        "JOIN frame_features f ON f.segment_id = segments.id"
    )
    with closing(sqlite3.connect(folder / "catalog.sqlite")) as db:
        found = db.execute(f"SELECT {columns} FROM {joined} ORDER BY path, start").fetchall()
    return plain(
        [
            {"path": path, "start": start, "end": end, "text": text}
            | {"vector": np.frombuffer(vector, np.float32).tolist()}
            | {"features": np.frombuffer(data, np.float16).astype(np.float64).reshape(-1, width).mean(axis=1).tolist()}
            for path, start, end, text, vector, data, width in found
        ]
    )


def answers(library: Library) -> dict[str, Any]:
    """What the library says to the queries, to clips, of its duplicates and of what is in it."""
    return plain(
        {
            "searches": [
                {"asked": asked, "moments": [asdict(moment) for moment in library.search(**asked)]} for asked in QUERIES
            ],
            "similar": [[asdict(moment) for moment in library.similar(number)] for number in (1, 2, 3)],
            "duplicates": [asdict(found) for found in library.duplicates(min_seconds=0.5)],
            "failures": [asdict(failure)["path"] for failure in library.catalog.failures.all()],
            "saved": [asdict(search) for search in library.catalog.searches.all()],
            "judgements": [asdict(judgement) for judgement in library.catalog.judgements.all()],
        }
    )


def plain(value: Any) -> Any:
    """As JSON holds it, with the names of files in the place of their paths."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, PurePath) or (isinstance(value, str) and value.startswith("/")):
        return PurePath(value).name
    if isinstance(value, np.generic):
        return plain(value.item())
    return round(value, 7) if isinstance(value, float) else value


def make_videos(folder: Path) -> None:
    """Three videos of a few seconds, one with subtitles, one that shows a part of it, and a file that is none."""
    folder.mkdir(parents=True, exist_ok=True)
    yellow = [np.full((96, 160, 3), (250, 250 - 3 * index, 0), np.uint8) for index in range(63)]
    corners = [quarters(step=2)(index) for index in range(63)]
    render(folder / "first.mp4", frames=126, paint=[*corners, *yellow].__getitem__)
    render(folder / "second.mp4", frames=50, paint=yellow[10:].__getitem__, codec="mpeg4")
    render(folder / "third.mp4", frames=25, paint=lambda index: np.flip(corners[index], axis=1))
    (folder / "first.srt").write_text(SUBTITLES, encoding="utf-8")
    (folder / "broken.mp4").write_bytes(b"not a video at all")


def make_library(folder: Path, videos: Path) -> None:
    """A library of the videos as if they lay in /videos."""
    with Library(folder, encoder=golden_encoder()) as library:
        library.index([videos])
        library.catalog.tags.put([Tag(1, "cartoon", 0.9, "labels")], origin="labels", video_ids=[1])
        library.catalog.searches.put(SavedSearch("Dogs", "the dog", only="words", per_video=1, more=(1,), less=(2,)))
        library.catalog.judgements.put(Judgement("a red square", str(videos / "first.mp4"), right=True))
    with closing(sqlite3.connect(folder / "catalog.sqlite")) as db, db:
        for table in ("videos", "failures", "judgements"):
            db.execute(f"UPDATE {table} SET path = replace(path, ?, '/videos')", [str(videos)])
        db.execute("UPDATE videos SET added_at = '2026-11-27T12:00:00+00:00'")


def same(found: Any, expected: Any, *, tolerance: float, at: str = "") -> None:
    """Raise AssertionError, naming the place, where two values differ by more than the tolerance."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), at
        for key, value in expected.items():
            same(found[key], value, tolerance=tolerance, at=f"{at}.{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), f"{at}: {len(found)} for {len(expected)}"
        for index, value in enumerate(expected):
            same(found[index], value, tolerance=tolerance, at=f"{at}[{index}]")
    elif isinstance(expected, float):
        assert math.isclose(found, expected, rel_tol=tolerance, abs_tol=tolerance), f"{at}: {found} for {expected}"
    else:
        assert found == expected, f"{at}: {found!r} for {expected!r}"


def write(*, library: bool) -> None:
    """Write what is compared; the old library as well if asked for."""
    if library:
        make_videos(GOLDEN / "videos")
        shutil.rmtree(GOLDEN / "library", ignore_errors=True)
        make_library(GOLDEN / "library", GOLDEN / "videos")
        with closing(sqlite3.connect(GOLDEN / "library" / "catalog.sqlite")) as db:
            db.executescript("PRAGMA journal_mode = DELETE; PRAGMA page_size = 1024; VACUUM")  # small enough for git
        for path in (GOLDEN / "library").iterdir():
            if path.name != "catalog.sqlite":
                path.unlink()
    (GOLDEN / "help.txt").write_text(help_text(), encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        write_json("openapi.json", openapi(Path(folder) / "empty"))
        copy = shutil.copytree(GOLDEN / "library", Path(folder) / "library")
        with Library(copy, encoder=golden_encoder()) as opened:
            write_json("answers.json", answers(opened))
            write_json("rows.json", rows(copy))


def write_json(name: str, value: Any) -> None:
    (GOLDEN / name).write_text(json.dumps(value, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    write(library="--library" in sys.argv)
