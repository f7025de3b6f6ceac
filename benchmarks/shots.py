"""Where shots begin: ours against the detectors of PySceneDetect, on made films.

    python -m benchmarks.shots CLIPS --work FOLDER

Films of twelve clips are made in FOLDER if missing, one of each kind from the clips that thresholds are chosen on and
one from those that are measured: cuts; dissolves; fades through black; and cuts between clips with white flashes, with
strobe light, and with pans over their first picture. CLIPS holds at least 144 videos.

Detectors read every frame, as PySceneDetect sets them, and the two frames a second that are indexed: there with its
threshold, and with the best on the first films. Beginnings less than a second after another join it, as in segments.
One is right from the start of a transition to half a second after its end, the longest wait for a sampled frame; a
second in the same transition is wrong. Clips with cuts of their own count against all alike.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from scenedetect import FrameTimecode
from scenedetect.detectors import (
    AdaptiveDetector,
    ContentDetector,
    HashDetector,
    HistogramDetector,
    ThresholdDetector,
)

from indexer.media.frames import read_frames
from indexer.media.shots import with_cuts

_FPS = 25
_SIZE = 320, 180
_CLIPS, _LENGTH = 12, 65  # clips of a film and frames of a clip
_TRANSITIONS = {"cuts": 0, "dissolves": 20, "fades": 20, "flashes": 0, "strobe": 0, "pans": 0}  # frames they take
_SHORTEST_SECONDS = 1.0  # of a segment's shot
_LATE_SECONDS, _EARLY_SECONDS = 0.54, 0.04  # half a second between samples, and one frame

_Pictures = NDArray[np.uint8]  # (T, H, W, 3) RGB
_Interval = tuple[float, float]
_DETECTORS: dict[str, tuple[Callable[..., Any], str, list[float]]] = {  # class, its threshold's name, those tried
    "content": (ContentDetector, "threshold", [27.0, *range(18, 66, 3)]),
    "adaptive": (AdaptiveDetector, "adaptive_threshold", [3.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5]),
    "hash": (HashDetector, "threshold", [0.35, 0.2, 0.25, 0.3, 0.4, 0.45, 0.5]),
    "histogram": (HistogramDetector, "threshold", [0.2, 0.1, 0.15, 0.3, 0.4, 0.5, 0.6]),
    "threshold": (ThresholdDetector, "threshold", [12.0, 8, 16, 24, 32]),
}  # the first one tried is PySceneDetect's


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    clips = sorted(args.clips.iterdir())
    needed = 2 * len(_TRANSITIONS) * _CLIPS
    if len(clips) < needed:
        parser.error(f"CLIPS must hold at least {needed} videos, got {len(clips)}")
    clips = [clips[(37 * number) % len(clips)] for number in range(needed)]  # neighbours may be of one source
    args.work.mkdir(parents=True, exist_ok=True)
    tuning, measured = ({kind: args.work / f"{kind}-{part}.mp4" for kind in _TRANSITIONS} for part in ("a", "b"))
    for number, (kind, path) in enumerate([*tuning.items(), *measured.items()]):
        if not path.exists():
            write(path, film(kind, clips[number * _CLIPS : (number + 1) * _CLIPS]))
    compare(tuning, measured)


def compare(tuning: dict[str, Path], measured: dict[str, Path]) -> None:
    """Print precision, recall and F1 of every detector and reading, and F1 of each kind of film."""
    chosen, sampled = ({kind: list(samples(path)) for kind, path in films.items()} for films in (tuning, measured))
    print(f"{'read at':8} {'detector':10} {'threshold':>9} {'precision':>9} {'recall':>6} {'F1':>5}  F1 of ", end="")
    print(" ".join(f"{kind:>9}" for kind in _TRANSITIONS))
    for name, (detector, option, values) in _DETECTORS.items():
        usual, tuned = values[0], max(values, key=lambda one: _of(name, one, chosen)[2])
        found = {kind: detected(detector(), _FPS, pictures(path)) for kind, path in measured.items()}
        report("25 fps", name, usual, found)
        for value in dict.fromkeys((usual, tuned)):
            make = {option: value, "min_scene_len": 0}
            report("2 fps", name, value, {kind: at_two(detector(**make), one) for kind, one in sampled.items()})
    report("2 fps", "ours", None, {kind: ours(path) for kind, path in measured.items()})


def _of(name: str, value: float, films: dict[str, list[tuple[float, _Pictures]]]) -> tuple[float, float, float]:
    detector, option, _ = _DETECTORS[name]
    make = {option: value, "min_scene_len": 0}
    return quality({kind: at_two(detector(**make), one) for kind, one in films.items()})


def report(reading: str, name: str, threshold: float | None, found: dict[str, list[float]]) -> None:
    precision, recall, f1 = quality(found)
    shown = "" if threshold is None else f"{threshold:g}"
    kinds = " ".join(f"{quality({kind: times})[2]:9.3f}" for kind, times in found.items())
    print(f"{reading:8} {name:10} {shown:>9} {precision:9.3f} {recall:6.3f} {f1:.3f}        {kinds}", flush=True)


def quality(found: dict[str, list[float]]) -> tuple[float, float, float]:
    """Precision, recall and F1 over all films; a transition is found once."""
    right = sum(matches(times, transitions(kind)) for kind, times in found.items())
    said, true = sum(map(len, found.values())), (_CLIPS - 1) * len(found)
    return right / max(said, 1), right / true, 2 * right / (said + true)


def matches(times: list[float], truth: list[_Interval]) -> int:
    """Count the transitions in which something was found; they lie further apart than what counts as one."""
    return sum(any(a - _EARLY_SECONDS <= time <= b + _LATE_SECONDS for time in times) for a, b in truth)


def transitions(kind: str) -> list[_Interval]:
    """From when to when each clip gives way to the next one, in seconds."""
    length = _TRANSITIONS[kind]
    joins = (number * _LENGTH for number in range(1, _CLIPS))
    return [((join - length / 2) / _FPS, (join + length / 2) / _FPS) for join in joins]


def ours(path: Path) -> list[float]:
    parts = with_cuts(read_frames(path))
    return apart(time for frames, cuts in parts for time, cut in zip(frames.pts_seconds, cuts, strict=True) if cut)


def at_two(detector: Any, frames: list[tuple[float, _Pictures]]) -> list[float]:
    times = [time for time, _ in frames]
    return [times[round(2 * found)] for found in detected(detector, 2, (picture for _, picture in frames))]


def detected(detector: Any, fps: int, frames: Iterable[_Pictures]) -> list[float]:
    """When PySceneDetect's `detector` finds shots to begin, in seconds."""
    found = []
    for number, picture in enumerate(frames):
        last = FrameTimecode(number, fps=float(fps))
        found += detector.process_frame(last, np.ascontiguousarray(picture[..., ::-1]))  # it expects BGR
    return apart(cut.seconds for cut in [*found, *detector.post_process(last)])


