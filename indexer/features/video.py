"""Features of a whole video, for tasks such as summaries: read from the catalog, or computed for any other file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.features.extraction import extract_segments
from indexer.features.fusion import fused
from indexer.features.segmentation import MAX_SEGMENT_SECONDS
from indexer.media.container import MediaError
from indexer.text.cues import Transcript, in_one_language, text_between
from indexer.workers.decoders import Decoders
from model.encoder.contract import Encoder
from store.catalog.catalog import Catalog
from store.types import Cue, Video


@dataclass(frozen=True, eq=False)
class VideoFeatures:
    """Frame features, segments and subtitles of a video."""

    path: Path
    pts_seconds: NDArray[np.float64]  # (T,)
    features: NDArray[np.float16]  # (T, F)
    bounds: NDArray[np.float64]  # (N + 1,) starts of N segments, and the end of the last
    embeddings: NDArray[np.float32]  # (N, D), one per segment, unit length
    cues: tuple[Cue, ...]  # in one language

    @property
    def duration(self) -> float:
        """Seconds."""
        return float(self.bounds[-1])

    @property
    def segment_of_frame(self) -> NDArray[np.int64]:
        """The index of each frame's segment: int64 (T,)."""
        inner = self.bounds[1:-1]
        return np.searchsorted(inner, self.pts_seconds, side="right").astype(np.int64)

    def text(self, start: float, end: float) -> str:
        """Return the subtitles on screen at some time in ``start <= t < end``, joined by spaces."""
        return text_between(self.cues, start, end)


def read_video(path: Path, encoder: Encoder) -> VideoFeatures:
    """Decode a file in a child process and compute its features.

    Raises:
        MediaError: the file is missing, not a video, or has no decodable frame.
    """
    if not path.is_file():
        raise MediaError(f"no such file: {path}", stage="open")
    with Decoders(fps=encoder.fps) as decoders:
        for stream in decoders.streams([path]):
            cues, language = stream.header.cues, stream.header.info.language
            found = extract_segments(
                stream,
                encoder,
                duration=stream.duration,
                max_segment_seconds=MAX_SEGMENT_SECONDS,
            )
    spoken = Transcript(cues, language)
    texts = [spoken.between(segment.start, segment.end) for segment in found]
    return VideoFeatures(
        path,
        np.concatenate([segment.pts_seconds for segment in found]),
        np.concatenate([segment.features for segment in found]),
        np.array([segment.start for segment in found] + [found[-1].end]),
        fused([segment.features for segment in found], texts, encoder),
        tuple(in_one_language(cues, language)),
    )


def stored_video(catalog: Catalog, video: Video) -> VideoFeatures:
    """Read the stored features of a video from its catalog.

    Raises:
        ValueError: the video did not come from a catalog.
    """
    if video.id is None:
        raise ValueError(f"{video.path} is not in the catalog")
    segments = catalog.segments.of(video.id)
    ids = [segment.id for segment in segments if segment.id is not None]
    frames = [catalog.segments.frame_features(id) for id in ids]
    return VideoFeatures(
        Path(video.path),
        np.concatenate([pts for pts, _ in frames]),
        np.concatenate([features for _, features in frames]),
        np.array([segment.start for segment in segments] + [segments[-1].end]),
        catalog.segments.embeddings(ids),
        tuple(in_one_language(catalog.cues.of(video.id), video.language)),
    )
