"""Videos of a library that show the same, and what could be deleted of them. Nothing is.

Candidates come from the vector index: videos whose segments are among the nearest of each other's. Their kept frames
are aligned, and only what shares nearly all of both is a duplicate; a short video that lies in a long one is an
excerpt of it, and both are kept.
"""

from __future__ import annotations

import heapq
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from search.clips.alignment import Alignment, align
from search.clips.frames import FrameNormalizer, FrameSequence
from search.clips.matching import match_kind
from store.catalog.catalog import Catalog
from store.types import Video
from store.vectors.index import VectorIndex

Kind = Literal["copy", "near copy", "same file", "excerpt", "shared part"]

LEAST_SECONDS = 2.0  # that have to be shared: four frames

_UNSHARED = 0.25, 0.05  # seconds, and share of its length, that a duplicate may have for itself: a frame, a fade
_ALIKE_THROUGHOUT = 0.8  # cosine that nine tenths of the frames of a duplicate have: a title card does not make one
_FEWEST_CHANGED = 12  # frames of a near copy: of fewer, two takes of one scene can change alike
_PART_SECONDS = 3.0  # of a part that two videos share, such as an intro, to be told
_WHOLE = 0.9  # of what a video shows has to be in the other one; the rest is a logo, a fade, a second of black
_AS_LONG = 0.05  # a difference of length that does not make one of two duplicates the better
_SEQUENCES = 16  # videos whose frames are held: some 600 MB where all are an hour long
_NEAREST = 8  # segments looked at for each
_MOST_NEAREST = 512  # where the nearest are all of the same video, as in films of one long shot
_ALIKE = 0.65  # cosine of segments from which two videos are compared; a copy seldom has less, unrelated ones often do
_BLANK = 0.97  # cosine with the embedding of a picture that shows nothing
_AT_ONCE = 1024  # segments
_INSTANTS = 4  # of each pair that are remembered: where the segments are most alike


@dataclass(frozen=True)
class Copy:
    """One video of a cluster, and the stretch of it that the others show too."""

    video: Video
    start: float
    end: float
    keep: bool  # whether it is to be kept: nothing else is sure to show all of it
    same_file: bool = False  # whether it is the file before it under another name: a link, or a second path to it

    @property
    def seconds(self) -> float:
        """How long the whole video is."""
        return self.video.duration


@dataclass(frozen=True)
class Duplicates:
    """Videos that show the same, the one to keep first.

    Attributes:
        kind: "copy" where all are the same pictures, "near copy" where some were cropped or changed, "same file" where
            one file has several names, "excerpt" where the second is a part of the first, "shared part" where both
            have something of their own. Only what is a copy need not be kept.
    """

    kind: Kind
    videos: tuple[Copy, ...]

    @property
    def seconds_saved(self) -> float:
        """Of video, if what need not be kept were deleted."""
        return sum(copy.seconds for copy in self.videos if not copy.keep and not copy.same_file)

    @property
    def bytes_saved(self) -> int:
        """Of files, if what need not be kept were deleted."""
        return sum(copy.video.size for copy in self.videos if not copy.keep and not copy.same_file)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "kind": self.kind,
            "videos": [
                {
                    "path": copy.video.path,
                    "width": copy.video.width,
                    "height": copy.video.height,
                    "bytes": copy.video.size,
                    "seconds": round(copy.seconds, 3),
                    "start": round(copy.start, 3),
                    "end": round(copy.end, 3),
                    "keep": copy.keep,
                    "same_file": copy.same_file,
                }
                for copy in self.videos
            ],
            "seconds_saved": round(self.seconds_saved, 3),
            "bytes_saved": self.bytes_saved,
        }


@dataclass(frozen=True)
class _Shared:
    """What two videos have in common, the first of which is the shorter."""

    alignment: Alignment
    kind: str
    of_first: float  # share of what it shows
    of_second: float
    whole_first: bool  # whether nothing of it is missing in the other
    whole_second: bool


def find(
    catalog: Catalog,
    index: VectorIndex,
    normalizer: FrameNormalizer,
    *,
    min_seconds: float = LEAST_SECONDS,
    within: str | None = None,
) -> list[Duplicates]:
    """Clusters of videos that show the same, those that save most first, and excerpts after them.

    Args:
        min_seconds: what two videos share has to be so long.
        within: only videos at this path or under this folder.

    Raises:
        ValueError: `min_seconds` is not positive.
    """
    if not min_seconds > 0:
        raise ValueError(f"min_seconds must be positive, got {min_seconds}")
    videos = {video.id: video for video in catalog.videos.all(within) if video.id is not None}
    files, names = _files(videos)
    search = _Comparison(catalog, normalizer, files, names, min_seconds)
    first_of = {video.content_hash: number for number, video in sorted(files.items(), reverse=True)}  # added first
    distinct = {number: files[number] for number in first_of.values()}
    pairs = candidates(catalog, index, normalizer, distinct)
    return search.clusters(first_of, pairs)


