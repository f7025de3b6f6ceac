"""Captions of photos in their published form -> the JSON lines that `videobert train` reads.

    python -m recipes.captions --flickr flickr8k.json --flickr-folder flickr --labels labelled.json \
        --labels-folder labelled --split train --out captions.jsonl

`flickr8k.json`: {file: {"captions": [five sentences], "split": "train" or "test"}}. `labelled.json`: {file: label}.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def main() -> None:
    """Read the arguments and write one line a photo."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flickr", type=Path, required=True)
    parser.add_argument("--flickr-folder", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--labels-folder", type=Path, required=True)
    parser.add_argument("--split", required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    rows: list[dict[str, object]] = [
        {"media": str(args.flickr_folder / file), "captions": [sentence(caption) for caption in row["captions"]]}
        for file, row in json.loads(args.flickr.read_text(encoding="utf-8")).items()
        if row["split"] == args.split
    ]
    if args.split == "train":
        labels = json.loads(args.labels.read_text(encoding="utf-8"))
        rows += [{"media": str(args.labels_folder / file), "label": label} for file, label in labels.items()]
    args.out.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def sentence(caption: str) -> str:
    """A caption as a person would type it: without the space before the full stop, and without the full stop."""
    return caption.strip().rstrip(" .").replace(" ,", ",")


if __name__ == "__main__":
    main()
