"""MultilingualEncoder: an encoder whose text tower reads English, with a second tower for everything else.

A query in another language is embedded by multilingual-e5-small, and a perceptron maps that point into the query
space of the encoder. `recipes/languages.py` trains it on English alone, against captions and pictures; other languages
come along because e5 holds them together. What may be either language is read by both towers.

The map lies beside the checkpoint, in `languages.safetensors`. It holds the encoder's point of one sentence, so that it
is not used with an encoder whose queries mean something else.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from model.encoder.batches import check_pairs, require_words
from model.encoder.contract import Encoder, ReadAsEnglish
from model.encoder.language import SURE, english_odds
from model.encoder.sentences import E5, SentenceEncoder, installed, load_sentences
from model.registry.registry import locate

MAP_FILE = "languages.safetensors"
SENTENCE = "a dog runs on the beach"  # whose point says which query space a map leads into
_SAME = 0.99  # cosine of that point; runtimes and half precision differ by less
SPREAD = 3.0  # e5's points lie close together: centred and made this much longer, they are about as long as others


class LanguageMap:
    """A perceptron with a path past it: e5's space (N, H) -> a query space (N, D)."""

    def __init__(self, weights: dict[str, NDArray[Any]]) -> None:
        self._weights = {name: array.astype(np.float32) for name, array in weights.items()}

    @classmethod
    def read(cls, file: Path) -> LanguageMap:
        """Read one; ValueError where it is none."""
        weights = load_file(file)
        if missing := sorted({"mean", "wide.weight", "wide.bias", "narrow.weight", "path.weight", "at"} - set(weights)):
            raise ValueError(f"{file} is no map of languages, it lacks {', '.join(missing)}")
        return cls(weights)

    def save(self, file: Path) -> None:
        """Write it in half precision."""
        save_file({name: np.ascontiguousarray(array, np.float16) for name, array in self._weights.items()}, file)

    def leads_into(self, encoder: Encoder) -> bool:
        """Whether the queries of an encoder lie where it leads."""
        at = self._weights["at"]
        if len(at) != encoder.dim:
            return False
        return float(encoder.embed_text([SENTENCE])[0] @ at) > _SAME * float(np.linalg.norm(at))

    def __call__(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, H) -> (N, D), unit length."""
        held = self._weights
        x = (points - held["mean"]) * SPREAD
        wide = x @ held["wide.weight"].T + held["wide.bias"]
        return _unit(np.maximum(wide, 0) @ held["narrow.weight"].T + x @ held["path.weight"].T)


class MultilingualEncoder:
    """An encoder with the second tower; what is said of each method stands in `Encoder`.

    Attributes:
        english: the encoder, which reads English.
    """

    def __init__(self, english: Encoder, file: Path) -> None:
        self.english, self._file = english, file
        self.name, self.tier, self.fingerprint = english.name, english.tier, english.fingerprint
        self.dim, self.feature_dim, self.scale = english.dim, english.feature_dim, english.scale
        self.query_bank, self.class_names = english.query_bank, english.class_names
        self.fps, self.clip_frames = english.fps, english.clip_frames
        self._loading = threading.Lock()
        self._tower: tuple[SentenceEncoder, LanguageMap] | None = None

    @property
    def feature_fingerprint(self) -> str:
        """That of the encoder."""
        return self.english.feature_fingerprint

    def features(self, frames: NDArray[np.uint8]) -> NDArray[np.float16]:
        """uint8 (T, 3, H, W) -> (T, F)."""
        return self.english.features(frames)

    def class_probabilities(self, segments: Sequence[NDArray[np.float16]]) -> NDArray[np.float32]:
        """N times (T_i, F) -> (N, K)."""
        return self.english.class_probabilities(segments)

    def embed_segments(self, segments: Sequence[NDArray[np.float16]], texts: Sequence[str]) -> NDArray[np.float32]:
        """N times (T_i, F) and N texts -> (N, D), which do not depend on what is installed."""
        return self.english.embed_segments(segments, texts)

    def embed_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """N texts -> (N, D), each by the tower of its language; English ones as without the second tower."""
        require_words(texts)
        odds = np.array([english_odds(text) for text in texts])
        if (odds >= SURE).all() or not installed():
            return self.english.embed_text(texts)
        points: NDArray[np.float32] = np.zeros((len(texts), self.dim), np.float32)
        as_english, as_other = np.flatnonzero(odds > -SURE).tolist(), np.flatnonzero(odds < SURE).tolist()
        if as_english:
            points[as_english] = self.english.embed_text([texts[i] for i in as_english])
        sentences, lead = self._second()
        led = lead(sentences.embed([texts[i] for i in as_other]))
        points[as_other] = _unit(points[as_other] + led)
        return points

    def align(self, segments: Sequence[NDArray[np.float16]], texts: Sequence[str]) -> NDArray[np.float32]:
        """N times (T_i, F) and N texts -> (N,); where none of the texts is English, cosines."""
        check_pairs(segments, texts)
        if not texts or not installed() or any(english_odds(text) > -SURE for text in texts):
            return self.english.align(segments, texts)
        distinct = list(dict.fromkeys(texts))
        queries = dict(zip(distinct, self.embed_text(distinct), strict=True))
        shown = self.embed_segments(segments, [""] * len(segments))
        return np.asarray((shown * np.stack([queries[text] for text in texts])).sum(axis=1), np.float32)

    def _second(self) -> tuple[SentenceEncoder, LanguageMap]:
        with self._loading:
            if self._tower is None:
                lead = LanguageMap.read(self._file)
                if not lead.leads_into(self.english):
                    raise ValueError(
                        f"{self._file} was trained for another model than {self.name}, whose queries mean something "
                        "else; recipes/languages.py trains one"
                    )
                self._tower = load_sentences(), lead
            return self._tower


def with_languages(encoder: Encoder, folder: Path) -> Encoder:
    """An encoder with the second tower where its folder has a map; the map and the tower are loaded when needed."""
    file = folder / MAP_FILE
    return MultilingualEncoder(encoder, file) if file.is_file() else encoder


def by_second_tower(encoder: Encoder, texts: Sequence[str]) -> NDArray[np.bool_]:
    """Which of N texts the second tower reads and the first does not: (N,), none where it is not installed."""
    if not isinstance(encoder, MultilingualEncoder) or not installed():
        return np.zeros(len(texts), bool)
    return np.array([english_odds(text) <= -SURE for text in texts], bool)


def english(encoder: Encoder) -> Encoder:
    """What reads English texts of our own, whatever a detector would say of them."""
    return encoder.english if isinstance(encoder, MultilingualEncoder) else encoder


def unread(model: str | Path, texts: Sequence[str]) -> str:
    """One line that says what to install for texts that are not English; "" where nothing is missing.

    Args:
        model: as for `load`; nothing is loaded.
    """
    try:
        missing = not installed() and (locate(model).folder / MAP_FILE).is_file()
    except (OSError, ValueError):  # whoever loads it says what is wrong
        return ""
    return _advice(texts) if missing else ""


def warn_unread(encoder: Encoder, texts: Sequence[str]) -> None:
    """Warn `ReadAsEnglish` of texts of a person that an encoder cannot read for want of its second tower."""
    if isinstance(encoder, MultilingualEncoder) and not installed() and (advice := _advice(texts)):
        warnings.warn(advice, ReadAsEnglish, stacklevel=2)


def _advice(texts: Sequence[str]) -> str:
    if all(english_odds(text) > -SURE for text in texts):
        return ""
    return (
        "Read as English. For other languages: pip install 'videobert-search[languages]', "
        f"or videobert models fetch {E5}"
    )


def _unit(points: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    return np.asarray(points / np.maximum(np.linalg.norm(points, axis=-1, keepdims=True), 1e-12), np.float32)
