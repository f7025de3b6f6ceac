"""Duplicate videos of a library, and the files that could be deleted. Nothing is deleted.

Candidates come from the vector index: videos with segments among each other's nearest neighbours. Their stored frames
are aligned. Videos that share nearly all of both are duplicates; a short video contained in a long one is an excerpt,
and neither can be deleted.
"""

from __future__ import annotations

import heapq
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
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

LEAST_SECONDS = 2.0  # least shared duration: four frames

_UNSHARED = 0.25, 0.05  # seconds, and share of its duration, that a duplicate may have alone: a frame, a fade
_ALIKE_THROUGHOUT = 0.8  # least cosine of 90 % of a duplicate's frames: a shared title card is not enough
_FEWEST_CHANGED = 12  # least frames of a near copy: with fewer, changes in two takes of one scene can agree
_PART_SECONDS = 3.0  # least duration of a reported shared part, such as an intro
_WHOLE = 0.9  # share of a video's visible frames that must be in the other; the rest may be a logo, a fade, black
_AS_LONG = 0.05  # relative difference in duration that makes neither duplicate the better one
_SEQUENCES = 16  # videos whose frames are cached: about 600 MB if each is an hour long
_NEAREST = 8  # nearest segments per segment
_MOST_NEAREST = 512  # if all of the nearest are in the same video, as for one long shot
_ALIKE = 0.65  # least cosine of segments for comparing two videos; copies seldom have less, unrelated videos often do
_BLANK = 0.97  # cosine with the embedding of a blank picture
_AT_ONCE = 1024  # segments
_MOST_PAIRS = 500_000  # videos that may be duplicates, about 300 MB; past that the less similar half is dropped
_INSTANTS = 4  # matching times stored per pair: those of the most similar segments


@dataclass(frozen=True)
class Copy:
    """One video of a cluster, and the stretch of it that the others share."""

    video: Video
    start: float
    end: float
    keep: bool  # whether it must be kept, since no other video certainly shows all of it
    same_file: bool = False  # whether it is another name of the file before it: a link, or a second path

    @property
    def seconds(self) -> float:
        """Duration of the whole video."""
        return self.video.duration


@dataclass(frozen=True)
class Duplicates:
    """A cluster of duplicate videos; the one to keep is first.

    Attributes:
        kind: "copy": all have the same pictures; "near copy": some are cropped or changed; "same file": several names
        of
            one file; "excerpt": the second is a part of the first; "shared part": both have parts of their own. Only
            copies can be deleted.
    """

    kind: Kind
    videos: tuple[Copy, ...]

    @property
    def seconds_saved(self) -> float:
        """Seconds of video freed by deleting everything that need not be kept."""
        return sum(copy.seconds for copy in self.videos if not copy.keep and not copy.same_file)

    @property
    def bytes_saved(self) -> int:
        """Bytes freed by deleting everything that need not be kept."""
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
    """The shared part of two videos; the first is the shorter."""

    alignment: Alignment
    kind: str
    of_first: float  # share of its visible frames
    of_second: float
    whole_first: bool  # whether the other contains all of it
    whole_second: bool


def find(
    catalog: Catalog,
    index: VectorIndex,
    normalizer: FrameNormalizer,
    *,
    min_seconds: float = LEAST_SECONDS,
    within: str | None = None,
    tell: Callable[[int, int], None] = lambda done, count: None,
) -> list[Duplicates]:
    """Return clusters of duplicate videos, largest savings first, then excerpts; dismissed pairs are left out.

    Args:
        catalog: of the library.
        index: its vectors.
        normalizer: of its frames.
        min_seconds: least duration that two videos share.
        within: only videos at this path or under this folder.
        tell: called with how much is done, and how much there is to do: segments to search for, then pairs to compare.

    Raises:
        ValueError: `min_seconds` is not positive.
    """
    if not min_seconds > 0:
        raise ValueError(f"min_seconds must be positive, got {min_seconds}")
    videos = {video.id: video for video in catalog.videos.all(within) if video.id is not None}
    files, names = _files(videos)
    apart = {dismissal.hashes for dismissal in catalog.dismissals.all()}
    search = _Comparison(catalog, normalizer, files, names, min_seconds, apart)
    first_of = {video.content_hash: number for number, video in sorted(files.items(), reverse=True)}  # added first
    distinct = {number: files[number] for number in first_of.values()}
    pairs = candidates(catalog, index, normalizer, distinct, tell=tell)
    return search.clusters(first_of, _counted(pairs, tell))


