"""Copies that are moved to the trash, and what stays."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from model.encoder.contract import Encoder
from search import Library
from search.clips.duplicates import Copy, Duplicates
from search.library import trash
from store.catalog.reels import Select
from store.types import Cue, NewSegment, Video


@pytest.fixture
def bin_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A trash of this test."""
    folder = tmp_path / "trash"
    folder.mkdir()
    monkeypatch.setattr(trash, "_send", lambda path: Path(path).rename(folder / Path(path).name))
    return folder


@pytest.fixture
def library(encoder: Encoder, tmp_path: Path) -> Library:
    return Library(tmp_path / "library", encoder=encoder)


def held(library: Library, path: Path, content: bytes = b"film", cues: tuple[Cue, ...] = (), sound: int = 1) -> Video:
    """A video of the library with a file."""
    path.write_bytes(content)
    status = path.stat()
    digest = hashlib.blake2b(content, digest_size=16).hexdigest()
    rng = np.random.default_rng(1)
    row = rng.normal(size=library.engine.encoder.dim).astype(np.float32)
    frames = rng.normal(size=(20, library.engine.encoder.feature_dim)).astype(np.float16)
    segment = NewSegment(0.0, 10.0, "", np.arange(20) / 2, frames, row / np.linalg.norm(row), b"jpeg", 5.0)
    video = Video(
        str(path),
        status.st_size,
        status.st_mtime_ns,
        digest,
        "mp4",
        "h264",
        10.0,
        25.0,
        640,
        360,
        0,
        audio_streams=sound,
    )
    catalog = library.engine.writable_catalog()
    catalog.put_video(video, [segment], list(cues))
    found = catalog.videos.at(str(path))
    assert found is not None
    return found


def test_a_copy_goes_to_the_trash_and_leaves_the_library(library: Library, tmp_path: Path, bin_: Path):
    one, other = held(library, tmp_path / "one.mp4"), held(library, tmp_path / "other.mp4")
    (group,) = library.duplicates()
    copy = next(each.video for each in group.videos if not each.keep)
    kept = one if copy.id == other.id else other
    with pytest.raises(ValueError, match="the one to keep"):
        library.trash([copy.path, kept.path])
    assert Path(copy.path).exists(), "one that stays keeps all where they are"
    with pytest.raises(ValueError, match="no copy of a video"):
        library.trash([tmp_path / "elsewhere.mp4"])
    assert [video.path for video in library.trash([copy.path])] == [copy.path]
    assert [path.name for path in bin_.iterdir()] == [Path(copy.path).name]
    assert library.catalog.videos.at(copy.path) is None
    assert library.duplicates() == []


@pytest.mark.parametrize("swapped", ["copy", "kept"])
@pytest.mark.parametrize("by", ["gone", "other", "link", "hard link"])
def test_files_that_changed_since_stay(library: Library, tmp_path: Path, bin_: Path, swapped: str, by: str):
    held(library, tmp_path / "one.mp4"), held(library, tmp_path / "other.mp4")
    (group,) = library.duplicates()
    kept, copy = (next(each.video for each in group.videos if each.keep is keep) for keep in (True, False))
    victim, rest = (Path(each.path) for each in ((copy, kept) if swapped == "copy" else (kept, copy)))
    victim.rename(tmp_path / "moved")
    if by == "other":
        victim.write_bytes(b"mail")
    elif by == "link":
        victim.symlink_to(rest)
    elif by == "hard link":
        os.link(rest, victim)
    with pytest.raises(ValueError, match=r"is (not moved to the trash|a link|another name)"):
        library.trash([copy.path])
    assert list(bin_.iterdir()) == []
    assert library.catalog.videos.at(copy.path) is not None


def test_what_has_something_of_its_own_stays(library: Library, tmp_path: Path):
    line, other = Cue(1, 2, "a red dog runs"), Cue(1, 2, "ein roter Hund rennt", source="speech")
    kept = held(library, tmp_path / "kept.mp4", b"kept", (line,))
    videos = {
        None: held(library, tmp_path / "small.mp4", b"small", (line,)),
        "sound": held(library, tmp_path / "sound.mp4", b"sound", (line,), sound=2),
        "words": held(library, tmp_path / "dubbed.mp4", b"dubbed", (other,)),
        "reel": held(library, tmp_path / "collected.mp4", b"collected", (line,)),
    }
    collected = videos["reel"]
    library.catalog.reels.add("Best", [Select(collected.path, collected.content_hash, 1.0, 2.0)])
    for reason, video in videos.items():
        copy = Copy(video, 0, 10, keep=False)
        group = Duplicates("copy", (Copy(kept, 0, 10, keep=True), copy))
        assert trash.stays(library.catalog, group, copy) == reason, video.path
        changed = Duplicates("near copy", group.videos)
        assert trash.stays(library.catalog, changed, copy) == "keep"
