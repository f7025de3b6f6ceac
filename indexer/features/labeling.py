"""Labels of segments, by what a library keeps: their frame features and embeddings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.encoder.contract import Encoder
from model.encoder.labels import Labeler, fitted_labeler, label_embeddings, label_sentences, zero_shot_labeler
from store.catalog.catalog import Catalog
from store.types import Label


def stored_labeler(catalog: Catalog, encoder: Encoder) -> Labeler:
    """Make the labeler of an encoder; a library keeps the text embeddings of labels that were not fitted to it."""
    if fitted := fitted_labeler(encoder):
        return fitted
    sentences = label_sentences()
    vectors = catalog.text_embeddings.get(encoder.fingerprint, sentences)
    if vectors is None:
        vectors = label_embeddings(encoder)
        catalog.text_embeddings.put(encoder.fingerprint, sentences, vectors)
    return zero_shot_labeler(encoder, vectors)


def labels_of(
    features: Sequence[NDArray[np.float16]],
    texts: Sequence[str],
    embeddings: NDArray[np.float32],
    by: Labeler,
) -> list[tuple[Label, ...]]:
    """Label the frames of segments; what is said in them changes no label.

    Args:
        features: N times (T_i, F), frame features.
        texts: N subtitles; "" for none.
        embeddings: float32 (N, D), of frames and subtitles: those without subtitles are of the frames alone.
    """
    frames_alone = embeddings.copy()
    spoken = [i for i, text in enumerate(texts) if text.strip()]
    if spoken:
        frames_alone[spoken] = by.encoder.embed_segments([features[i] for i in spoken], [""] * len(spoken))
    return [tuple(Label(name, score) for name, score in own) for own in by.label(features, frames_alone)]