def apart(times: Iterable[float]) -> list[float]:
    """Leave out what begins less than a second after another."""
    kept: list[float] = []
    for time in sorted(times):
        if time - (kept[-1] if kept else 0.0) >= _SHORTEST_SECONDS:
            kept.append(float(time))
    return kept


def samples(path: Path) -> Iterator[tuple[float, _Pictures]]:
    """The frames that are indexed, with their times."""
    for part in read_frames(path):
        yield from zip(part.pts_seconds.tolist(), part.data.transpose(0, 2, 3, 1), strict=True)


def pictures(path: Path, count: int | None = None) -> Iterator[_Pictures]:
    """All frames or the first `count` ones, on the player's clock."""
    with av.open(path) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number == count:
                return
            yield np.asarray(frame.to_ndarray(format="rgb24", width=_SIZE[0], height=_SIZE[1]), np.uint8)


def film(kind: str, clips: list[Path]) -> _Pictures:
    """Join clips as `transitions` says; clips that are too short go on forwards and backwards."""
    half = _TRANSITIONS[kind] // 2
    whole = np.zeros((_CLIPS * _LENGTH, _SIZE[1], _SIZE[0], 3), np.float32)
    for number, path in enumerate(clips):
        shot = disturbed(kind, np.stack(list(pictures(path, _LENGTH))))
        times = np.arange(max(number * _LENGTH - half, 0), min((number + 1) * _LENGTH + half, len(whole)))
        turn = times % max(2 * len(shot) - 2, 1)
        one = shot[np.minimum(turn, 2 * len(shot) - 2 - turn)]
        whole[times] += one * share(kind, times - number * _LENGTH, half, number)[:, None, None, None]
    return whole.round().astype(np.uint8)


def share(kind: str, at: NDArray[np.int_], half: int, number: int) -> NDArray[np.float64]:
    """How much of each of a clip's frames is seen, counted from its first whole one."""
    if not half:
        return np.ones(len(at))
    into, out = (at + half + 0.5) / (2 * half), (_LENGTH + half - at - 0.5) / (2 * half)
    seen = np.minimum(into if number else 1.0, out if number < _CLIPS - 1 else 1.0).clip(0, 1)
    return (2 * seen - 1).clip(0, 1) if kind == "fades" else seen


def disturbed(kind: str, shot: _Pictures) -> _Pictures:
    """Flashes of two frames, a second of strobe light at 8 Hz, or a pan of three pictures' width."""
    at = np.arange(len(shot))
    if kind == "flashes":
        shot[(at % 25 >= 15) & (at % 25 < 17)] = 255
    elif kind == "strobe":
        shot[(at >= 25) & (at < 50) & (at % 3 == 0)] = 255
    elif kind == "pans":
        wide = np.concatenate([shot[0], shot[0][:, ::-1]] * 2, axis=1)
        return np.stack([wide[:, 3 * step * _SIZE[0] // _LENGTH :][:, : _SIZE[0]] for step in range(_LENGTH)])
    return shot


def write(path: Path, frames: _Pictures) -> None:
    partial = path.with_suffix(".part.mp4")
    with av.open(partial, "w") as container:
        stream = container.add_stream("libx264", rate=_FPS, options={"preset": "veryfast", "crf": "20"})
        stream.width, stream.height = _SIZE
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        container.mux(stream.encode())
    partial.rename(path)


if __name__ == "__main__":
    main()
