import numpy as np

from indexer.media.frames import Frames
from indexer.media.shots import ShotDetector


def test_detector_finds_the_change_over_chunks():
    dark, light = np.full((3, 3, 64, 96), 20, np.uint8), np.full((3, 3, 64, 96), 220, np.uint8)
    dark[:, 0], light[:, 2] = 90, 40
    detector = ShotDetector()
    assert detector.cuts(Frames(dark, np.array([0.0, 0.5, 1.0]))) == [False, False, False]
    assert detector.cuts(Frames(light, np.array([1.5, 2.0, 2.5]))) == [True, False, False]
