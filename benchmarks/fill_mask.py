"""Accuracy of filling masked words: a noun of each caption is masked, with the clip's frames and without.

    python -m benchmarks.fill_mask DATA/clips.json DATA/clips --library LIB

`clips.json`: [{"clip": file, "caption": text}]. The first NOUN of every caption is masked. The same is done with
features of zeros, which measures what the sentence alone tells.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import numpy as np

from benchmarks.library import indexed
from model.encoder.fill_mask import BLANK, fill
from model.encoder.load import load_videobert

NOUN = re.compile(
    r"""\b(
    man | woman | people | person | boy | girl | child | children | baby | hands? | dog | cat | bird | horse | cow |
    bear | rabbit | elephant | car | bus | train | boat | bike | bicycle | water | sea | ocean | river | lake | beach |
    snow | grass | field | forest | trees? | flowers? | mountain | sky | fire | road | street | city | building |
    house | room | kitchen | table | food | ball | guitar | computer | phone | book
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)
TOP = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("truth", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--library", type=Path, required=True)
    args = parser.parse_args()
    shown: list[bool] = []
    unseen: list[bool] = []
    with indexed([args.folder], args.library) as library:
        encoder = load_videobert(library.encoder.name)  # a library's encoder may consist of graphs only
        for row in json.loads(args.truth.read_text(encoding="utf-8")):
            noun = NOUN.search(row["caption"])
            if noun is None:
                continue
            sentence = NOUN.sub(BLANK, row["caption"], count=1)
            features = library.film(args.folder / row["clip"]).features
            for found, inputs in ((shown, features), (unseen, np.zeros_like(features))):
                found.append(noun[0].lower() in [guess.word for guess in fill(encoder, inputs, sentence, top=TOP)[0]])
    print(f"{len(shown)} captions: the masked noun is among {TOP} predictions for {np.mean(shown):.0%}, ", end="")
    print(f"for {np.mean(unseen):.0%} where the frames are blank")


if __name__ == "__main__":
    main()
