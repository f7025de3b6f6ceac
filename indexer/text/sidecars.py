"""Subtitle files that belong to a video by their names, with the language and kind that the names tell.

They lie beside the video, in a folder ``Subs`` or ``Subtitles``, in one named as the video, or in such a one below
``Subs``. A file belongs to the video with the longest name that its own begins with, so that ``film.trailer.srt`` is
never that of ``film.mp4``. Composed and decomposed letters are one, and so is case, unless it tells two videos apart.
What a walk passes over (see `indexer.media.ignore`) belongs to none.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from indexer.media.files import handed_paths
from indexer.media.ignore import is_ignored
from indexer.media.suffixes import VIDEO_SUFFIXES
from indexer.text.languages import is_language, spelled

SUBTITLE_SUFFIXES = (".srt", ".vtt", ".ass", ".ssa")
FORCED, SDH, COMMENTARY = "forced", "sdh", "commentary"
_KINDS = {
    **dict.fromkeys(("forced", "foreign"), FORCED),  # only what is said in other languages than the film's
    **dict.fromkeys(("sdh", "cc", "hoh", "hearing", "impaired"), SDH),  # with sounds, for the hard of hearing
    **dict.fromkeys(("commentary", "comments"), COMMENTARY),
}
_PLAIN = {"default", "full", "orig", "auto", "subs", "sub", "subtitles", "captions"}  # tell neither language nor kind
_EXTRAS = frozenset(
    """
    trailer teaser sample featurette featurettes behindthescenes deleted deletedscene deletedscenes interview
    interviews scene scenes short shorts extra extras bonus clip clips promo preview intro outro recap bloopers
    making opening
    """.split()  # noqa: SIM905, one name a line says nothing more
)
_FOLDERS = ("sub", "subs", "subtitle", "subtitles")
_SETTLED_SECONDS = 2.0  # a folder that changed later than this may change again under the same time stamp
_NUMBER = re.compile(r"(\d+)")
_SEPARATORS = " ._-(["
_BETWEEN = re.compile(r"[ ._()\[\],+]+")


@dataclass(frozen=True)
class Sidecar:
    """A subtitle file of a video."""

    path: Path
    language: str = ""  # as its name tells: "en", "eng", "pt-BR"; "" where it does not
    kind: str = ""  # FORCED, SDH or COMMENTARY; "" for all that is said


def sidecars(video: Path) -> list[Sidecar]:
    """The subtitle files that belong to a video, in natural order, folder by folder."""
    found = [] if video.name.lower().endswith(SUBTITLE_SUFFIXES) else _belonging(video)
    handed = handed_paths()
    if handed is not None:
        return [sidecar for sidecar in found if str(sidecar.path) in handed]
    return [sidecar for sidecar in found if not is_ignored(sidecar.path, video.parent)]


def _belonging(video: Path) -> list[Sidecar]:
    beside = _listed(video.parent)
    if video.name not in beside.names:  # not on disk, or of an unusual name
        beside = _Listing(beside.folder, beside.subtitles, (*beside.videos, video.name), beside.folders)
    found = list(_owned(beside, beside, video))
    for name in (name for kind in _FOLDERS for name in beside.named.get(kind, ())):
        inside = _listed(beside.folder / name)
        found += _owned(beside, inside, video, alone=len(beside.main_videos) == 1)
        for deeper in inside.named.get(_folded(video.stem), ()):
            found += _owned(beside, _listed(inside.folder / deeper), video, alone=True)
    for name in beside.named.get(_folded(video.stem), ()):
        inside = _listed(beside.folder / name)
        found += _owned(beside, inside, video, alone=not inside.videos)
    return found


def stamp(paths: Sequence[Path]) -> str:
    """A short hash that changes with the names, sizes and modification times of files; "" for none.

    One that cannot be looked at, such as a link to nothing, counts with the reason.
    """
    if not paths:
        return ""
    states = [(path.name, *_state(path)) for path in paths]
    return hashlib.blake2b(repr(states).encode(errors="surrogateescape"), digest_size=8).hexdigest()


def _state(path: Path) -> tuple[int, int]:
    try:
        state = path.stat()
    except OSError as error:
        return -1, error.errno or 0
    return state.st_size, state.st_mtime_ns


def natural(name: str) -> list[tuple[int, int, str]]:
    """A sort key by which ``clip 2`` comes before ``Clip 10``.

    Numbers come before letters, and case decides last.
    """
    parts = [
        (0, int(part), "") if part.isdecimal() else (1, 0, part.casefold()) for part in _NUMBER.split(name) if part
    ]
    return [*parts, (2, 0, name)]


@dataclass(frozen=True, eq=False)
class _Listing:
    """What a folder holds that concerns subtitles, in natural order."""

    folder: Path
    subtitles: tuple[str, ...] = ()
    videos: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()

    @cached_property
    def names(self) -> frozenset[str]:
        """Names of videos."""
        return frozenset(self.videos)

    @cached_property
    def named(self) -> dict[str, list[str]]:
        """Folders by their folded names."""
        found: dict[str, list[str]] = {}
        for name in self.folders:
            found.setdefault(_folded(name), []).append(name)
        return found

    @cached_property
    def keys(self) -> tuple[frozenset[str], frozenset[str]]:
        """What names of subtitle files can begin with: names of videos with and without suffix, as is and folded."""
        names = {_composed(key) for name in self.videos for key in (name, os.path.splitext(name)[0])}
        return frozenset(names), frozenset(map(str.casefold, names))

    @cached_property
    def main_videos(self) -> list[str]:
        """The videos that are no trailers, samples and the like."""
        words = ((name, _BETWEEN.split(_folded(os.path.splitext(name)[0]).replace("-", " "))) for name in self.videos)
        return [name for name, parts in words if not _EXTRAS & set(parts)]


@dataclass
class _Owned:
    """The subtitle files of a folder by the key of the video that they belong to."""

    exact: dict[str, list[Sidecar]] = field(default_factory=dict)
    folded: dict[str, list[Sidecar]] = field(default_factory=dict)
    nameless: list[Sidecar] = field(default_factory=list)  # ``English.srt``


def _owned(beside: _Listing, inside: _Listing, video: Path, *, alone: bool = False) -> Iterator[Sidecar]:
    """The files of a folder that belong to a video of another one, or of the same.

    Args:
        alone: files that are named by language only are this video's.
    """
    owned = _owners(beside, inside)
    found: list[Sidecar] = []
    for name in (video.stem, video.name):
        found += owned.exact.get(_composed(name), []) + owned.folded.get(_folded(name), [])
    yield from sorted(found + (owned.nameless if alone else []), key=lambda one: natural(one.path.name))


@lru_cache(maxsize=64)
def _owners(beside: _Listing, inside: _Listing) -> _Owned:
    owned = _Owned()
    exact, folded = beside.keys
    for name in inside.subtitles:
        stem = _composed(os.path.splitext(name)[0])
        whole = stem.casefold()
        end = next((end for end in _ends(whole) if whole[:end] in folded), 0)
        begin = len(stem) - (len(whole) - end)  # folding may change lengths, so it is counted from the end
        tags = _tags(stem[begin:] if end else f" {stem}")
        if tags is not None:
            known = owned.exact if stem[:begin] in exact else owned.folded
            key = stem[:begin] if stem[:begin] in exact else whole[:end]
            kept = known.setdefault(key, []) if end else owned.nameless
            kept.append(Sidecar(inside.folder / name, *tags))
    return owned


def _ends(name: str) -> Iterator[int]:
    """Where the name of a video can end in that of a subtitle file, the last place first."""
    yield len(name)
    for end in range(len(name) - 1, 0, -1):
        if name[end] in _SEPARATORS:
            yield end


def _tags(left: str) -> tuple[str, str] | None:
    """Language and kind from what a name tells behind that of its video; None where it tells of another video."""
    language, kind, dotted = "", "", left.startswith(".")
    for tag in filter(None, _BETWEEN.split(left.replace(" - ", " "))):
        parts = [tag] if is_language(tag) else [part for part in tag.split("-") if part]
        for part in parts:
            word = part.casefold()
            if word in _KINDS:
                kind = _KINDS[word]
            elif word == "hi" and language:  # alone it is Hindi
                kind = SDH
            elif language and part.isalpha() and len(part) == 2 and part.isupper() and "-" not in language:
                language = f"{language}-{part}"  # pt_BR
            elif is_language(part):
                language = language or spelled(part)
            elif word in _EXTRAS or not (
                word in _PLAIN
                or (part.isdecimal() and len(part) <= 2 and (dotted or _names_language(left)))
                or (part.isalpha() and len(part) > 1 and dotted)
            ):
                return None
    return language, kind


def _names_language(left: str) -> bool:
    return any(is_language(tag) for tag in _BETWEEN.split(left))


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _folded(name: str) -> str:
    return _composed(name).casefold()


def _listed(folder: Path) -> _Listing:
    """What a folder holds; nothing where it cannot be read."""
    try:
        changed = folder.stat().st_mtime_ns
        # Remembered, so that a thousand videos in one folder do not list it a thousand times.
        listed = _list if time.time() - changed / 1e9 < _SETTLED_SECONDS else _remembered
        return listed(folder, changed)
    except OSError:
        return _Listing(folder)


def _list(folder: Path, changed_ns: int) -> _Listing:
    with os.scandir(folder) as entries:
        kinds = [(entry.name, os.path.splitext(entry.name)[1].lower(), entry) for entry in entries]
    folders = [name for name, suffix, entry in kinds if suffix not in VIDEO_SUFFIXES and _is_folder(entry)]
    return _Listing(
        folder,
        tuple(sorted((name for name, suffix, _ in kinds if suffix in SUBTITLE_SUFFIXES), key=natural)),
        tuple(sorted((name for name, suffix, _ in kinds if suffix in VIDEO_SUFFIXES), key=natural)),
        tuple(sorted(folders, key=natural)),
    )


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


_remembered = lru_cache(maxsize=64)(_list)
