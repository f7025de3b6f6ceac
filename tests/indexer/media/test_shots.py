import numpy as np
import pytest

from indexer.media.frames import Frames
from indexer.media.shots import ShotDetector, with_cuts


def test_detector_finds_the_change_over_chunks():
    dark, light = np.full((3, 3, 64, 96), 20, np.uint8), np.full((3, 3, 64, 96), 220, np.uint8)
    dark[:, 0], light[:, 2] = 90, 40
    detector = ShotDetector()
    assert detector.cuts(Frames(dark, np.array([0.0, 0.5, 1.0]))) == [False, False, False]
    assert detector.cuts(Frames(light, np.array([1.5, 2.0, 2.5]))) == [True, False, False]


def shades(*values: int) -> np.ndarray:
    return np.repeat(np.array(values, np.uint8), 3 * 48 * 64).reshape(-1, 3, 48, 64)


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 99])
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([10, 12, 11, 250, 251, 249, 250], [3]),
        ([10, 250], [1]),
        ([10, 200, 10, 200, 10, 200, 10, 200], []),  # light that flickers
        ([10, 40, 70, 100, 130, 250, 250, 250], [5]),  # a picture that grows brighter, and then another one
        ([7], []),
        ([10, 10, 10, 10, 10, 250], [5]),
    ],
)
def test_a_shot_begins_where_a_change_stands_out(chunk: int, values: list[int], expected: list[int]):
    data, times = shades(*values), np.arange(len(values)) / 2.0
    parts = [Frames(data[at : at + chunk], times[at : at + chunk]) for at in range(0, len(values), chunk)]
    out = list(with_cuts(parts))
    assert np.array_equal(np.concatenate([frames.data for frames, _ in out]), data)
    assert np.array_equal(np.concatenate([frames.pts_seconds for frames, _ in out]), times)
    assert [at for at, cut in enumerate([cut for _, cuts in out for cut in cuts]) if cut] == expected
