"""What an older version did not store of a video, made from the frame features that the library keeps."""

from __future__ import annotations

from collections.abc import Callable

from indexer.features.hubness import hubness, query_bank
from indexer.features.windows import embed_windows
from indexer.pipeline import encoder_info
from model.encoder.contract import Encoder
from store.catalog.catalog import Catalog
from store.types import Video, row_id

_COMPLETE_TO = "complete_to"  # the setting: up to this id no segment lacks anything


def complete_videos(
    catalog: Catalog,
    encoder: Encoder,
    *,
    every: bool = False,
    tell: Callable[[Video, int, int], None] = lambda video, done, todo: None,
) -> int:
    """Store windows and hubness of segments that lack them, so that searches look them up; one transaction a video.

    Args:
        every: whether segments that are known to be complete are looked at again.
        tell: called after each with the video, how many are done, and how many there are to do.

    Returns:
        how many videos were completed.

    Raises:
        EncoderMismatch: the library holds vectors of another encoder.
        ReadOnlyLibrary: it cannot be written to.
    """
    last = catalog.database.last_id("segments")
    after = 0 if every else int(catalog.database.setting(_COMPLETE_TO) or 0)
    if after == last:
        return 0
    bank = query_bank(encoder)
    done = 0
    todo = catalog.segments.incomplete(after=after)
    for number in todo:
        video, segments = catalog.videos.get(number), catalog.segments.of(number)
        if video is None:  # removed since
            continue
        ids = [row_id(segment) for segment in segments]
        times, features = zip(*(catalog.segments.frame_features(id) for id in ids), strict=True)
        windows = dict(zip(ids, embed_windows(times, features, encoder), strict=True))
        near = hubness(catalog.segments.embeddings(ids), bank).tolist()
        catalog.segments.complete(windows, dict(zip(ids, near, strict=True)), encoder_info(encoder))
        done += 1
        tell(video, done, len(todo))
    catalog.database.set_setting(_COMPLETE_TO, str(last))
    return done
