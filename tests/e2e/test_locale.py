"""A library does not depend on the locale: names of files are bytes, whatever they look like to this process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.media import render

NAMES = ("日本 é.mp4", "plain.mp4")
CHARMAPS = ("ISO-8859-15", "KOI8-R", "EUC-JP", "UTF-8")
# Puts videos into a library, looks for them as `--prune` does, and tells what is held.
PROGRAM = r"""
import json, os, sys

from store.catalog.catalog import Catalog
from store.filters import parse_filter
from store.types import EncoderInfo
from tests.support.catalog import DIM, a_video, some_segments
library, folder, put = sys.argv[1:]
with Catalog.open(library, EncoderInfo("mini@1", DIM)) as catalog:
    if put == "put":
        for number, name in enumerate(sorted(os.listdir(folder))):
            catalog.put_video(a_video(os.path.join(folder, name), content_hash=str(number)), some_segments(1), [])
    videos = catalog.videos.all(within=folder)
    print(json.dumps({
        "encoding": sys.getfilesystemencoding(),
        "names": [os.fsencode(os.path.basename(video.path)).decode() for video in videos],
        "there": [os.path.exists(video.path) for video in videos],
        "known": [catalog.videos.at(os.path.join(folder, name)) is not None for name in os.listdir(folder)],
        "in": len(catalog.segments.ids([parse_filter("in", os.fsdecode("\u65e5\u672c".encode()))])),
        "words": catalog.fulltext.search(["\u65e5\u672c"], limit=5),
        "pruned": catalog.videos.remove([video.id for video in videos if not os.path.exists(video.path)]),
    }))
"""


@pytest.fixture(scope="module")
def locales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of locales that differ in their encoding."""
    folder = tmp_path_factory.mktemp("locales")
    for charmap in CHARMAPS:
        command = ["localedef", "-c", "-i", "de_DE", "-f", charmap, str(folder / f"de_DE.{charmap}")]
        try:
            subprocess.run(command, check=False, capture_output=True)
        except FileNotFoundError:
            pytest.skip("localedef is not on this machine")
        if not (folder / f"de_DE.{charmap}" / "LC_CTYPE").exists():
            pytest.skip("the locales of this machine cannot be compiled")
    return folder


def told(library: Path, films: Path, locales: Path, charmap: str, put: str) -> dict[str, object]:
    surroundings = {"LOCPATH": str(locales), "LC_ALL": f"de_DE.{charmap}", "PYTHONUTF8": "0", "PYTHONPATH": os.getcwd()}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(library), str(films), put],
        env={**{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}, **surroundings},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
    return dict(json.loads(done.stdout))


@pytest.mark.slow
@pytest.mark.parametrize(("made", "read"), [("ISO-8859-15", "UTF-8"), ("UTF-8", "KOI8-R"), ("EUC-JP", "ISO-8859-15")])
def test_a_library_made_under_one_locale_reads_under_another(tmp_path: Path, locales: Path, made: str, read: str):
    films = tmp_path / "films"
    films.mkdir()
    render(films / "plain.mp4", frames=1)
    os.link(films / "plain.mp4", films / NAMES[0])
    encodings = []
    for charmap, put in ((made, "put"), (read, "look")):
        answer = told(tmp_path / "catalog.sqlite", films, locales, charmap, put)
        encodings.append(answer.pop("encoding"))
        assert answer == {
            "names": ["plain.mp4", NAMES[0]],
            "there": [True, True],
            "known": [True, True],
            "in": 1,
            "words": [2],
            "pruned": 0,
        }
    assert len(set(encodings)) == 2
