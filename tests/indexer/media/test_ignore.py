"""What a walk over folders passes over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from indexer.discovery import discover
from indexer.media.ignore import is_ignored
from indexer.text.sidecars import sidecars


def tree(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder


def found(folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in discover([folder]).files}


@pytest.mark.parametrize(
    "name",
    ["@eaDir", "#recycle", "$RECYCLE.BIN", "node_modules", ".Trash-1000", "lost+found", "System Volume Information",
     "__MACOSX", "@Recycle"],
)  # fmt: skip
def test_folders_of_systems(tmp_path: Path, name: str):
    tree(tmp_path, "a.mp4", f"{name}/b.mp4", f"deep/{name}/more/c.mp4", f"{name}.mp4")
    assert found(tmp_path) == {"a.mp4", f"{name}.mp4"} - ({f"{name}.mp4"} if name.startswith(".") else set())
    assert is_ignored(tmp_path / name / "b.mp4", tmp_path)
    assert not is_ignored(tmp_path / "a.mp4", tmp_path)
    assert discover([tmp_path / name / "b.mp4"]).files == [tmp_path / name / "b.mp4"]


@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        ("*.mkv", {"a.mp4", "raw/c.mp4", "raw/deep/d.mp4"}),
        ("raw/", {"a.mp4", "b.mkv"}),
        ("/a.mp4\n# note\n", {"b.mkv", "raw/c.mp4", "raw/deep/d.mp4"}),
        ("*\n!*/\n!*.mkv", {"b.mkv"}),
        ("raw/**/d.mp4", {"a.mp4", "b.mkv", "raw/c.mp4"}),
        ("\ufeff**/deep", {"a.mp4", "b.mkv", "raw/c.mp4"}),
        ("", {"a.mp4", "b.mkv", "raw/c.mp4", "raw/deep/d.mp4"}),
    ],
)
def test_rules_of_a_file(tmp_path: Path, rules: str, kept: set[str]):
    tree(tmp_path, "a.mp4", "b.mkv", "raw/c.mp4", "raw/deep/d.mp4")
    (tmp_path / ".videobertignore").write_text(rules, encoding="utf-8")
    assert found(tmp_path) == kept
    everything = {"a.mp4", "b.mkv", "raw/c.mp4", "raw/deep/d.mp4"}
    assert {name for name in everything if not is_ignored(tmp_path / name, tmp_path)} == kept


def test_an_inner_file_of_rules_decides(tmp_path: Path):
    tree(tmp_path, "a.mp4", "in/b.mp4", "in/c.mp4")
    (tmp_path / ".videobertignore").write_text("*.mp4", encoding="utf-8")
    (tmp_path / "in" / ".videobertignore").write_text("!b.mp4", encoding="utf-8")
    assert found(tmp_path) == {"in/b.mp4"}


def test_what_is_ignored_is_counted(tmp_path: Path):
    tree(tmp_path, "a.mp4", "b.mp4", "GL010001.LRV", "DJI_0001.LRF", "LRV_20230714_180322_01_001.insv", "VID_01.insv")
    (tmp_path / ".videobertignore").write_text("b.mp4", encoding="utf-8")
    assert discover([tmp_path]).ignored == 4
    assert found(tmp_path) == {"a.mp4", "VID_01.insv"}


def test_the_moving_part_of_a_photo_is_no_video(tmp_path: Path):
    mark = b"\0" * 100_000 + b"com.apple.quicktime.still-image-time" + b"\0" * 100
    tree(tmp_path, "IMG_1.HEIC", "IMG_2.jpg", "IMG_3.mov", "IMG_4.JPG")
    for name in ("IMG_1.MOV", "IMG_2.mov", "IMG_3.mov"):
        (tmp_path / name).write_bytes(mark)
    (tmp_path / "IMG_4.MOV").write_bytes(b"a film and a photo of one number")
    assert found(tmp_path) == {"IMG_3.mov", "IMG_4.MOV"}


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        ("in", {"in/b.mp4"}),
        ("in/deep", set()),
        ("raw", {"raw/d.mp4"}),  # it was named, so that what passes over it says nothing of its files
        ("in/c.proxy.mp4", {"in/c.proxy.mp4"}),
        ("**/*.mp4", {"a.mp4", "in/b.mp4"}),
        ("*/*.mp4", {"in/b.mp4"}),
        ("ra[w]/*.mp4", set()),
        ("raw/*.mp4", {"raw/d.mp4"}),
        ("@eaDir/*.mp4", {"@eaDir/f.mp4"}),
    ],
)
def test_rules_hold_wherever_a_walk_begins(tmp_path: Path, target: str, kept: set[str]):
    tree(tmp_path, "a.mp4", "in/b.mp4", "in/c.proxy.mp4", "in/deep/e.proxy.mp4", "raw/d.mp4", "@eaDir/f.mp4")
    (tmp_path / ".videobertignore").write_text("*.proxy.mp4\nraw/\n", encoding="utf-8")
    files = discover([tmp_path / target]).files
    assert {file.relative_to(tmp_path).as_posix() for file in files} == kept


def test_rules_that_cannot_be_read_are_a_problem_and_nothing_below_is_read(tmp_path: Path):
    tree(tmp_path, "a.mp4", "fifo/b.mp4", "bytes/c.mp4", "folder/.videobertignore/d.mp4")
    os.mkfifo(tmp_path / "fifo" / ".videobertignore")
    (tmp_path / "bytes" / ".videobertignore").write_bytes(b"\xff\xfe\xe4")
    told = discover([tmp_path])
    assert told.files == [tmp_path / "a.mp4"]
    assert sorted(Path(path).name for path, _ in told.problems) == ["bytes", "fifo", "folder"]


@pytest.mark.parametrize("name", ["film.en.srt", "Subs/film.en.srt"])
def test_subtitles_that_are_passed_over_are_nobodys(tmp_path: Path, name: str):
    tree(tmp_path, "film.mp4", "film.srt", name)
    assert len(sidecars(tmp_path / "film.mp4")) == 2
    (tmp_path / name).with_name(".videobertignore").write_text("*.en.srt", encoding="utf-8")
    assert [each.path.name for each in sidecars(tmp_path / "film.mp4")] == ["film.srt"]
