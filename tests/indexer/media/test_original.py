"""Files that were swapped after they were indexed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from indexer.media.container import MediaError
from indexer.media.files import open_file
from indexer.media.original import OriginalError, open_original
from model.encoder.contract import Encoder
from search.library import Library
from store.types import Video
from tests.support.media import render

SECRET = b"a very private diary "


@pytest.fixture
def library(tmp_path: Path, encoder: Encoder) -> Iterator[Library]:
    film = render(tmp_path / "film.mp4", frames=25)
    with Library(tmp_path / "library", encoder=encoder) as library:
        library.index([film])
        yield library


@pytest.fixture
def video(library: Library) -> Video:
    return library.videos()[0]


def alike(video: Video, path: Path, content: bytes = SECRET) -> Path:
    """A private file of the size and time of a video."""
    path.write_bytes((content * (video.size // len(content) + 1))[: video.size])
    os.utime(path, ns=(video.mtime_ns, video.mtime_ns))
    return path


def link(film: Path, secret: Path) -> None:
    film.unlink()
    film.symlink_to(secret)


def hard_link(film: Path, secret: Path) -> None:
    film.unlink()
    os.link(secret, film)


def link_to_link(film: Path, secret: Path) -> None:
    film.unlink()
    (film.parent / "between").symlink_to(secret)
    film.symlink_to("between")


def overwrite(film: Path, secret: Path) -> None:
    shutil.copyfile(secret, film)
    state = secret.stat()
    os.utime(film, ns=(state.st_mtime_ns, state.st_mtime_ns))


def replace(film: Path, secret: Path) -> None:
    os.replace(secret, film)


@pytest.mark.parametrize("swap", [link, hard_link, link_to_link, overwrite, replace])
@pytest.mark.parametrize(
    "content", [SECRET, b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n", b"ffconcat version 1.0\nfile /etc/passwd\n"]
)
def test_a_file_swapped_after_indexing_is_not_opened(
    library: Library, video: Video, tmp_path: Path, swap: Callable[[Path, Path], None], content: bytes
):
    swap(Path(video.path), alike(video, tmp_path / "diary", content))
    with pytest.raises(OriginalError, match="has changed"):
        open_original(library.catalog, video)


@pytest.mark.parametrize("kind", ["gone", "folder", "fifo", "dangling", "loop", "device"])
def test_what_is_no_file_is_not_opened(library: Library, video: Video, kind: str):
    film = Path(video.path)
    film.unlink()
    if kind == "folder":
        film.mkdir()
    elif kind == "fifo":
        os.mkfifo(film)
    elif kind != "gone":
        film.symlink_to({"dangling": "nowhere", "loop": film.name, "device": "/dev/zero"}[kind])
    with pytest.raises(MediaError):
        open_original(library.catalog, video)


def moved_away_and_back(film: Path) -> None:
    film.rename(film.with_suffix(".bak"))
    film.with_suffix(".bak").rename(film)


def copied_over(film: Path) -> None:
    shutil.copy2(film, film.with_suffix(".new"))
    os.replace(film.with_suffix(".new"), film)


def behind_a_link(film: Path) -> None:
    film.rename(film.with_name("elsewhere.mp4"))
    film.symlink_to("elsewhere.mp4")


@pytest.mark.parametrize("change", [moved_away_and_back, copied_over, behind_a_link, lambda film: film.chmod(0o640)])
def test_the_same_content_in_another_place_is_opened_and_noted(
    library: Library, video: Video, change: Callable[[Path], object]
):
    film = Path(video.path)
    change(film)
    with open_original(library.catalog, video) as file:
        assert file.read() == film.read_bytes()
        identity = file.identity
    assert library.videos()[0].identity == identity


def test_rows_of_older_versions_are_known_by_their_content(library: Library, video: Video, tmp_path: Path):
    library.catalog.database.execute("UPDATE videos SET device = 0, inode = 0, ctime_ns = 0")
    old = library.videos()[0]
    with open_original(library.catalog, old):
        assert library.videos()[0].identity == video.identity
    link(Path(video.path), alike(video, tmp_path / "diary"))
    with pytest.raises(OriginalError):
        open_original(library.catalog, old)


def test_what_is_open_stays_the_same(library: Library, video: Video, tmp_path: Path):
    content = Path(video.path).read_bytes()
    with open_original(library.catalog, video) as file:
        link(Path(video.path), alike(video, tmp_path / "diary"))
        assert file.read() == content
        assert Path(file.place).read_bytes() == content or not file.place.startswith(("/proc", "/dev"))


def test_two_readers_of_one_descriptor_do_not_disturb_each_other(tmp_path: Path):
    (tmp_path / "text").write_bytes(bytes(range(200)))
    with open_file(tmp_path / "text") as one, one.duplicate() as other:
        assert one.read(100) == bytes(range(100))
        assert other.read(3) == b"\x00\x01\x02"
        assert one.read() == bytes(range(100, 200))
        assert other.seek(-1, os.SEEK_END) == 199
        assert (other.read(), other.read()) == (b"\xc7", b"")
