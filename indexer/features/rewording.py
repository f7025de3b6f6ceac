"""What other cues make of a video that is indexed: words and embeddings of its segments, without its file."""

from __future__ import annotations

from collections.abc import Sequence

from indexer.features.fusion import fused
from indexer.features.hubness import hubness, query_bank
from indexer.text.cues import Transcript
from model.encoder.contract import Encoder
from store.catalog.catalog import Catalog
from store.types import Cue, SegmentText, Video, row_id


def reworded(catalog: Catalog, encoder: Encoder, video: Video, cues: Sequence[Cue]) -> list[SegmentText]:
    """Embed the segments of which these cues change the words, from the frame features that the library keeps.

    Args:
        video: with the language of the words to embed.
        cues: all that the video has.
    """
    transcript = Transcript(cues, video.language)
    segments = [
        (row_id(segment), text)
        for segment in catalog.segments.of(row_id(video))
        if (text := transcript.between(segment.start, segment.end)) != segment.text
    ]
    if not segments:
        return []
    ids, texts = zip(*segments, strict=True)
    embeddings = fused([catalog.segments.frame_features(number)[1] for number in ids], texts, encoder)
    near = hubness(embeddings, query_bank(encoder)).tolist()
    return [SegmentText(*row) for row in zip(ids, texts, embeddings, near, strict=True)]
