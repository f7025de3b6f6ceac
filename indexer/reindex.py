"""Move a library to another encoder: new embeddings are stored beside the old ones, then replace them at once.

If both encoders share a backbone, stored frame features are reused and no video is opened. Otherwise videos are decoded
again; segments keep their times, subtitles, thumbnails and ids. Interrupted runs continue; see
`store.catalog.reindexing`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.completion import complete_videos
from indexer.features.distinct import DistinctFrames
from indexer.features.extraction import whole_clips
from indexer.features.vectors import segment_vectors
from indexer.labels import label_stale_videos
from indexer.media.container import MediaError
from indexer.pipeline import IndexOptions, Progress, encoder_info
from indexer.workers.decoders import Decoders, Stream
from model.encoder.contract import Encoder
from store.catalog.catalog import Catalog
from store.catalog.reindexing import NewEmbedding
from store.types import FileStamp, Segment, Video, row_id


@dataclass
class Report:
    """Result of a run."""

    done: bool = False  # whether the library uses the new encoder
    embedded: int = 0  # videos, in this run
    decoded: int = 0  # of these, decoded again
    forgotten: int = 0
    labelled: int = 0  # videos, from their stored frame features
    left: list[tuple[str, str]] = field(default_factory=list)  # unreadable videos, with reasons
    video_seconds: float = 0.0
    elapsed_seconds: float = 0.0


class Reindexer:
    """Moves a catalog to another encoder."""

    def __init__(self, catalog: Catalog, encoder: Encoder, options: IndexOptions) -> None:
        self.catalog, self.encoder, self.options = catalog, encoder, options

    def run(self, *, forget_missing: bool = False, tell: Callable[[Progress], None] = lambda progress: None) -> Report:
        """Embed what is missing, and switch to the encoder if nothing is left.

        Args:
            forget_missing: remove unreadable videos; otherwise they keep the library at the old encoder.
            tell: called with the progress after every video.

        Raises:
            EncoderMismatch: another process moves the library to a third encoder.
            KeyboardInterrupt: new embeddings stay.
        """
        began = time.monotonic()
        report = Report()
        present, target = self.catalog.encoder(), encoder_info(self.encoder)
        if present is not None and present.same_vectors(target):
            self.catalog.with_encoder(target)  # its name or folder may have changed
            self._complete(report, tell)
            self._label(report, tell)
            report.done, report.elapsed_seconds = True, time.monotonic() - began
            return report
        keeps_features = self.catalog.reindexing.begin(target)
        unreadable: dict[int, tuple[str, str]] = {}
        while todo := [number for number in self.catalog.reindexing.pending() if number not in unreadable]:
            for video, problem in self._stored(todo) if keeps_features else self._decoded(todo):
                if problem:
                    unreadable[row_id(video)] = (video.path, problem)
                else:
                    report.embedded += 1
                    report.decoded += not keeps_features
                    report.video_seconds += video.duration
                finished = report.embedded + len(unreadable)
                tell(Progress(video.path, finished, max(finished, len(todo)), report.video_seconds))
        report.left = sorted(unreadable.values())
        if forget_missing or not unreadable:
            report.done = self.catalog.reindexing.finish(remove=unreadable)
            report.forgotten = len(unreadable) if report.done else 0
        if report.done:
            self._label(report, tell)
        report.elapsed_seconds = time.monotonic() - began
        return report

    def _complete(self, report: Report, tell: Callable[[Progress], None]) -> None:
        """Store what an older version did not."""

        def told(video: Video, done: int, todo: int) -> None:
            report.embedded, report.video_seconds = done, report.video_seconds + video.duration
            tell(Progress(video.path, done, todo, report.video_seconds))

        complete_videos(self.catalog, self.encoder, every=True, tell=told)

    def _label(self, report: Report, tell: Callable[[Progress], None]) -> None:
        """Label what does not have the labels of this encoder."""

        def told(video: Video, done: int, stale: int) -> None:
            tell(Progress(video.path, done, stale, report.video_seconds))

        report.labelled = label_stale_videos(self.catalog, self.encoder, tell=told)

    def _stored(self, ids: Sequence[int]) -> Iterator[tuple[Video, str]]:
        """Embed from stored frame features."""
        for video, segments in self._held(ids):
            times, features = zip(
                *(self.catalog.segments.frame_features(row_id(segment)) for segment in segments), strict=True
            )
            vectors = segment_vectors(times, features, [segment.text for segment in segments], self.encoder)
            self.catalog.reindexing.put(
                [NewEmbedding(row_id(segment), **vars(made)) for segment, made in zip(segments, vectors, strict=True)]
            )
            yield video, ""

    def _decoded(self, ids: Sequence[int]) -> Iterator[tuple[Video, str]]:
        """Decode videos and compute their features; the second of each pair is the reason for a failure."""
        rows = {Path(video.path): (video, segments) for video, segments in self._held(ids)}
        for video, _ in rows.values():
            if problem := _changed(video):
                yield video, problem
        with Decoders(
            workers=self.options.workers,
            fps=self.options.fps or self.encoder.fps,
            timeout_seconds=self.options.timeout_seconds,
            memory_bytes=self.options.memory_mib * 2**20,
            reader=self.options.reader,
            stream_of=lambda path: rows[path][0].stream,
        ) as decoders:
            for stream in decoders.streams(path for path, (video, _) in rows.items() if not _changed(video)):
                video, segments = rows[stream.path]
                try:
                    pts_seconds, features = self._look_at(stream)
                    if stream.identity is None or stream.identity.stamp != video.file_stamp:
                        raise MediaError("it has changed since it was indexed", stage="open")  # noqa: TRY301
                except MediaError as error:
                    yield video, str(error)
                    continue
                words = [segment.text for segment in segments]
                parts = _shared_out(pts_seconds, [segment.start for segment in segments])
                vectors = segment_vectors(
                    [pts_seconds[part] for part in parts], [features[part] for part in parts], words, self.encoder
                )
                self.catalog.reindexing.put(
                    [
                        NewEmbedding(
                            row_id(segment), pts_seconds=pts_seconds[part], features=features[part], **vars(made)
                        )
                        for segment, made, part in zip(segments, vectors, parts, strict=True)
                    ]
                )
                yield video, ""

    def _held(self, ids: Sequence[int]) -> Iterator[tuple[Video, list[Segment]]]:
        for number in ids:
            video = self.catalog.videos.get(number)
            if video is not None:  # not removed meanwhile
                yield video, self.catalog.segments.of(number)

    def _look_at(self, stream: Stream) -> tuple[NDArray[np.float64], NDArray[np.float16]]:
        looking = DistinctFrames(self.encoder)
        chunks = [
            (frames.pts_seconds, looking.features(frames.data))
            for frames, _ in whole_clips(stream, self.encoder.clip_frames)
        ]
        if not chunks:
            raise MediaError("no frame could be decoded", stage="decode")
        return np.concatenate([pts for pts, _ in chunks]), np.concatenate([features for _, features in chunks])


def _shared_out(pts_seconds: NDArray[np.float64], starts: Sequence[float]) -> list[NDArray[np.int64]]:
    """Return the frames of each segment, or the nearest one if there is none."""
    at = np.clip(np.searchsorted(starts, pts_seconds, side="right") - 1, 0, None)
    parts = [np.flatnonzero(at == number) for number in range(len(starts))]
    return [
        part if part.size else np.array([np.abs(pts_seconds - start).argmin()])
        for part, start in zip(parts, starts, strict=True)
    ]


def _changed(video: Video) -> str:
    """Return why the file is no longer the one that was indexed, "" if it is."""
    try:
        now = FileStamp.of(Path(video.path).stat())
    except OSError as error:
        return error.strerror or str(error)
    return "" if now == video.file_stamp else "it has changed since it was indexed"