class _Comparison:
    """One run over a library; remembers what it has compared."""

    def __init__(
        self,
        catalog: Catalog,
        normalizer: FrameNormalizer,
        videos: dict[int, Video],
        names: dict[int, list[Video]],
        min_seconds: float,
    ) -> None:
        self._catalog, self._normalizer, self._videos, self._least = catalog, normalizer, videos, min_seconds
        self._names = names  # other names of the files
        self._there = {number for number, video in videos.items() if os.path.exists(video.path)}
        self._frames = lru_cache(_SEQUENCES)(self._read)
        self._known: dict[tuple[int, int], _Shared | None] = {}

    def clusters(self, first_of: dict[str, int], pairs: Iterable[Pair]) -> list[Duplicates]:
        """Duplicates and excerpts among videos that differ in content, joined by those that do not."""
        alike: dict[int, set[int]] = defaultdict(set)
        parts: list[tuple[int, int]] = []
        overlaps: list[tuple[int, int]] = []
        for pair in pairs:
            shared = self._shared(pair.first, pair.second, pair.near)
            if shared is None:
                continue
            if shared.whole_first and shared.whole_second:
                alike[pair.first].add(pair.second)
                alike[pair.second].add(pair.first)
            elif shared.whole_first:
                parts.append(self._ordered(pair.first, pair.second))
            elif shared.kind == "copy" and _seconds(shared.alignment) >= max(self._least, _PART_SECONDS):
                overlaps.append(self._ordered(pair.first, pair.second))
        twins: dict[int, list[int]] = defaultdict(list)
        for number, video in self._videos.items():
            twins[first_of[video.content_hash]].append(number)
        stars = [star for component in _components(twins, alike) for star in self._stars(component)]
        keeper = {number: star[0] for star in stars for number in star}
        clusters = [self._cluster(star, twins) for star in stars]
        clusters = [cluster for cluster in clusters if len(cluster.videos) > 1]
        between = dict.fromkeys((keeper[part], keeper[whole]) for part, whole in parts)
        excerpts = [self._excerpt(part, whole, "excerpt") for part, whole in between if part != whole]
        excerpts += [self._excerpt(*pair, "shared part") for pair in overlaps]
        clusters.sort(key=lambda cluster: (-cluster.bytes_saved, cluster.videos[0].video.path))
        return clusters + [excerpt for excerpt in excerpts if excerpt is not None]

    def _stars(self, component: set[int]) -> list[list[int]]:
        """Videos around one to keep, each a duplicate of that very one, so that nothing is lost by way of a third."""
        stars = []
        rest = set(component)
        while rest:
            keeper = self._best(rest)
            star = [keeper]
            for other in sorted(rest - {keeper}):
                shared = self._shared(keeper, other, ())
                if shared is not None and shared.whole_first and shared.whole_second:
                    star.append(other)
            rest -= set(star)
            stars.append(star)
        return stars

    def _best(self, numbers: Iterable[int]) -> int:
        """The one to keep: there, complete, as long as the longest, of the largest picture and the highest bit rate."""
        numbers = set(numbers)
        videos = [self._videos[number] for number in (numbers & self._there or numbers)]
        whole = [video for video in videos if not video.missing_seconds] or videos
        longest = max(video.duration for video in whole)
        good = [video for video in whole if video.duration >= (1 - _AS_LONG) * longest]
        best = max(good, key=lambda video: (video.width * video.height, _bit_rate(video), -(video.id or 0)))
        assert best.id is not None  # it came from the catalog
        return best.id

    def _cluster(self, star: Sequence[int], twins: dict[int, list[int]]) -> Duplicates:
        keeper = self._videos[star[0]]
        copies = [*self._named(star[0], 0.0, keeper.duration, keep=True)]
        kinds: set[Kind] = set()
        for number in star:
            shared = self._shared(number, star[0], ()) if number != star[0] else None
            start, end = 0.0, self._videos[number].duration
            changed = shared is not None and shared.kind == "near copy"
            if shared is not None:
                start, end = self._stretch(number, star[0], shared)
            for twin in twins[number]:
                if twin != star[0]:
                    kinds.add("near copy" if changed else "copy")
                    # Cropped or changed, it shows what the other does not; out of reach, it may be all that is left.
                    keep = changed or (not {twin, star[0]} <= self._there and bool(self._there))
                    copies.extend(self._named(twin, start, end, keep=keep))
        kind: Kind = "near copy" if "near copy" in kinds else "copy" if kinds else "same file"
        return Duplicates(kind, tuple(copies))

    def _named(self, number: int, start: float, end: float, *, keep: bool) -> Iterator[Copy]:
        """A file under all its names."""
        yield Copy(self._videos[number], start, end, keep=keep)
        for video in self._names[number]:
            yield Copy(video, start, end, keep=keep, same_file=True)

    def _excerpt(self, part: int, whole: int, kind: Kind) -> Duplicates | None:
        shared = self._shared(part, whole, ())
        if shared is None:
            return None
        copies = [Copy(self._videos[whole], *self._stretch(whole, part, shared), keep=True)]
        copies.append(Copy(self._videos[part], *self._stretch(part, whole, shared), keep=True))
        return Duplicates(kind, tuple(copies))

    def _ordered(self, one: int, other: int) -> tuple[int, int]:
        """The shorter first."""
        first, second = sorted((one, other), key=lambda number: (self._videos[number].duration, number))
        return first, second

    def _stretch(self, number: int, other: int, shared: _Shared) -> tuple[float, float]:
        """The part of a video that it shares with another."""
        alignment = shared.alignment
        if self._ordered(number, other)[0] == number:
            return alignment.query_start, alignment.query_end
        return alignment.start, alignment.end

    def _shared(self, one: int, other: int, near: Sequence[tuple[float, float]]) -> _Shared | None:
        """What two videos have in common; None where it is too short, or no copy.

        Args:
            near: instants of `one` and `other` that are alike.
        """
        key = self._ordered(one, other)
        if key not in self._known:
            turned = near if key == (one, other) else [(there, here) for here, there in near]
            self._known[key] = self._compared(*key, turned)
        return self._known[key]

    def _compared(self, first: int, second: int, near: Sequence[tuple[float, float]]) -> _Shared | None:
        query, found = self._frames(first), self._frames(second)
        alignment = align(query, found, near=near)
        if alignment is None or min(alignment.end - alignment.start, _seconds(alignment)) < self._least:
            return None
        kind = match_kind(alignment)
        if kind not in ("copy", "near copy") or (kind == "near copy" and alignment.frames < _FEWEST_CHANGED):
            return None
        of_query = _share(query, alignment.query_start, alignment.query_end)
        of_found = _share(found, alignment.start, alignment.end)
        throughout = _alike_throughout(query, found, alignment)
        return _Shared(
            alignment,
            kind,
            of_query,
            of_found,
            throughout and _is_whole(query, of_query),
            throughout and _is_whole(found, of_found),
        )

    def _read(self, number: int) -> FrameSequence:
        return self._normalizer.of_segments(self._catalog.segments.of(number))


