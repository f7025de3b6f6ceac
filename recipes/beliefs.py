"""What classifiers take photos for, added to a captions file as `beliefs`.

    python -m recipes.beliefs --captions captions.jsonl --photos photos --labels imagenet_labels.txt \
        --teacher a.tflite --teacher b.tflite --teacher c.onnx --out believed.jsonl

A row's beliefs are the mean of the teachers' over the whole photo, the likeliest `MOST` of them. `imagenet_labels.txt`
names a class a line, its synonyms after a comma; row 0 is the background, which is nothing to be seen.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from recipes.teacher import classifier

SIZE = 224  # pixels
MOST, LEAST = 30, 0.002  # beliefs of a photo, and the smallest


def main() -> None:
    """Read the arguments and write the rows with their beliefs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("captions", "photos", "labels", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, action="append", required=True)
    args = parser.parse_args()
    teachers = [classifier(path) for path in args.teacher]
    labels = [line.split(",")[0].strip() for line in args.labels.read_text(encoding="utf-8").splitlines()]
    with args.out.open("w", encoding="utf-8") as file:
        for line in args.captions.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            believed = beliefs(args.photos / row["media"], teachers, labels)
            file.write(json.dumps(row | {"beliefs": believed}) + "\n")


def beliefs(photo: Path, teachers: list[Callable[[Tensor], Tensor]], labels: list[str]) -> dict[str, float]:
    """The likeliest labels of a photo by the teachers' mean."""
    with Image.open(photo) as file:
        picture = file.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    pixels = torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)[None]
    mean = torch.stack([teacher(pixels)[0] for teacher in teachers]).mean(0)
    named: dict[str, float] = {}
    for i in mean.argsort(descending=True)[:MOST].tolist():
        if i and mean[i] >= LEAST:  # two classes may share a name, as cranes do
            named[labels[i]] = round(named.get(labels[i], 0.0) + float(mean[i]), 4)
    return named


if __name__ == "__main__":
    main()