def _counted(pairs: Sequence[Pair], tell: Callable[[int, int], None]) -> Iterator[Pair]:
    for done, pair in enumerate(pairs):
        tell(done, len(pairs))
        yield pair
    tell(len(pairs), len(pairs))


class _Comparison:
    """One run over a library, with a cache of comparisons."""

    def __init__(
        self,
        catalog: Catalog,
        normalizer: FrameNormalizer,
        videos: dict[int, Video],
        names: dict[int, list[Video]],
        min_seconds: float,
        apart: Set[tuple[str, str]],
    ) -> None:
        self._catalog, self._normalizer, self._videos, self._least = catalog, normalizer, videos, min_seconds
        self._names = names  # other names of the files
        self._apart = apart  # dismissed pairs of contents
        self._there = {number for number, video in videos.items() if os.path.exists(video.path)}
        self._frames = lru_cache(_SEQUENCES)(self._read)
        self._known: dict[tuple[int, int], _Shared | None] = {}

    def clusters(self, first_of: dict[str, int], pairs: Iterable[Pair]) -> list[Duplicates]:
        """Return duplicates and excerpts among videos with different content, with identical files added."""
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
            first = first_of[video.content_hash]
            if number == first or not self._dismissed(first, number):
                twins[first].append(number)
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
        """Group videos around one to keep, each a direct duplicate of it, so that no content is lost via a third."""
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
        """Choose the video to keep: present, complete, longest, with the largest picture and the highest bit rate."""
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
                    # A cropped or changed copy shows something else; of an offline one, it may be the last copy.
                    keep = changed or (not {twin, star[0]} <= self._there and bool(self._there))
                    copies.extend(self._named(twin, start, end, keep=keep))
        kind: Kind = "near copy" if "near copy" in kinds else "copy" if kinds else "same file"
        return Duplicates(kind, tuple(copies))

    def _named(self, number: int, start: float, end: float, *, keep: bool) -> Iterator[Copy]:
        """Yield a file under all its names."""
        yield Copy(self._videos[number], start, end, keep=keep)
        for video in () if self._dismissed(number, number) else self._names[number]:
            yield Copy(video, start, end, keep=keep, same_file=True)

    def _excerpt(self, part: int, whole: int, kind: Kind) -> Duplicates | None:
        shared = self._shared(part, whole, ())
        if shared is None:
            return None
        copies = [Copy(self._videos[whole], *self._stretch(whole, part, shared), keep=True)]
        copies.append(Copy(self._videos[part], *self._stretch(part, whole, shared), keep=True))
        return Duplicates(kind, tuple(copies))

    def _ordered(self, one: int, other: int) -> tuple[int, int]:
        """Return the two with the shorter first."""
        first, second = sorted((one, other), key=lambda number: (self._videos[number].duration, number))
        return first, second

    def _stretch(self, number: int, other: int, shared: _Shared) -> tuple[float, float]:
        """Return the part of a video that it shares with another."""
        alignment = shared.alignment
        if self._ordered(number, other)[0] == number:
            return alignment.query_start, alignment.query_end
        return alignment.start, alignment.end

    def _shared(self, one: int, other: int, near: Sequence[tuple[float, float]]) -> _Shared | None:
        """Return the shared part of two videos; None if it is too short or not a copy.

        Args:
            near: matching times of `one` and `other`, seconds.
        """
        if self._dismissed(one, other):
            return None
        key = self._ordered(one, other)
        if key not in self._known:
            turned = near if key == (one, other) else [(there, here) for here, there in near]
            self._known[key] = self._compared(*key, turned)
        return self._known[key]

    def _dismissed(self, one: int, other: int) -> bool:
        first, second = sorted(self._videos[number].content_hash for number in (one, other))
        return (first, second) in self._apart

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
    """Return whether the unshared part of a video is negligible."""
    seconds = float(np.sum(frames.shown)) * frames.step
    return share >= _WHOLE and (1 - share) * seconds <= _UNSHARED[0] + _UNSHARED[1] * seconds