def _seconds(alignment: Alignment) -> float:
    return alignment.query_end - alignment.query_start


def _is_whole(frames: FrameSequence, share: float) -> bool:
    """Whether what is not shared of a video is too little to be anything."""
    seconds = float(np.sum(frames.shown)) * frames.step
    return share >= _WHOLE and (1 - share) * seconds <= _UNSHARED[0] + _UNSHARED[1] * seconds


def _alike_throughout(query: FrameSequence, found: FrameSequence, alignment: Alignment) -> bool:
    """Whether nearly every frame is like the one at its place, and not only many of them."""
    inside = query.shown & (query.pts_seconds >= alignment.query_start) & (query.pts_seconds < alignment.query_end)
    times = alignment.start + alignment.speed * (query.pts_seconds[inside] - alignment.query_start)
    if not len(times) or not len(found.pts_seconds):
        return False
    likeness = query.rows[inside] @ found.rows.T
    near = np.abs(found.pts_seconds[None, :] - times[:, None]) <= 1.5 * max(found.step, query.step)
    best = np.where(near, likeness, -1.0).max(axis=1)
    return float(np.quantile(best, 0.1)) >= _ALIKE_THROUGHOUT


def _bit_rate(video: Video) -> float:
    return video.size / max(video.duration, 1e-3)


def _files(videos: dict[int, Video]) -> tuple[dict[int, Video], dict[int, list[Video]]]:
    """Files by the number of one of their videos, and the others of each: device and inode decide, not names.

    A link stands for its target only where no other name is there.
    """
    groups: dict[object, list[int]] = defaultdict(list)
    for number, video in videos.items():
        try:
            state = os.stat(video.path)
        except OSError:
            groups[number].append(number)  # gone: nobody knows
        else:
            groups[state.st_dev, state.st_ino].append(number)
    files: dict[int, Video] = {}
    names: dict[int, list[Video]] = {}
    for group in groups.values():
        group.sort(key=lambda number: (os.path.realpath(videos[number].path) != videos[number].path, number))
        files[group[0]] = videos[group[0]]
        names[group[0]] = [videos[number] for number in group[1:]]
    return files, names


