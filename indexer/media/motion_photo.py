"""Photos with a short video at their end: Google's and Samsung's motion photos, in JPEG and HEIC.

A JPEG says so in its XMP, or in the trailer that Samsung's cameras append; an HEIC in a box `mpvd`. The video is MP4.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from indexer.media.files import open_file

if TYPE_CHECKING:
    from indexer.media.files import OpenFile

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".heic", ".heif"})
_JPEG = b"\xff\xd8\xff"
_MARKS = (b"MotionPhoto", b"MicroVideo")  # in XMP
_SAMSUNG_END = b"SEFT"
_HEAD_BYTES = 2**17  # of a JPEG, which hold its EXIF with a thumbnail, and its XMP
_LARGEST_BYTES = 2**28  # of a photo
_LONGEST_TYPE_BOX = 256  # bytes
_MOST_BOXES = 1000  # at the top of an HEIC


def is_motion_photo(path: Path) -> bool:
    """Whether a file is a photo with a video; a few reads. May be an OSError."""
    if path.suffix.lower() not in PHOTO_SUFFIXES:
        return False
    with open_file(path) as file:
        return video_offset(file) > 0


def video_offset(file: OpenFile) -> int:
    """Return where the video in a photo begins, in bytes; 0 for a file that is no motion photo."""
    head = file.read_at(0, 12)
    if head.startswith(_JPEG):
        return _in_jpeg(file)
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"mif1"):
        return _in_heic(file)
    return 0


def _in_jpeg(file: OpenFile) -> int:
    size = file.status.st_size
    marked = any(mark in file.read_at(0, _HEAD_BYTES) for mark in _MARKS)
    if size > _LARGEST_BYTES or not (marked or file.read_at(size - 4, 4) == _SAMSUNG_END):
        return 0
    whole = file.read_at(0, size)
    at = whole.find(b"ftyp")
    while at > 0:
        box = int.from_bytes(whole[at - 4 : at], "big")
        if 16 <= box <= _LONGEST_TYPE_BOX and whole[at + 4 : at + 8].isalnum():
            return at - 4
        at = whole.find(b"ftyp", at + 4)
    return 0


def _in_heic(file: OpenFile) -> int:
    size, at = file.status.st_size, 0
    for _ in range(_MOST_BOXES):
        head = file.read_at(at, 16)
        if len(head) < 16:
            break
        length, name = int.from_bytes(head[:4], "big"), head[4:8]
        header = 16 if length == 1 else 8
        if name == b"mpvd":
            return at + header
        at += int.from_bytes(head[8:], "big") if length == 1 else length or size
        if at >= size or length in range(2, 8):
            break
    return 0
