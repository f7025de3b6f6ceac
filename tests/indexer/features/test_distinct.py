"""Frames that show the same are looked at once."""

from types import SimpleNamespace

import numpy as np
import pytest

from indexer.features.distinct import DistinctFrames


class Counting:
    """An encoder whose feature of a frame is its brightness, and that counts what it looks at."""

    clip_frames, feature_dim = 1, 2

    def __init__(self) -> None:
        self.looked_at = 0

    def features(self, frames):
        self.looked_at += len(frames)
        mean = frames.mean(axis=(1, 2, 3))
        return np.stack([mean, 255 - mean], axis=1).astype(np.float16)


def pictures(*levels: float, height: int = 48, width: int = 80) -> np.ndarray:
    noise = np.random.default_rng(0).integers(-1, 2, (len(levels), 3, height, width))
    return np.clip(np.array(levels)[:, None, None, None] + noise, 0, 255).astype(np.uint8)


def test_a_still_is_looked_at_once_over_all_chunks():
    encoder = Counting()
    distinct = DistinctFrames(encoder)
    chunks = [pictures(50, 50, 50), pictures(50, 50), pictures(50, 200, 200), pictures(200), pictures(50)]
    found = [distinct.features(chunk) for chunk in chunks]
    assert encoder.looked_at == 3
    assert [len(each) for each in found] == [3, 2, 3, 1, 1]
    levels = [50, 50, 50, 50, 50, 50, 200, 200, 200, 50]
    np.testing.assert_allclose(np.concatenate(found)[:, 0], levels, atol=1)


def test_a_slow_change_is_not_lost():
    encoder = Counting()
    found = DistinctFrames(encoder).features(pictures(*range(50, 110, 2)))
    np.testing.assert_allclose(found[:, 0], np.arange(50, 110, 2), atol=4)
    assert encoder.looked_at >= 10


def test_what_moves_in_a_corner_or_changes_its_colour_is_looked_at():
    frames = pictures(*[90] * 4)
    frames[1, :, :8, -8:] = 140
    frames[2, 0] += 8
    frames[2, 2] -= 8
    encoder = Counting()
    DistinctFrames(encoder).features(frames)
    assert encoder.looked_at == 4


@pytest.mark.parametrize("shape", [(0, 3, 48, 80), (2, 3, 4, 4), (3, 3, 9, 131)])
def test_any_number_and_size_of_frames(shape):
    found = DistinctFrames(Counting()).features(np.zeros(shape, np.uint8))
    assert (found.shape, found.dtype) == ((shape[0], 2), np.float16)


def test_frames_of_another_size_are_others():
    encoder = Counting()
    distinct = DistinctFrames(encoder)
    distinct.features(pictures(50))
    distinct.features(pictures(50, height=80))
    assert encoder.looked_at == 2


def test_clips_are_not_taken_apart():
    encoder = SimpleNamespace(clip_frames=16, features=lambda frames: frames[:, 0, 0, :2].astype(np.float16))
    assert DistinctFrames(encoder).features(np.zeros((32, 3, 8, 8), np.uint8)).shape == (32, 2)
