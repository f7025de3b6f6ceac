"""Films of six captioned clips each, joined for benchmarks that ask for moments of them, with where each clip lies."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.summaries import join

CLIPS = 6


@dataclass(frozen=True)
class Part:
    """A clip in a film."""

    film: str  # file name
    caption: str
    start: float  # seconds
    end: float


def films(truth: Path, folder: Path, target: Path) -> list[list[Part]]:
    """Join clips, of each its first 3 to 8 seconds, into films in `target`; what lies there already is taken as it is.

    Args:
        truth: `[{"clip": file, "caption": text}]` in JSON.
        folder: the clips.
    """
    known = target / "parts.json"
    if not known.exists():
        rows = json.loads(truth.read_text(encoding="utf-8"))
        rng = np.random.default_rng(0)
        chosen = rng.permutation(len(rows))[: len(rows) // CLIPS * CLIPS].reshape(-1, CLIPS)
        target.mkdir(parents=True, exist_ok=True)
        made = [
            _film(f"{number:02}.mp4", [rows[i] for i in row], folder, target, rng) for number, row in enumerate(chosen)
        ]
        known.write_text(json.dumps([[asdict(part) for part in film] for film in made]), encoding="utf-8")
    return [[Part(**part) for part in film] for film in json.loads(known.read_text(encoding="utf-8"))]


def _film(name: str, rows: list[dict[str, str]], folder: Path, target: Path, rng: np.random.Generator) -> list[Part]:
    ends = join([folder / row["clip"] for row in rows], rng.uniform(3, 8, len(rows)), target / name).tolist()
    starts = [0.0, *ends[:-1]]
    return [Part(name, row["caption"], start, end) for row, start, end in zip(rows, starts, ends, strict=True)]
