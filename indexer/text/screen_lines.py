"""Lines of on-screen text over time: a sign shown for eight seconds is one line, from its first to its last frame.

Finding text takes a hundred times as long as decoding a frame, so a frame is read only where a shot begins, where the
picture changes, or where a known line is gone. In between, lines are followed by what they look like.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # (H, W, 3), RGB
Gray = NDArray[np.uint8]  # (H, W)
Quad = NDArray[np.float32]  # (4, 2): corners of a line in pixels, clockwise from where its text begins

MOST_LINES = 100  # of one frame that are read; a page of a book has fifty
MOST_KEPT = 50_000  # of a video: a day of subtitles
_FOUND_GAP_SECONDS, _EMPTY_GAP_SECONDS = 1.0, 2.0  # between readings of a picture that changes, with and without text
_LOST_GAP_SECONDS = 0.5  # between readings where a line is gone
_FOUND_FOR_SECONDS = 10.0  # after the last text
_PATIENCE_SECONDS = 1.5  # that a line may be hidden or missed
_BACK_SECONDS = 2.0  # before a line is read in which its first frame is looked for
_SHRINK = 8  # pixels that are compared as one to see whether a picture changes
_CHANGE, _LEAST_CHANGED = 10, 2  # grey levels; of these pixels
_SAME_LOOK, _FIRST_LOOK = 0.6, 0.75  # correlation of a line with its place in the next frame, and before it was read
_SAME_LETTER = 0.3  # share of the contrast of a line that half a letter may change by
_MOVED = 12  # pixels from frame to frame
_SAME_PLACE = 0.4  # intersection over union
_SAME_TEXT, _NEARLY_SAME_TEXT = 85.0, 60.0  # per cent of letters: anywhere, and where a line still looks the same
_SURE = 0.95  # score of a reading that needs no second one
_MOST_READINGS = 3
_STANDING_SHARE, _STANDING_SECONDS = 0.5, 30.0  # of a video that a logo, a watermark or a clock stands in at least
_ONCE_SECONDS = 2.0  # of the cue that is kept of it
_MOST_PLACES = 20  # of one text that are told apart
_DIGIT = re.compile(r"\d")
_NO_LOOK = np.zeros((0, 0), np.uint8)


class Reader(Protocol):
    """Finds lines of text in a picture, and reads them."""

    def find(self, picture: Picture) -> list[Quad]:
        """Where lines are, in reading order."""

    def read(self, picture: Picture, place: Quad) -> tuple[str, float]:
        """The text of a line, "" for none, and a score from 0 to 1."""


@dataclass(frozen=True)
class Box:
    """The upright rectangle around a line, in pixels."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def around(cls, place: Quad, gray: Gray) -> Box:
        """The rectangle around corners, inside a picture."""
        height, width = gray.shape
        left, top = np.floor(place.min(axis=0)).astype(int).clip(0, (width - 2, height - 2))
        right, bottom = np.ceil(place.max(axis=0)).astype(int).clip((left + 2, top + 2), (width, height))
        return cls(int(left), int(top), int(right), int(bottom))

    def moved(self, x: int, y: int) -> Box:
        """The same rectangle elsewhere."""
        return Box(self.left + x, self.top + y, self.right + x, self.bottom + y)

    def of(self, gray: Gray, margin: int = 0) -> Gray:
        """What is inside it."""
        top, left = max(0, self.top - margin), max(0, self.left - margin)
        return gray[top : self.bottom + margin, left : self.right + margin]

    def overlap(self, other: Box) -> float:
        """Intersection over union."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        inside = max(0, width) * max(0, height)
        return inside / (self._area() + other._area() - inside)

    def _area(self) -> int:
        return (self.right - self.left) * (self.bottom - self.top)


@dataclass
class Line:
    """A line of text while it is on screen."""

    text: str
    score: float
    box: Box  # where it was seen last
    look: Gray  # what it looks like
    start: float  # seconds: when its first frame appears
    end: float  # when the first frame without it appears
    order: int  # in reading order among the lines of one frame
    readings: int = 1
    followed: bool = True  # in the last frame
    missed_at: float | None = None  # when the reader found nothing in its place, though it looked the same

    @property
    def sure(self) -> bool:
        """Whether another reading would add nothing."""
        return self.score >= _SURE or self.readings >= _MOST_READINGS

    def follow(self, gray: Gray) -> bool:
        """Look for the line in the next frame, near its place."""
        import cv2

        if self.box.of(gray).shape != self.look.shape:
            return False
        if self.likeness(gray) >= _SAME_LOOK:
            return True
        window = self.box.of(gray, _MOVED)
        best, (x, y) = cv2.minMaxLoc(cv2.matchTemplate(window, self.look, cv2.TM_CCOEFF_NORMED))[1::2]
        if not _SAME_LOOK <= best <= 1.0:  # a plain patch correlates infinitely
            return False
        self.box = self.box.moved(x - min(_MOVED, self.box.left), y - min(_MOVED, self.box.top))
        return True

    def likeness(self, gray: Gray) -> float:
        """Correlation of what is in its place with what it looks like."""
        here = self.box.of(gray)
        return _correlation(here, self.look) if here.shape == self.look.shape else 0.0

    def unchanged(self, gray: Gray) -> bool:
        """Whether not one of its letters looks different."""
        import cv2

        here = self.box.of(gray)
        if here.shape != self.look.shape:
            return False
        letter = max(3, min(here.shape) // 2)
        difference = cv2.blur(cv2.absdiff(here, self.look), (letter, letter))
        return bool(difference.max() <= _SAME_LETTER * self.look.std())

    def check(self, time: float, there: Sequence[Line], instead: Sequence[Line]) -> None:
        """End the line where it is gone, though its place looks much the same.

        Args:
            time: of the frame that was read.
            there: lines that were found in it.
            instead: new lines in its place.
        """
        if any(self is line for line in there):
            self.missed_at = None
        if not self.followed:
            return
        if instead:
            self.followed, self.end = False, max(self.start, min(line.start for line in instead))
        elif self.missed_at is not None:
            self.followed, self.end = False, self.missed_at
        elif all(self is not line for line in there):
            self.missed_at = time

    def add(self, text: str, score: float) -> None:
        """Take another reading of the same line."""
        self.readings += 1
        if (score, len(text)) > (self.score, len(self.text)) or _is_part(self.text, text):
            self.text = text
        self.score = max(score, self.score)


class ScreenLines:
    """Collects the lines of a video, frame by frame.

    Args:
        reader: of pictures.
        side: shorter side, in pixels, of the pictures in which lines are followed.
    """

    def __init__(self, reader: Reader, *, side: int) -> None:
        self._reader, self._side = reader, side
        self._open: list[Line] = []
        self._closed: list[Line] = []
        self._recent: deque[tuple[float, Gray]] = deque()
        self._small: NDArray[np.int16] | None = None  # of the frame that was read last
        self._read_at, self._found_at = -np.inf, -np.inf

    def see(self, time: float, picture: Picture, *, cut: bool) -> None:
        """Look at the next frame.

        Args:
            time: when it appears, in seconds.
            picture: RGB (H, W, 3).
            cut: whether a shot begins with it.
        """
        gray, small = _gray(picture, self._side)
        gone = False
        for line in self._open:
            if line.followed:
                line.end = time
                line.followed = line.follow(gray)
                gone = gone or not line.followed
        if self._is_due(time, small, cut=cut, gone=gone):
            self._read(time, picture, gray)
            self._small, self._read_at = small, time
        ended = [line for line in self._open if not line.followed and time - line.end > _PATIENCE_SECONDS]
        self._closed += [replace(line, look=_NO_LOOK) for line in ended][: MOST_KEPT - len(self._closed)]
        self._open = [line for line in self._open if line.followed or time - line.end <= _PATIENCE_SECONDS]
        self._recent.append((time, gray))
        while self._recent[0][0] < time - _BACK_SECONDS:
            self._recent.popleft()

    def lines(self, duration: float) -> list[Line]:
        """All lines, in order of time and, in one frame, of reading.

        Args:
            duration: of the video in seconds.
        """
        for line in self._open:
            line.end = max(line.end, duration) if line.followed else line.end
        every = sorted([*self._closed, *self._open], key=lambda line: (line.start, line.order))
        return _without_standing(every, duration)

    def _is_due(self, time: float, small: NDArray[np.int16], *, cut: bool, gone: bool) -> bool:
        if self._small is None or cut or self._small.shape != small.shape:
            return True
        since = time - self._read_at
        gap = _FOUND_GAP_SECONDS if time - self._found_at < _FOUND_FOR_SECONDS else _EMPTY_GAP_SECONDS
        lost = gone or any(not line.followed for line in self._open)
        if lost and since >= _LOST_GAP_SECONDS:
            return True
        changed = np.count_nonzero(np.abs(small - self._small) > _CHANGE)
        return since >= gap and bool(changed >= _LEAST_CHANGED)

    def _read(self, time: float, picture: Picture, gray: Gray) -> None:
        scale = gray.shape[0] / picture.shape[0]
        there: list[Line] = []
        fresh: list[Line] = []
        for order, place in enumerate(self._reader.find(picture)[:MOST_LINES]):
            box = Box.around(place * scale, gray)
            known = self._at(box, followed=True)
            there += [known] if known is not None else []
            if known is not None and known.sure and known.unchanged(gray):
                continue
            text, score = self._reader.read(picture, place)
            if not text:
                continue
            self._found_at = time
            line = self._same(text, score, box)
            if line is None:
                line = Line(text, score, box, box.of(gray).copy(), time, time, order)
                line.start = self._first_frame(line, time, before=self._at(box))
                fresh.append(line)
            else:
                line.add(text, score)
                line.box, line.look = box, box.of(gray).copy()
                line.end, line.followed = time, True
            there.append(line)
        for line in self._open:
            line.check(time, there, [new for new in fresh if new.box.overlap(line.box) > _SAME_PLACE])
        for line in fresh:  # lines of one sign appear together
            line.start = min(each.start for each in fresh if abs(each.start - line.start) <= _LOST_GAP_SECONDS)
        self._open += fresh

    def _at(self, box: Box, *, followed: bool = False) -> Line | None:
        """The line at a place, or that was there a moment ago; one that is followed if that is asked."""
        near = [line for line in self._open if line.box.overlap(box) > _SAME_PLACE and line.followed >= followed]
        return max(near, key=lambda line: line.box.overlap(box), default=None)

    def _same(self, text: str, score: float, box: Box) -> Line | None:
        """The line that is on screen, or was a moment ago, and has this text; the nearest of several."""
        same = [line for line in self._open if _is_same(line, text, score, box)]
        return max(same, key=lambda line: (line.box.overlap(box), -abs(line.box.top - box.top)), default=None)

    def _first_frame(self, line: Line, time: float, before: Line | None) -> float:
        """When a line appeared that was read now.

        Args:
            line: the line.
            time: now.
            before: what stood in its place.
        """
        back = replace(line)
        for at, gray in reversed(self._recent):
            if not back.follow(gray) or back.likeness(gray) < _FIRST_LOOK:
                break
            if before is not None and before.likeness(gray) > back.likeness(gray):
                break
            time = at
        return time


def _is_same(line: Line, text: str, score: float, box: Box) -> bool:
    from rapidfuzz.fuzz import ratio

    if _digits(line.text) != _digits(text):
        return False
    alike = ratio(line.text.casefold(), text.casefold())
    here = line.followed and line.box.overlap(box) > _SAME_PLACE
    if here and (_is_part(line.text, text) or _is_part(text, line.text)):
        return True  # it appears letter by letter, or is half hidden
    misread = min(line.score, score) < _SURE
    return alike == 100 or (misread and alike >= (_NEARLY_SAME_TEXT if here else _SAME_TEXT))


def _is_part(part: str, whole: str) -> bool:
    return len(part) >= 3 and part.casefold() in whole.casefold()


def _digits(text: str) -> list[str]:
    return _DIGIT.findall(text)


def _without_standing(lines: Sequence[Line], duration: float) -> list[Line]:
    """Keep logos, watermarks and clocks once: what stands in one place in most of the video, whatever its digits.

    What is read there is another reading of it, if it is similar.
    """
    groups: dict[str, list[Line]] = {}
    for line in lines:
        groups.setdefault(_undated(line), []).append(line)
    least = max(_STANDING_SECONDS, _STANDING_SHARE * duration)
    places = [place for group in groups.values() for place in _by_place(group)]
    standing = [place[0] for place in places if sum(line.end - line.start for line in place) >= least]
    kept = [line for line in lines if not any(_stands_for(one, line) for one in standing)]
    kept += [replace(one, end=min(one.end, one.start + _ONCE_SECONDS)) for one in standing]
    return sorted(kept, key=lambda line: (line.start, line.order))


def _stands_for(standing: Line, line: Line) -> bool:
    from rapidfuzz.fuzz import ratio

    near = standing.box.overlap(line.box) > _SAME_PLACE
    return near and ratio(_undated(standing), _undated(line)) >= _NEARLY_SAME_TEXT


def _undated(line: Line) -> str:
    """The text of a line, whatever its digits."""
    return _DIGIT.sub("0", line.text.casefold())


def _by_place(lines: Iterable[Line]) -> list[list[Line]]:
    places: list[list[Line]] = []
    for line in lines:
        for place in places[:_MOST_PLACES]:
            if place[0].box.overlap(line.box) > _SAME_PLACE:
                place.append(line)
                break
        else:
            places.append([line])
    return places


def fitted(picture: Picture, side: int) -> Picture:
    """A picture (H, W, ...) with a shorter side of some pixels."""
    import cv2

    height, width = picture.shape[:2]
    scale = side / min(height, width)
    size = (round(width * scale), round(height * scale))
    if scale == 1:
        return picture
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _gray(picture: Picture, side: int) -> tuple[Gray, NDArray[np.int16]]:
    """A picture in grey with a shorter side of some pixels, and a much smaller one."""
    import cv2

    gray = fitted(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False), side)
    return gray, fitted(gray, max(1, side // _SHRINK)).astype(np.int16)


def _correlation(one: Gray, other: Gray) -> float:
    """Pearson's, of two patches of one size; 0 where one is plain."""
    a, b = one.astype(np.float32).ravel(), other.astype(np.float32).ravel()
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norm if norm > 0 else 0.0
