"""The system's trash, for copies of videos that need not be kept."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from indexer.media.container import MediaError
from indexer.media.original import open_original
from search.clips.duplicates import Copy, Duplicates
from store.catalog.analyzer import terms
from store.catalog.catalog import Catalog
from store.types import Video

Stay = Literal["keep", "same file", "sound", "words", "reel"]

_MESSAGES: dict[Stay, str] = {
    "keep": "it is the one to keep, or shows something that the others do not",
    "same file": "it is another name of a file",
    "sound": "it has sound that the one to keep lacks",
    "words": "its subtitles or what is said in it differ from those of the one to keep",
    "reel": "a reel has moments of it",
}
_SAME_WORDS = 0.8  # least share of the words of a copy that the one to keep has too; speech is not heard the same twice


def stays(catalog: Catalog, group: Duplicates, copy: Copy) -> Stay | None:
    """Why a video of a group of duplicates is not moved to the trash; None if it may be.

    Pictures are what makes videos copies. So another file than a byte for byte copy may have sound or words of its own.
    """
    kept = group.videos[0].video
    if copy.same_file:
        return "same file"
    if copy.keep or group.kind != "copy" or copy.video.id == kept.id:
        return "keep"
    if copy.video.content_hash == kept.content_hash:
        return None
    if copy.video.audio_streams is None or copy.video.audio_streams > (kept.audio_streams or 0):
        return "sound"
    own, others = _words(catalog, copy.video), _words(catalog, kept)
    if len(own & others) < _SAME_WORDS * len(own):
        return "words"
    return "reel" if catalog.reels.uses(copy.video.content_hash) else None


def move_to_trash(catalog: Catalog, groups: Sequence[Duplicates], paths: Sequence[str]) -> list[Video]:
    """Move copies to the system's trash and forget them; all are checked before the first is moved.

    Args:
        catalog: of the library.
        groups: its duplicates.
        paths: of copies in them, absolute.

    Returns:
        The videos that were moved.

    Raises:
        ValueError: one is no copy that may go, or a link; or it or the one to keep is gone or was replaced.
        OSError: the system has no trash for this file.
    """
    copies = {copy.video.path: (group, copy) for group in reversed(groups) for copy in group.videos}
    videos = []
    for path in dict.fromkeys(paths):
        if path not in copies:
            raise ValueError(f"{path} is no copy of a video of this library")
        group, copy = copies[path]
        if reason := stays(catalog, group, copy):
            raise ValueError(f"{path} is not moved to the trash: {_MESSAGES[reason]}")
        _check(catalog, copy.video, group.videos[0].video)
        videos.append((copy.video, group.videos[0].video))
    for video, kept in videos:
        _check(catalog, video, kept)  # again: a file may have changed while others were moved
        _send(video.path)
        if os.path.lexists(video.path):
            raise OSError(f"{video.path} could not be moved to the trash")
        assert video.id is not None  # it came from the catalog
        catalog.videos.remove([video.id])
    return [video for video, _ in videos]


def _check(catalog: Catalog, video: Video, kept: Video) -> None:
    """Check that both files are those that were indexed, and that the name of the first leads to it alone."""
    try:
        with open_original(catalog, kept) as file:
            of_kept = file.status
    except MediaError as error:
        raise ValueError(f"{video.path} is not moved to the trash: of the one to keep, {kept.path}, {error}") from error
    try:
        with open_original(catalog, video) as file:
            opened = file.status
    except MediaError as error:
        raise ValueError(f"{video.path} is not moved to the trash: {error}") from error
    named = os.lstat(video.path)
    if not os.path.samestat(named, opened):
        raise ValueError(f"{video.path} is a link, or was replaced just now")
    if os.path.samestat(of_kept, opened):
        raise ValueError(f"{video.path} is another name of {kept.path}")


def _words(catalog: Catalog, video: Video) -> set[str]:
    assert video.id is not None  # it came from the catalog
    return {word for cue in catalog.cues.of(video.id) for word in terms(cue.text)}


def _send(path: str) -> None:
    from send2trash import send2trash

    send2trash(Path(path))