def _share(frames: FrameSequence, start: float, end: float) -> float:
    """Of the frames that show something, those that appear in a stretch; its ends fall between two frames."""
    pts = frames.pts_seconds[frames.shown]
    return float(np.mean((pts >= start - frames.step / 2) & (pts < end + frames.step / 2)))


def _components(numbers: Iterable[int], alike: dict[int, set[int]]) -> list[set[int]]:
    """Sets of videos that are connected."""
    components, visited = [], set[int]()
    for number in numbers:
        if number in visited:
            continue
        component, todo = set[int](), [number]
        while todo:
            if (one := todo.pop()) not in component:
                component.add(one)
                todo.extend(alike.get(one, ()))
        visited |= component
        components.append(component)
    return components


@dataclass(frozen=True)
class Pair:
    """Two videos, and instants at which they are alike, best first."""

    first: int
    second: int
    near: tuple[tuple[float, float], ...]


@dataclass(frozen=True, eq=False)
class _Segments:
    """All segments that are compared, in order of their ids: arrays (N,)."""

    ids: NDArray[np.int64]
    videos: NDArray[np.int64]
    middles: NDArray[np.float64]  # seconds


def candidates(
    catalog: Catalog, index: VectorIndex, normalizer: FrameNormalizer, videos: dict[int, Video]
) -> list[Pair]:
    """Return pairs of videos that may show the same, each once.

    Each segment is compared with its nearest in other videos, so the work grows with the number of segments and not
    with its square.
    """
    segments = _segments(catalog, videos)
    among = None if len(segments.ids) == len(index) else segments.ids
    best: dict[tuple[int, int], list[tuple[float, float, float]]] = defaultdict(list)
    for first in range(0, len(segments.ids), _AT_ONCE):
        rows = np.arange(first, min(first + _AT_ONCE, len(segments.ids)))
        vectors = catalog.segments.embeddings(segments.ids[rows])
        visible = (vectors @ normalizer.blank_embeddings.T).max(axis=1) < _BLANK
        for row, other, score in _nearest(index, segments, rows[visible], vectors[visible], among):
            one, two = sorted((row, other), key=lambda each: int(segments.videos[each]))
            seeds = best[int(segments.videos[one]), int(segments.videos[two])]
            seed = (score, float(segments.middles[one]), float(segments.middles[two]))
            if seed not in seeds:
                heapq.heappush(seeds, seed)
            if len(seeds) > _INSTANTS:
                heapq.heappop(seeds)
    return [
        Pair(*pair, tuple((here, there) for _, here, there in sorted(seeds, reverse=True)))
        for pair, seeds in sorted(best.items())
    ]


def _segments(catalog: Catalog, videos: Iterable[int]) -> _Segments:
    segments = [(segment, number) for number in videos for segment in catalog.segments.of(number)]
    segments.sort(key=lambda each: each[0].id or 0)
    return _Segments(
        np.array([segment.id for segment, _ in segments], np.int64),
        np.array([number for _, number in segments], np.int64),
        np.array([(segment.start + segment.end) / 2 for segment, _ in segments]),
    )


def _nearest(
    index: VectorIndex,
    segments: _Segments,
    rows: NDArray[np.int64],
    vectors: NDArray[np.float32],
    among: NDArray[np.int64] | None,
) -> list[tuple[int, int, float]]:
    """Rows of segments, of segments of other videos that are near to them, and the cosines."""
    found: list[tuple[int, int, float]] = []
    k = _NEAREST
    while len(rows):
        scores, ids = index.search(vectors, k, among=among)
        places = np.minimum(np.searchsorted(segments.ids, ids), len(segments.ids) - 1)
        near = (scores >= _ALIKE) & (segments.ids[places] == ids)
        elsewhere = near & (segments.videos[places] != segments.videos[rows][:, None])
        for i, j in zip(*np.nonzero(elsewhere), strict=True):
            found.append((int(rows[i]), int(places[i, j]), float(scores[i, j])))
        # Where a film is like itself for long, what is near elsewhere comes after all of that.
        again = near.all(axis=1) & ~elsewhere.any(axis=1)
        rows, vectors, k = rows[again], vectors[again], 8 * k
        if k > _MOST_NEAREST:
            break
    return found
