"""Speed of each runtime with the shipped backbone, as ratios, and accuracy relative to float32.

    python -m benchmarks.runtimes [--frames 32] [--runs 5]

Every run times eager torch in float32, `TorchSession`, `OpenVinoSession` and `OnnxSession` in turn on the same
256-pixel frames; the report gives medians. The cosine is the lowest over all frames, between features and those of
torch in float32. The text encoder of each is timed the same way, with a query of eight words.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from model.encoder.load import load, load_videobert
from model.runtime.graph import backbone_graph
from model.runtime.onnx_session import OnnxSession
from model.runtime.openvino_session import OpenVinoSession
from model.runtime.runtimes import RUNTIME_VARIABLE, RUNTIMES
from model.runtime.session import Session
from model.runtime.torch_session import TorchSession

Pixels = NDArray[np.float32]
QUERY = "a brown dog runs along the sandy beach"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    network = load_videobert()
    backbone = network.model.backbone
    graph = backbone_graph({f"backbone.{name}": each.numpy() for name, each in backbone.state_dict().items()})
    content = graph.SerializeToString()
    sessions: list[Session] = [
        TorchSession(backbone, torch.device("cpu")),
        OpenVinoSession(content, "native"),
        OnnxSession(content),
    ]
    pixels = np.random.default_rng(0).uniform(-1, 1, (args.frames, 3, 256, 256)).astype(np.float32)

    @torch.inference_mode()
    def eager() -> Pixels:
        return np.asarray(backbone(torch.from_numpy(pixels)).numpy())

    run: dict[str, Callable[[], Pixels]] = {"torch eager, float32": eager}
    for session in sessions:
        run[f"{session.runtime}, {session.precision}"] = lambda session=session: session.run(pixels)[0]  # type: ignore[misc]
    compare(run, args.runs, args.frames, "frames")
    towers: dict[str, Callable[[], Pixels]] = {"torch, text": lambda: network.embed_text([QUERY])}
    for name in RUNTIMES:
        os.environ[RUNTIME_VARIABLE] = name
        encoder = load()
        encoder.embed_text([QUERY])
        towers[f"{name}, text"] = lambda encoder=encoder: encoder.embed_text([QUERY])  # type: ignore[misc]
    compare(towers, 10 * args.runs, 1, "queries")


def compare(run: dict[str, Callable[[], Pixels]], times: int, count: int, unit: str) -> None:
    """Time each runtime in turn, and print its speed, the ratio to the first, and the cosine to the first."""
    seconds: dict[str, list[float]] = {name: [] for name in run}
    expected = next(iter(run.values()))()
    for _ in range(times):
        for name, compute in run.items():
            began = time.perf_counter()
            found = compute()
            seconds[name].append(time.perf_counter() - began)
            if len(seconds[name]) == 1:
                print(f"{name:>22}: least cosine {cosines(found, expected).min():.5f}")
    first = float(np.median(next(iter(seconds.values()))))
    for name, taken in seconds.items():
        median = float(np.median(taken))
        print(f"{name:>22}: {count / median:6.1f} {unit}/s  x {first / median:.1f}")


def cosines(one: Pixels, other: Pixels) -> NDArray[np.float64]:
    """Return the cosines of the rows of two arrays (T, F): (T,)."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return np.asarray((one * other).sum(axis=1) / lengths, np.float64)


if __name__ == "__main__":
    main()
