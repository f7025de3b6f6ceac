"""Libraries that follow folders. Time is a number here and changes are lists; the last tests have a real folder."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from model.encoder.contract import Encoder
from search.library import Library
from search.library.watch import Update, Watch, changes
from store.errors import LibraryGone
from tests.support.media import quarters, render

PATIENCE_SECONDS = 180.0
SUBTITLES = "1\n00:00:00,000 --> 00:00:01,000\na red dog\n"

Step = Callable[[], list[Path]]


def quiet() -> list[Path]:
    """A second in which nothing is told."""
    return []


class Scene:
    """A watched folder in which steps happen, one a second. Files settle in two."""

    def __init__(self, library: Library, folder: Path) -> None:
        self.library, self.folder = library, folder
        self.second = 0
        self.watch = Watch(library, [folder], settle_seconds=2.0, clock=lambda: float(self.second))

    def play(self, *steps: Step) -> list[tuple[int, Update]]:
        """What is done, and at which of the steps."""
        began = self.second
        return [(self.second - began, update) for update in self.watch.follow(self._sets(steps))]

    def _sets(self, steps: tuple[Step, ...]) -> Iterator[list[Path]]:
        for step in steps:
            self.second += 1
            yield step()

    def names(self) -> list[str]:
        return [str(Path(video.path).relative_to(self.folder)) for video in self.library.videos()]


@pytest.fixture
def scene(tmp_path: Path, encoder: Encoder) -> Iterator[Scene]:
    (tmp_path / "films").mkdir()
    with Library(tmp_path / "library", encoder=encoder) as library:
        yield Scene(library, tmp_path / "films")


@pytest.fixture
def film(tmp_path: Path) -> bytes:
    return render(tmp_path / "source.mp4", frames=25).read_bytes()


def write(path: Path, content: bytes | str) -> Step:
    def step() -> list[Path]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return [path]

    return step


def grow(path: Path, content: bytes) -> Step:
    """The file changes, and nobody tells."""
    return lambda: write(path, content)()[1:]


def move(source: Path, target: Path) -> Step:
    def step() -> list[Path]:
        source.rename(target)
        return [source, target]

    return step


def delete(path: Path) -> Step:
    def step() -> list[Path]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
        return [path]

    return step


def test_a_new_file_is_indexed_once_it_has_stood_still(scene: Scene, film: bytes):
    ((second, update),) = scene.play(write(scene.folder / "new.mp4", film), quiet, quiet, quiet, quiet)
    assert second == 3
    assert (update.report.indexed, update.forgotten) == (1, 0)
    assert scene.names() == ["new.mp4"]


def test_a_file_that_grows_is_left_alone(scene: Scene, film: bytes):
    path = scene.folder / "new.mp4"
    steps = [write(path, film[:100]), grow(path, film[:200]), grow(path, film[:300]), grow(path, film), quiet, quiet]
    ((second, update),) = scene.play(*steps)
    assert second == 6
    assert (update.report.indexed, update.report.failed) == (1, [])


def test_a_file_that_failed_half_written_is_tried_again_when_it_is_whole(scene: Scene, film: bytes):
    path = scene.folder / "new.mp4"
    first, second = scene.play(write(path, film[:300]), quiet, quiet, write(path, film), quiet, quiet)
    assert [failure.path for failure in first[1].report.failed] == [str(path)]
    assert second[1].report.indexed == 1
    assert scene.library.catalog.failures.all() == []


def test_a_changed_file_is_read_again(scene: Scene, film: bytes, tmp_path: Path):
    other = render(tmp_path / "other.mp4", frames=50, paint=quarters(step=1)).read_bytes()
    path = scene.folder / "a.mp4"
    scene.play(write(path, film), quiet, quiet, write(path, other), quiet, quiet)
    (video,) = scene.library.videos()
    assert video.duration == pytest.approx(2.0, abs=0.05)


def test_a_deleted_file_is_forgotten(scene: Scene, film: bytes):
    path = scene.folder / "a.mp4"
    scene.play(write(path, film), quiet, quiet)
    ((_, update),) = scene.play(delete(path), quiet, quiet)
    assert (update.forgotten, scene.names()) == (1, [])


def test_a_file_that_comes_back_at_once_is_not_forgotten(scene: Scene, film: bytes):
    path = scene.folder / "a.mp4"
    scene.play(write(path, film), quiet, quiet)
    (before,) = scene.library.videos()
    assert scene.play(delete(path), write(path, film), quiet, quiet)[-1][1].report.indexed == 0
    assert [video.id for video in scene.library.videos()] == [before.id]


def test_a_renamed_file_keeps_its_rows(scene: Scene, film: bytes):
    scene.play(write(scene.folder / "a.mp4", film), quiet, quiet)
    (before,) = scene.library.videos()
    ((_, update),) = scene.play(move(scene.folder / "a.mp4", scene.folder / "b.mp4"), quiet, quiet)
    assert (update.report.relocated, update.report.indexed, update.forgotten) == (1, 0, 0)
    assert [(video.id, Path(video.path).name) for video in scene.library.videos()] == [(before.id, "b.mp4")]


def test_a_renamed_folder_keeps_its_rows(scene: Scene, film: bytes):
    scene.play(write(scene.folder / "one" / "deep" / "a.mp4", film), quiet, quiet)
    ((_, update),) = scene.play(move(scene.folder / "one", scene.folder / "two"), quiet, quiet, quiet, quiet)
    assert (update.report.relocated, update.report.indexed, update.forgotten) == (1, 0, 0)
    assert scene.names() == ["two/deep/a.mp4"]


def test_a_folder_that_appears_is_read_to_the_bottom(scene: Scene, film: bytes):
    def step() -> list[Path]:
        write(scene.folder / "new" / "deep" / "a.mp4", film)()
        return [scene.folder / "new"]

    ((_, update),) = scene.play(step, quiet, quiet, quiet, quiet)
    assert (update.report.indexed, scene.names()) == (1, ["new/deep/a.mp4"])


def test_a_folder_that_still_fills_is_read_when_its_files_are_whole(scene: Scene, film: bytes):
    late = scene.folder / "new" / "late.mp4"

    def begin() -> list[Path]:
        late.parent.mkdir()
        return [late.parent]

    steps = [begin, grow(late, film[:300]), quiet, grow(late, film), quiet, quiet]
    ((second, update),) = scene.play(*steps, quiet)
    assert second == 6
    assert (update.report.indexed, update.report.failed) == (1, [])


def test_a_deleted_folder_is_forgotten(scene: Scene, film: bytes):
    scene.play(write(scene.folder / "one" / "a.mp4", film), quiet, quiet)
    ((_, update),) = scene.play(delete(scene.folder / "one"), quiet, quiet)
    assert (update.forgotten, scene.names()) == (1, [])


@pytest.mark.parametrize("subtitles", ["a.srt", "a.en.vtt", "Subs/a.srt"])
def test_subtitles_that_come_later_are_read(scene: Scene, film: bytes, subtitles: str):
    text = SUBTITLES if subtitles.endswith("srt") else "WEBVTT\n\n00:00.000 --> 00:01.000\na red dog\n"
    scene.play(write(scene.folder / "a.mp4", film), quiet, quiet)
    ((_, update),) = scene.play(write(scene.folder / subtitles, text), quiet, quiet)
    assert (update.report.resubtitled, update.report.indexed) == (1, 0)
    assert scene.library.show(scene.folder / "a.mp4")[1][0].text == "a red dog"
    ((_, update),) = scene.play(delete(scene.folder / subtitles), quiet, quiet)
    assert update.report.resubtitled == 1
    assert scene.library.show(scene.folder / "a.mp4")[1][0].text == ""


def test_what_is_hidden_or_no_video_is_passed_over(scene: Scene, film: bytes):
    names = [".a.mp4", ".hidden/a.mp4", "a.txt", "a.mp4.part", "notes.srt"]
    assert scene.play(*(write(scene.folder / name, film) for name in names), quiet, quiet, quiet) == []
    assert scene.play(lambda: [scene.folder.parent / "elsewhere.mp4"], quiet, quiet) == []
    ((_, update),) = scene.play(move(scene.folder / "a.mp4.part", scene.folder / "a.mp4"), quiet, quiet)
    assert update.report.indexed == 1


def test_what_is_ignored_is_passed_over_until_it_is_not(scene: Scene, film: bytes):
    rules = scene.folder / ".videobertignore"
    rules.write_text("*.proxy.mp4\nraw/\n")
    mark = film + b"com.apple.quicktime.still-image-time"
    names = ["a.proxy.mp4", "raw/b.mp4", "@eaDir/c.mp4", "in/node_modules/d.mp4", "IMG_1.HEIC", "IMG_1.MOV"]
    steps = [write(scene.folder / name, mark if name.endswith("MOV") else film) for name in names]
    assert scene.play(*steps, quiet, quiet, quiet) == []
    assert scene.play(write(scene.folder / "out" / "c.proxy.mp4", film), lambda: [scene.folder / "out"], quiet) == []
    ((_, update),) = scene.play(write(rules, "raw/\n"), quiet, quiet, quiet)
    assert (update.report.indexed, sorted(scene.names())) == (1, ["a.proxy.mp4", "out/c.proxy.mp4"])


def test_a_file_that_was_only_touched_is_no_news(scene: Scene, film: bytes):
    scene.play(write(scene.folder / "a.mp4", film), quiet, quiet)
    assert scene.play(lambda: [scene.folder / "a.mp4"], quiet, quiet) == []


@pytest.mark.parametrize("mount_point", [False, True])
def test_a_drive_that_is_gone_is_told_and_forgets_nothing(scene: Scene, film: bytes, mount_point: bool):
    scene.play(write(scene.folder / "a.mp4", film), quiet, quiet)
    away = scene.folder.with_name("away")

    def unmount() -> list[Path]:
        scene.folder.rename(away)
        if mount_point:
            scene.folder.mkdir()
        return [scene.folder / "a.mp4", scene.folder]

    def mount() -> list[Path]:
        if mount_point:
            scene.folder.rmdir()
        away.rename(scene.folder)
        return [scene.folder]

    told = [update for _, update in scene.play(unmount, quiet, quiet, quiet, mount, quiet, quiet, quiet)]
    assert [sentence for update in told for sentence in update.offline] == [
        f"{scene.folder} is not there or empty; its videos stay",
        f"{scene.folder} is there again",
    ]
    assert not any(update.forgotten or update.report.indexed for update in told)
    assert scene.names() == ["a.mp4"]


def test_a_library_that_is_deleted_ends_it(scene: Scene, film: bytes):
    scene.play(write(scene.folder / "a.mp4", film), quiet, quiet)
    shutil.rmtree(scene.library.folder)
    with pytest.raises(LibraryGone, match="was deleted or replaced"):
        scene.play(quiet)


def test_only_folders_can_be_followed(scene: Scene, tmp_path: Path):
    with pytest.raises(ValueError, match=r"nothing\.mp4 is not a folder"):
        Watch(scene.library, [tmp_path / "nothing.mp4"])
    with pytest.raises(ValueError, match="at least one folder, got none"):
        Watch(scene.library, [])


def test_changes_of_a_real_folder_are_told_under_its_own_name(tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    out_of_patience = threading.Event()
    timer = threading.Timer(PATIENCE_SECONDS, out_of_patience.set)
    timer.start()
    told = changes([tmp_path / "link"], poll=True, stopped=out_of_patience.is_set)
    next(told)
    (tmp_path / "real" / "new.mp4").write_bytes(b"something")
    try:
        assert any(tmp_path / "link" / "new.mp4" in paths for paths in told)
    finally:
        timer.cancel()
        timer.join()


@pytest.mark.slow
def test_the_command_follows_a_folder_until_it_is_interrupted(tmp_path: Path, film: bytes):
    folder = tmp_path / "films"
    folder.mkdir()
    program = Path(sys.executable).with_name("videobert")
    command = [program, "watch", folder, "--library", tmp_path / "library", "--poll", "--settle", "0.5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        timer = threading.Timer(PATIENCE_SECONDS, process.kill)
        timer.start()
        try:
            assert process.stdout
            assert process.stderr
            assert any(line.startswith("Watching 1 folder") for line in process.stderr)
            (folder / "new.mp4").write_bytes(film)
            assert any(line == "Indexed 1 video.\n" for line in process.stdout)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate()
        finally:
            timer.cancel()
            timer.join()
            process.kill()
    assert (process.returncode, said) == (0, "Stopped. The library is consistent.\n")
