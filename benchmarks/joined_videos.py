"""Videos of six captioned clips each, with the times of every clip, for benchmarks of moments."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.summaries import join

CLIPS = 6


@dataclass(frozen=True)
class Part:
    """A clip in a joined video."""

    film: str  # file name; the key of a stored file
    caption: str
    start: float  # seconds
    end: float


def joined_videos(truth: Path, folder: Path, target: Path) -> list[list[Part]]:
    """Join the first 3 to 8 seconds of clips to videos in `target`; existing videos are reused.

    Args:
        truth: JSON, `[{"clip": file, "caption": text}]`.
        folder: of the clips.
        target: folder of the videos.

    Returns:
        The parts of each video, in order.
    """
    known = target / "parts.json"
    if not known.exists():
        rows = json.loads(truth.read_text(encoding="utf-8"))
        rng = np.random.default_rng(0)
        chosen = rng.permutation(len(rows))[: len(rows) // CLIPS * CLIPS].reshape(-1, CLIPS)
        target.mkdir(parents=True, exist_ok=True)
        made = [
            _video(f"{number:02}.mp4", [rows[i] for i in row], folder, target, rng) for number, row in enumerate(chosen)
        ]
        known.write_text(json.dumps([[asdict(part) for part in video] for video in made]), encoding="utf-8")
    return [[Part(**part) for part in video] for video in json.loads(known.read_text(encoding="utf-8"))]


def _video(name: str, rows: list[dict[str, str]], folder: Path, target: Path, rng: np.random.Generator) -> list[Part]:
    ends = join([folder / row["clip"] for row in rows], rng.uniform(3, 8, len(rows)), target / name).tolist()
    starts = [0.0, *ends[:-1]]
    return [Part(name, row["caption"], start, end) for row, start, end in zip(rows, starts, ends, strict=True)]
