"""Sound is decoded on the player's clock, whatever the container says of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.media.container import MediaError, probe
from indexer.media.sound import RATE, read_sound
from tests.support.media import render
from tests.support.spoken import silence, write_film


def beep(seconds: float = 0.5) -> NDArray[np.float32]:
    return np.sin(2 * np.pi * 440 * np.arange(round(seconds * RATE)) / RATE).astype(np.float32) / 2


def loud(samples: NDArray[np.float32]) -> tuple[float, float]:
    """When the first and the last loud sample is heard, in seconds."""
    (at,) = np.flatnonzero(np.abs(samples) > 0.2)[[0, -1]][None] / RATE
    return float(at[0]), float(at[1])


def heard(path: Path) -> NDArray[np.float32]:
    return np.concatenate(list(read_sound(path, duration=probe(path).duration)))


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "aac"), ("a.mkv", "libopus"), ("a.ts", "mp2"), ("a.mov", "pcm_s16le")]
)
@pytest.mark.parametrize("starts_at", [0.0, 1.5])
def test_a_sound_is_where_a_player_plays_it(tmp_path: Path, name: str, codec: str, starts_at: float):
    film = write_film(
        tmp_path / name, np.concatenate([silence(1), beep(), silence(1)]), starts_at=starts_at, codec=codec
    )
    samples = heard(film)
    assert loud(samples) == (pytest.approx(1 + starts_at, abs=0.05), pytest.approx(1.5 + starts_at, abs=0.05))
    assert samples.dtype == np.float32
    assert np.abs(samples).max() <= 1


def test_a_video_without_sound_has_none(tmp_path: Path):
    film = render(tmp_path / "silent.mp4", frames=5)
    assert list(read_sound(film, duration=0.2)) == []
    assert probe(film).audio_streams == 0


def test_what_is_no_media_is_an_error(tmp_path: Path):
    (tmp_path / "a.mp4").write_bytes(b"nothing")
    with pytest.raises(MediaError):
        list(read_sound(tmp_path / "a.mp4", duration=1.0))
