"""Looking at a clip mirrored and without bars."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from indexer.features.clip import View, ViewExtractor, inside_bars, read_clip
from indexer.media.frames import Frames
from model.encoder.contract import Encoder
from tests.support.media import render


def pictures(height: int = 90, width: int = 160) -> np.ndarray:
    return np.random.default_rng(0).integers(64, 256, (4, 3, height, width), np.uint8)


@pytest.mark.parametrize(
    ("rows", "columns"), [((10, 80), (0, 160)), ((0, 90), (20, 140)), ((8, 81), (12, 150)), ((0, 60), (0, 160))]
)
def test_bars_are_found_and_the_picture_inside(rows: tuple[int, int], columns: tuple[int, int]):
    data = pictures()
    inside = np.zeros(data.shape[2:], bool)
    inside[slice(*rows), slice(*columns)] = True
    assert inside_bars(np.where(inside, data, 16).astype(np.uint8)) == (slice(*rows), slice(*columns))


def test_a_logo_on_a_bar_does_not_hide_it():
    data = pictures()
    data[:, :, :12] = 16
    data[:, :, 4:8, 140:150] = 220
    assert inside_bars(data) == (slice(12, 90), slice(0, 160))


def test_a_dark_edge_that_lights_up_once_is_no_bar():
    data = pictures()
    data[:3, :, :20] = 0
    assert inside_bars(data) is None


def test_dark_films_and_whole_pictures_have_no_bars():
    assert inside_bars(pictures()) is None
    assert inside_bars(np.full((4, 3, 90, 160), 10, np.uint8)) is None
    narrow = pictures()
    narrow[..., :2] = 0
    assert inside_bars(narrow) is None


class Eye:
    """Sees the mean of each quarter of a picture."""

    clip_frames = 1

    def features(self, frames: np.ndarray) -> np.ndarray:
        halves = [half for rows in np.array_split(frames, 2, axis=2) for half in np.array_split(rows, 2, axis=3)]
        return np.concatenate([half.mean(axis=(2, 3)) for half in halves], axis=1).astype(np.float16)

    def embed_segments(self, segments: Sequence[np.ndarray], texts: Sequence[str]) -> np.ndarray:
        return np.stack(segments).mean(axis=1).astype(np.float32)


def looked_at(data: np.ndarray) -> dict[tuple[bool, bool, bool], View]:
    views = ViewExtractor(Eye())
    frames = Frames(data, np.arange(len(data)) / 2)
    (same,) = views.watch([(frames, [False] * len(data))])
    np.testing.assert_array_equal(same[0].data, data)
    return {(view.mirrored, view.letterbox_removed, view.center_crop): view for view in views.views([2, len(data) - 2])}


def test_a_clip_is_looked_at_mirrored_and_without_its_bars():
    inside = pictures()
    inside[..., :80] //= 2
    framed = np.full((4, 3, 120, 160), 16, np.uint8)
    framed[:, :, 15:105] = inside
    views = looked_at(framed)
    mirror, bars, both, middle = (True, False, False), (False, True, False), (True, True, False), (False, False, True)
    assert views.keys() == {mirror, bars, both, middle}
    np.testing.assert_array_equal(views[bars].features, Eye().features(inside))
    np.testing.assert_array_equal(views[both].features, Eye().features(inside[..., ::-1]))
    np.testing.assert_array_equal(views[mirror].features, Eye().features(framed[..., ::-1]))
    assert views[bars].embeddings.shape == (2, 12)
    assert looked_at(inside).keys() == {mirror, middle}


def test_a_clip_is_looked_at_from_close_by_as_a_screen_in_it_is():
    screen = pictures()
    filmed = np.full((4, 3, 150, 268), 200, np.uint8)
    filmed[:, :, 30:120, 54:214] = screen
    np.testing.assert_array_equal(looked_at(filmed)[False, False, True].features, Eye().features(screen))


def test_a_clip_brings_its_views_along(encoder: Encoder, tmp_path: Path):
    clip = read_clip(render(tmp_path / "film.mp4"), encoder)
    assert [
        (view.mirrored, view.center_crop, view.features.shape) for view in clip.views if not view.letterbox_removed
    ] == [
        (True, False, clip.features.shape),
        (False, True, clip.features.shape),
    ]
    assert all(view.embeddings.shape == clip.embeddings.shape for view in clip.views)
