from __future__ import annotations

import hashlib
import os

import pytest

from indexer.discovery import content_hash, discover
from tests.support.media import DATA


@pytest.fixture
def tree(tmp_path):
    """Files with the names given, in folders as needed."""

    def plant(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        return tmp_path

    return plant


def names(found, root):
    return [str(path.relative_to(root)) for path in found.files]


def test_folders_are_walked_and_names_judged(tree):
    root = tree("clip10.mp4", "clip2.MKV", "a/b/deep.webm", "notes.txt", "clip2.srt", ".hidden.mp4", ".cache/x.mp4")
    found = discover([root])
    assert names(found, root) == ["a/b/deep.webm", "clip2.MKV", "clip10.mp4"]
    assert found.ignored == 1
    assert found.problems == []
    assert all(path.is_absolute() for path in found.files)


def test_a_file_named_by_itself_is_always_taken(tree):
    root = tree("notes.txt", ".hidden.mp4", ".cache/x.mp4")
    assert names(discover([root / "notes.txt", root / ".hidden.mp4"]), root) == [".hidden.mp4", "notes.txt"]
    assert names(discover([root / ".cache"]), root) == [".cache/x.mp4"]


def test_all_files_but_the_subtitles_of_others(tree):
    root = tree("film.mp4", "film.en.srt", "alone.srt", "README", "sound.mp3")
    assert names(discover([root], all_files=True), root) == ["alone.srt", "film.mp4", "README", "sound.mp3"]
    assert "film.en.srt" in names(discover([root, root / "film.en.srt"], all_files=True), root)


def test_globs(tree, monkeypatch):
    root = tree("a.mp4", "b.mkv", "c/d.mp4", "c/e/f.mp4")
    assert names(discover([f"{root}/*.mp4"]), root) == ["a.mp4"]
    assert names(discover([f"{root}/**/*.mp4"]), root) == ["a.mp4", "c/d.mp4", "c/e/f.mp4"]
    assert discover([f"{root}/*.avi"]).problems == [(f"{root}/*.avi", "nothing matches")]
    monkeypatch.chdir(root)
    assert names(discover(["c", "[a]*.mp4"]), root) == ["a.mp4", "c/d.mp4", "c/e/f.mp4"]


def test_a_name_with_brackets_is_a_name_first(tree):
    root = tree("clip [1].mp4", "clip 1.mp4")
    assert names(discover([root / "clip [1].mp4"]), root) == ["clip [1].mp4"]


def test_typescript_is_no_transport_stream(tree):
    root = tree("code.ts")
    (root / "video.ts").write_bytes((b"\x47" + bytes(187)) * 3)
    (root / "timed.ts").write_bytes((bytes(4) + b"\x47" + bytes(187)) * 3)
    (root / "good.ts").write_text("Good morning " * 50)
    found = discover([root])
    assert names(found, root) == ["timed.ts", "video.ts"]
    assert found.ignored == 2


def test_what_is_reached_twice_counts_once(tree):
    root = tree("a/one.mp4", "b/two.mp4")
    (root / "a" / "loop").symlink_to(root, target_is_directory=True)
    (root / "c").symlink_to(root / "b", target_is_directory=True)
    os.link(root / "a" / "one.mp4", root / "b" / "same.mp4")
    (root / "b" / "dangling.mp4").symlink_to(root / "nowhere.mp4")
    found = discover([root, root / "b" / "two.mp4", root])
    assert len(found.files) == 2
    assert {path.name for path in found.files} <= {"one.mp4", "same.mp4", "two.mp4"}


def test_problems_have_reasons(tree, monkeypatch):
    root = tree("a.mp4", "locked/b.mp4")
    (root / "link.mp4").symlink_to(root / "nowhere")
    os.mkfifo(root / "pipe.mp4")
    found = discover([root / "missing.mp4", root / "link.mp4", root / "pipe.mp4"])
    assert [(os.path.basename(target), reason) for target, reason in found.problems] == [
        ("missing.mp4", "no such file or folder"),
        ("link.mp4", "a link to nothing"),
        ("pipe.mp4", "neither a file nor a folder"),
    ]
    if os.geteuid() == 0:
        pytest.skip("root may read every folder")
    (root / "locked").chmod(0)
    found = discover([root])
    (root / "locked").chmod(0o700)
    assert names(found, root) == ["a.mp4"]
    assert found.problems == [(str(root / "locked"), "Permission denied")]


def test_unreadable_folder_is_a_problem(tree, monkeypatch):
    root = tree("a.mp4", "locked/b.mp4")
    really = type(root).iterdir

    def refuse(path):
        if path.name == "locked":
            raise PermissionError(13, "Permission denied")
        return really(path)

    monkeypatch.setattr(type(root), "iterdir", refuse)
    found = discover([root])
    assert names(found, root) == ["a.mp4"]
    assert found.problems == [(str(root / "locked"), "Permission denied")]


def test_every_odd_file_is_tried():
    folder = DATA / "odd"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent")
    assert len(discover([folder], all_files=True).files) == len(list(folder.iterdir()))


def test_hash_is_of_the_whole_file(tmp_path):
    path = tmp_path / "large"
    path.write_bytes(os.urandom(5 * 2**20 + 3))
    assert content_hash(path) == hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    with pytest.raises(FileNotFoundError):
        content_hash(tmp_path / "missing")


@pytest.mark.parametrize(("brands", "is_video"), [(b"avis\0\0\0\0avifavis", True), (b"avif\0\0\0\0avifmif1", False)])
def test_animated_pictures_are_videos(tmp_path, brands: bytes, is_video: bool):
    head = b"\0\0\0\x18ftyp" + brands
    (tmp_path / "a.avif").write_bytes(head + b"\0" * 8 + b"mdat" + b"avis" * 9)
    (tmp_path / "a.apng").write_bytes(b"x")
    names = {"a.avif", "a.apng"} if is_video else {"a.apng"}
    assert {file.name for file in discover([tmp_path]).files} == names
