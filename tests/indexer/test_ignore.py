"""What a walk over folders passes over."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.discovery import discover
from indexer.ignore import is_ignored


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
    tree(tmp_path, "a.mp4", "b.mp4", "GL010001.LRV", "VID_01.insv")
    (tmp_path / ".videobertignore").write_text("b.mp4", encoding="utf-8")
    assert discover([tmp_path]).ignored == 3


def test_the_moving_part_of_a_photo_is_no_video(tmp_path: Path):
    mark = b"\0" * 100_000 + b"com.apple.quicktime.still-image-time" + b"\0" * 100
    tree(tmp_path, "IMG_1.HEIC", "IMG_2.jpg", "IMG_3.mov", "IMG_4.JPG")
    for name in ("IMG_1.MOV", "IMG_2.mov", "IMG_3.mov"):
        (tmp_path / name).write_bytes(mark)
    (tmp_path / "IMG_4.MOV").write_bytes(b"a film and a photo of one number")
    assert found(tmp_path) == {"IMG_3.mov", "IMG_4.MOV"}
