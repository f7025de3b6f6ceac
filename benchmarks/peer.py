"""A peer beside us: one frame a second through a plain CLIP ViT-B/32 in ONNX Runtime, as rclip searches pictures.

    python -m benchmarks.peer FOLDER [--times 3]

FOLDER holds videos. The peer has the architecture of CLIP ViT-B/32 and random weights, which take as long as trained
ones: it decodes with PyAV, resizes with Pillow, embeds frames in batches of 16, keeps vectors in NumPy and compares a
query with all of them. We index the same folder with our defaults: two frames a second in two views each, shots,
windows, labels, subtitles, a database. Both run in new processes, in turns; the report gives medians of frames a
second, milliseconds of a warm query and memory.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed import memory_mib

BATCH, SIDE, QUERY = 16, 224, "a dog runs on the beach"
MEAN, DEVIATION = (0.481, 0.458, 0.408), (0.269, 0.261, 0.276)
Embed = Callable[[NDArray[np.generic]], NDArray[np.float32]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--side", choices=["peer", "ours"], help=argparse.SUPPRESS)
    parser.add_argument("--towers", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        print(json.dumps(peer(args.folder, args.towers) if args.side == "peer" else ours(args.folder)))
        return
    with tempfile.TemporaryDirectory() as folder:
        write_towers(Path(folder))
        found: dict[str, list[dict[str, float | str]]] = {"peer": [], "ours": []}
        for _ in range(args.times):
            for side, results in found.items():
                command = [sys.executable, "-m", "benchmarks.peer", args.folder, "--side", side, "--towers", folder]
                ran = subprocess.run(command, check=True, capture_output=True, text=True)
                results.append(json.loads(ran.stdout.splitlines()[-1]))
    for side, results in found.items():
        speed, video, query = (
            statistics.median(float(each[name]) for each in results) for name in ("frames", "video", "query")
        )
        print(
            f"{side}: {speed:.1f} frames/s, {video:.1f} seconds of video a second, warm query {1000 * query:.1f} ms, "
            f"{results[-1]['memory']}"
        )


def write_towers(folder: Path) -> None:
    """Write the graphs of both towers of CLIP ViT-B/32 with random weights."""
    from model.compat import declare_missing_operators  # loads PyTorch, which must not count as memory of either side

    declare_missing_operators()
    import torch
    from transformers import CLIPConfig, CLIPModel

    class Tower(torch.nn.Module):
        def __init__(self, tower: Callable[[torch.Tensor], torch.Tensor]) -> None:
            super().__init__()
            self.model, self.tower = model, tower

        def forward(self, given: torch.Tensor) -> torch.Tensor:
            return self.tower(given)

    torch.manual_seed(0)
    options: dict[str, Any] = {"attn_implementation": "eager"}  # which can be exported
    model = CLIPModel(CLIPConfig(**options)).eval()
    towers = {
        "vision": (
            lambda x: model.visual_projection(model.vision_model(x).pooler_output),
            torch.zeros(2, 3, SIDE, SIDE),
        ),
        "text": (
            lambda x: model.text_projection(model.text_model(x).pooler_output),
            torch.ones(1, 77, dtype=torch.long),
        ),
    }
    for name, (tower, example) in towers.items():
        axes = {"given": {0: "count"}}
        path = str(folder / f"{name}.onnx")
        torch.onnx.export(Tower(tower), (example,), path, input_names=["given"], dynamic_axes=axes, dynamo=False)


def opened(path: Path) -> Embed:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def embed(given: NDArray[np.generic]) -> NDArray[np.float32]:
        (vectors,) = session.run(None, {"given": given})
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)

    return embed


def peer(folder: Path, towers: Path) -> dict[str, float | str]:
    vision, text = opened(towers / "vision.onnx"), opened(towers / "text.onnx")
    began, rows, batch = time.perf_counter(), [], []
    for pixels in frames(folder):
        batch.append(pixels)
        if len(batch) == BATCH:
            rows.append(vision(np.stack(batch)))
            batch = []
    if batch:
        rows.append(vision(np.stack(batch)))
    vectors = np.concatenate(rows)
    seconds = time.perf_counter() - began
    ids = np.full((1, 77), 49407, np.int64)

    def ask() -> object:
        return np.argsort(-(vectors @ text(ids)[0]))[:10]

    rate = len(vectors) / seconds
    return {"frames": rate, "video": rate, "query": warm(ask), "memory": memory_mib("self")}


def frames(folder: Path) -> Iterator[NDArray[np.float32]]:
    """Yield a frame for each second of each video, as CLIP takes them: float32 (3, 224, 224)."""
    import av
    from PIL import Image

    mean, deviation = (np.array(each, np.float32)[:, None, None] for each in (MEAN, DEVIATION))
    for path in sorted(folder.iterdir()):
        with av.open(str(path)) as container:
            due = 0.0
            for frame in container.decode(video=0):
                if frame.time is not None and frame.time >= due:
                    due = frame.time + 1.0
                    whole = Image.fromarray(frame.to_ndarray(format="rgb24"))
                    picture = np.asarray(whole.resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float32)
                    yield np.asarray((picture.transpose(2, 0, 1) / 255 - mean) / deviation, np.float32)


def ours(folder: Path) -> dict[str, float | str]:
    from search import Library

    with tempfile.TemporaryDirectory() as home, Library(home) as library:
        _ = library.encoder.embed_text([QUERY])  # the peer's models are loaded before its time begins, too
        began = time.perf_counter()
        report = library.index([folder])
        seconds = time.perf_counter() - began
        rate = report.video_seconds / seconds
        query = warm(lambda: library.search(QUERY))
        return {"frames": rate * library.encoder.fps, "video": rate, "query": query, "memory": memory_mib("self")}


def warm(ask: Callable[[], object], times: int = 20) -> float:
    taken = []
    for _ in range(times + 1):
        began = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[1:])


if __name__ == "__main__":
    main()