def _alike_throughout(query: FrameSequence, found: FrameSequence, alignment: Alignment) -> bool:
    """Return whether nearly all frames match along the alignment, not only many of them."""
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
    """Group videos by file, identified by device and inode: one video of each, and its other names.

    A link represents its target only if the target has no other name.
    """
    groups: dict[object, list[int]] = defaultdict(list)
    for number, video in videos.items():
        try:
            state = os.stat(video.path)
        except OSError:
            groups[number].append(number)  # missing file
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
    """Return the share of visible frames within a stretch, whose ends are between two frames."""
    pts = frames.pts_seconds[frames.shown]
    return float(np.mean((pts >= start - frames.step / 2) & (pts < end + frames.step / 2)))


def _components(numbers: Iterable[int], alike: dict[int, set[int]]) -> list[set[int]]:
    """Return the connected components of videos."""
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
    """Two videos, and matching times in them, best first."""

    first: int
    second: int
    near: tuple[tuple[float, float], ...]


@dataclass(frozen=True, eq=False)
class _Segments:
    """The compared segments by id: arrays (N,)."""

    ids: NDArray[np.int64]
    videos: NDArray[np.int64]
    middles: NDArray[np.float64]  # seconds


def candidates(
    catalog: Catalog,
    index: VectorIndex,
    normalizer: FrameNormalizer,
    videos: dict[int, Video],
    *,
    tell: Callable[[int, int], None] = lambda done, count: None,
) -> list[Pair]:
    """Return pairs of videos that may be duplicates, each once.

    Each segment is compared with its nearest ones in other videos, so the work is linear in the number of segments.

    Args:
        catalog: of the library.
        index: its vectors.
        normalizer: of its frames.
        videos: that are compared, by id.
        tell: called with how many segments are done, and how many there are.
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
        if len(best) > _MOST_PAIRS:
            most = heapq.nlargest(_MOST_PAIRS // 2, best, key=lambda pair: max(best[pair]))
            best = defaultdict(list, {pair: best[pair] for pair in most})
        tell(int(rows[-1]) + 1, len(segments.ids))
    return [
        Pair(*pair, tuple((here, there) for _, here, there in sorted(seeds, reverse=True)))
        for pair, seeds in sorted(best.items())
    ]


def _segments(catalog: Catalog, videos: Iterable[int]) -> _Segments:
    ids, of, middles = catalog.segments.middles()
    among = np.isin(of, np.fromiter(videos, np.int64))
    return _Segments(ids[among], of[among], middles[among])


def _nearest(
    index: VectorIndex,
    segments: _Segments,
    rows: NDArray[np.int64],
    vectors: NDArray[np.float32],
    among: NDArray[np.int64] | None,
) -> list[tuple[int, int, float]]:
    """Return rows of segments, rows of near segments of other videos, and their cosines."""
    found: list[tuple[int, int, float]] = []
    k = _NEAREST
    while len(rows):
        scores, ids = index.search(vectors, k, among=among)
        places = np.minimum(np.searchsorted(segments.ids, ids), len(segments.ids) - 1)
        near = (scores >= _ALIKE) & (segments.ids[places] == ids)
        elsewhere = near & (segments.videos[places] != segments.videos[rows][:, None])
        for i, j in zip(*np.nonzero(elsewhere), strict=True):
            found.append((int(rows[i]), int(places[i, j]), float(scores[i, j])))
        # In a video with long similar stretches, near segments of other videos rank after all of its own.
        again = near.all(axis=1) & ~elsewhere.any(axis=1)
        rows, vectors, k = rows[again], vectors[again], 8 * k
        if k > _MOST_NEAREST:
            break
    return found
