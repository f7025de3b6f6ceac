"""Folders that were indexed: what a remote client may call them, and whether the drive that they lie on is there."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from store.catalog.database import Database
from store.filters import within_clause
from store.paths import path_bytes
from store.types import FileIdentity, Video

_SAMPLE = 200  # videos whose devices are looked up to see whether a drive only got another number


@dataclass(frozen=True)
class Root:
    """A folder that was indexed."""

    path: str  # absolute
    alias: str  # its name, another one for each root
    device: int
    files: int  # videos found at or below it last time


class Roots:
    """The roots of a catalog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, path: str, files: int) -> None:
        """Write what a root is now; OSError where it is not there."""
        device = FileIdentity.of(os.stat(path)).device
        others = [root for root in self.all() if root.path != path]
        alias = _alias(path, {root.alias for root in others})
        with self._database.transaction():
            row = {"path": path_bytes(path), "alias": alias, "device": device, "files": files}
            self._database.insert("roots", row, replace=True)

    def all(self) -> list[Root]:
        """Return the roots in order of their paths."""
        return [Root(**row) for row in self._database.rows("SELECT * FROM roots ORDER BY path")]

    def remove(self, within: str) -> None:
        """Forget the roots at or below a folder."""
        condition, bounds = within_clause(within)
        with self._database.transaction():
            self._database.execute(f"DELETE FROM roots WHERE {condition}", *bounds)

    def offline(
        self,
        gone: Collection[Video],
        there: Iterable[Video],
        targets: Iterable[str] = (),
        *,
        known: Collection[str] = (),
    ) -> dict[str, str]:
        """Return those of the videos whose files are gone that are only out of reach, each with the reason.

        A file that is gone from a folder that is there was deleted. One whose root is missing or empty, or where
        another device shows than it lay on, was not.

        Args:
            gone: videos whose files are not there.
            there: videos whose files are, of the same roots.
            targets: folders that count as roots as well.
            known: roots that are surely there, even if they are empty.
        """
        renumbered = _renumbered(there)
        roots = sorted({*(root.path for root in self.all()), *targets}, key=len, reverse=True)
        state = {root: "" if root in known else _absence(root) for root in roots}
        found: dict[str, str] = {}
        for video in gone:
            root = next((each for each in roots if video.path.startswith(_below(each))), None)
            reason = state[root] if root is not None else ""
            if not reason and video.device:
                now = _device_at(video.path)
                if now not in (video.device, renumbered.get(video.device)):
                    reason = f"{root or os.path.dirname(video.path)} is on another device than it was"
            if reason:
                found[video.path] = reason
        return found


def _absence(root: str) -> str:
    """Why a root does not show what it holds, "" where it does."""
    try:
        with os.scandir(root) as entries:
            return "" if any(True for _ in entries) else f"{root} is empty"
    except NotADirectoryError:
        return ""
    except FileNotFoundError:
        return f"{root} is not there"
    except OSError as error:
        return f"{root} cannot be read: {error.strerror or error}"


def _renumbered(there: Iterable[Video]) -> dict[int, int]:
    """The numbers that devices have now, by those that they had."""
    numbers: dict[int, int] = {}
    for count, video in enumerate(there):
        if count == _SAMPLE:
            break
        try:
            state = os.stat(video.path)
        except OSError:
            continue
        if video.device and FileIdentity.of(state).stamp == video.file_stamp:
            numbers.setdefault(video.device, FileIdentity.of(state).device)
    return numbers


def _device_at(path: str) -> int | None:
    """The device of the nearest folder above a path that is there."""
    for folder in Path(path).parents:
        try:
            return FileIdentity.of(os.stat(folder)).device
        except OSError:
            continue
    return None


def _below(root: str) -> str:
    return root.rstrip(os.sep) + os.sep


def _alias(path: str, taken: set[str]) -> str:
    name = path_bytes(os.path.basename(path.rstrip(os.sep)) or "root").decode("utf-8", "replace")
    number, alias = 1, name
    while alias in taken:
        number += 1
        alias = f"{name} {number}"
    return alias
