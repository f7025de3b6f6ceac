"""How fast each runtime computes frame features with the shipped backbone, as ratios, and how near they are to float32.

    python -m benchmarks.runtimes [--frames 32] [--runs 5]

Every run times torch in float32 as it is (eager), `TorchSession` and `OpenVinoSession` one after the other on the same
256-pixel frames; medians count. The cosine is that of the features to torch's in float32, the least of all frames.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from model.encoder.load import load_videobert
from model.network.efficientnet_lite2 import EfficientNetLite2
from model.runtime.openvino_session import OpenVinoSession
from model.runtime.session import Session
from model.runtime.torch_session import TorchSession

Pixels = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    backbone = load_videobert().model.backbone
    assert isinstance(backbone.blocks, EfficientNetLite2)
    sessions: list[Session] = [TorchSession(backbone, torch.device("cpu")), OpenVinoSession(backbone.blocks)]

    @torch.inference_mode()
    def eager(pixels: Pixels) -> Pixels:
        return np.asarray(backbone(torch.from_numpy(pixels)).numpy())

    run: dict[str, Callable[[Pixels], Pixels]] = {"torch eager, float32": eager}
    run |= {f"{session.runtime}, {session.precision}": session.run for session in sessions}
    pixels = np.random.default_rng(0).uniform(-1, 1, (args.frames, 3, 256, 256)).astype(np.float32)
    expected = eager(pixels)
    seconds: dict[str, list[float]] = {name: [] for name in run}
    for _ in range(args.runs):
        for name, features in run.items():
            began = time.perf_counter()
            found = features(pixels)
            seconds[name].append(time.perf_counter() - began)
            if len(seconds[name]) == 1:
                print(f"{name:>22}: least cosine {cosines(found, expected).min():.5f}")
    slowest = float(np.median(seconds["torch eager, float32"]))
    for name, times in seconds.items():
        median = float(np.median(times))
        print(f"{name:>22}: {args.frames / median:6.1f} frames/s  x {slowest / median:.1f}")


def cosines(one: Pixels, other: Pixels) -> NDArray[np.float64]:
    """Cosines of two arrays (T, F), row by row: (T,)."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return np.asarray((one * other).sum(axis=1) / lengths, np.float64)


if __name__ == "__main__":
    main()
