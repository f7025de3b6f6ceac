"""Convert collected captions to the JSON lines that `videobert train` reads.

    python -m recipes.captions --flickr flickr8k.json --flickr-folder flickr8k --scenes scenes.json \
        --scenes-folder scenes --split train --out captions.jsonl
    python -m recipes.captions … --without flickr8k --without msrvtt    # only sources that allow commercial use

`flickr8k.json`: {file: {"captions": [five sentences], "split": "train" or "test"}}. `scenes.json`: {"captions": {video:
[sentences]}, "pictures": [{"file", "video", "source", "split", "label"}]}; pictures of one video, in order, become
one row, but those of a label are a row each.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FLICKR = "flickr8k"
Row = dict[str, object]


def main() -> None:
    """Parse arguments and write one line per photo or video."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flickr", type=Path)
    parser.add_argument("--flickr-folder", type=Path, default=Path())
    parser.add_argument("--scenes", type=Path)
    parser.add_argument("--scenes-folder", type=Path, default=Path())
    parser.add_argument("--split", required=True, help="train, test (Flickr8k) or heldback (scenes)")
    parser.add_argument("--without", action="append", default=[], help="a source to leave out")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    rows: list[Row] = []
    listing = read(args.scenes) if args.scenes else {"captions": {}, "pictures": []}
    sources = sorted({FLICKR, *(picture["source"] for picture in listing["pictures"])})
    if unknown := sorted(set(args.without) - set(sources)):  # a typo would train on a source that must be left out
        parser.error(f"--without takes {', '.join(sources)}, got {', '.join(unknown)}")
    if args.flickr and FLICKR not in args.without:
        rows += flickr(read(args.flickr), args.flickr_folder, args.split)
    rows += scenes(listing, args.scenes_folder, args.split, args.without)
    args.out.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def read(file: Path) -> dict[str, Any]:
    """Read a JSON object."""
    listing: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return listing


def flickr(photos: dict[str, Any], folder: Path, split: str) -> Iterator[Row]:
    """Yield one row per photo."""
    for file, photo in photos.items():
        if photo["split"] == split:
            yield {"media": str(folder / file), "captions": [sentence(text) for text in photo["captions"]]}


def scenes(listing: dict[str, Any], folder: Path, split: str, without: list[str]) -> Iterator[Row]:
    """Yield one row per video or labelled picture."""
    videos: dict[str, list[str]] = {}
    for picture in listing["pictures"]:
        if picture["split"] != split or picture["source"] in without:
            continue
        file = str(folder / picture["file"])
        if "label" in picture:
            yield {"media": file, "label": picture["label"]}
        else:
            videos.setdefault(picture["video"], []).append(file)
    for video, files in videos.items():
        yield {"media": files, "captions": [sentence(text) for text in listing["captions"][video]]}


def sentence(caption: str) -> str:
    """Remove the full stop of a caption and the space before it."""
    return caption.strip().rstrip(" .").replace(" ,", ",")


if __name__ == "__main__":
    main()
