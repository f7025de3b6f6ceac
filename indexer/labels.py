"""Labels for videos that have none, or those of another model, from the frame features that the library keeps.

Nothing is decoded.
"""

from __future__ import annotations

from collections.abc import Callable

from indexer.features.labeling import labels_of, stored_labeler
from model.encoder.contract import Encoder
from store.catalog.catalog import Catalog
from store.types import Video


def label_stale_videos(
    catalog: Catalog, encoder: Encoder, *, tell: Callable[[Video, int, int], None] = lambda video, done, stale: None
) -> int:
    """Label every video whose labels are not those that the encoder gives now; one transaction a video.

    Args:
        tell: called after each with the video, how many are done, and how many there are to do.

    Returns:
        how many videos were labelled.
    """
    by = stored_labeler(catalog, encoder)
    done = 0
    stale = catalog.labels.stale(by.stamp)
    for number in stale:
        video, segments = catalog.videos.get(number), catalog.segments.of(number)
        if video is None:  # removed since
            continue
        ids = [segment.id for segment in segments if segment.id is not None]
        features = [catalog.segments.frame_features(id)[1] for id in ids]
        texts = [segment.text for segment in segments]
        labels = labels_of(features, texts, catalog.segments.embeddings(ids), by)
        labels_by_id = dict(zip(ids, labels, strict=True))
        catalog.labels.put(number, labels_by_id, stamp=by.stamp)
        done += 1
        tell(video, done, len(stale))
    return done
