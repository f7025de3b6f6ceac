"""Captions of pictures and videos -> the vocabulary of labels, `model/encoder/labels.toml`.

    python -m recipes.vocabulary --captions captions.jsonl --out model/encoder/labels.toml

Needs `textblob` (MIT) for parts of speech and `lemminflect` (MIT) for inflections. `captions.jsonl` is the output of
`recipes/captions.py --split train`. A candidate is a noun, a pair of nouns, or a verb with or without its object. A
picture or video counts for it if a caption contains it, or two captions where there are five or more, which excludes
the errors of one annotator. A candidate with a count of at least `--least` becomes a label, unless it is in
`not_labels.txt`. Nothing else of the captions is stored.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

_SEVERAL = 5  # captions of one picture; from this number on, two of them must contain a label
_BEFORE_NOUN = {"DT", "PRP$", "CD", "JJ"}
_OBJECT_BY = {"with", "on", "in", "at", "to", "through", "into", "down", "up", "over"}
_EXCLUDED = Path(__file__).with_name("not_labels.txt")
# Too general to search for: nouns of any caption, and verbs of being, starting or continuing.
_NOUNS = frozenset(
    re.findall(
        r"\w+",
        "something someone somebody anything thing way time day part side front back top middle bottom end kind "
        "type piece bit lot couple number set group pair bunch variety style color colour shape size background "
        "foreground scene video clip footage picture image photo photograph camera screen view shot close closeup "
        "one other another everything everyone people person man woman guy lady boy girl story music song sound "
        "voice word name language question answer idea information instruction demonstration tutorial review "
        "episode season channel youtube program commentary commentator narrator character stuff item object trick "
        "step process method recipe use reason fun life world year month minute hour second moment attention "
        "interest love problem issue help work action activity event situation position direction left right air "
        "distance area place spot space edge corner line row section center",
    )
)
_VERBS = frozenset(
    re.findall(
        r"\w+",
        "be have do get make use go come take show see try start begin stop continue keep put let look appear "
        "seem become want need like love know think say tell explain describe discuss demonstrate display feature "
        "present give film record talk speak introduce mention review happen call name contain include involve "
        "perform",
    )
)
Tagged = list[tuple[str, str]]  # words with their parts of speech


def main() -> None:
    """Read the arguments and write the labels."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=Path, required=True)
    parser.add_argument("--least", type=int, default=3, help="least number of pictures or videos of a label")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    from textblob.taggers import PatternTagger

    tagger = PatternTagger()
    rows = [json.loads(line) for line in args.captions.read_text(encoding="utf-8").splitlines()]
    captions = [[tagger.tag(text.lower()) for text in row.get("captions", ())] for row in rows]
    args.out.write_text(written(vocabulary(captions, args.least)), encoding="utf-8")


def vocabulary(rows: list[list[Tagged]], least: int) -> dict[str, list[str]]:
    """Return things and actions in alphabetical order, from the tagged captions of each picture or video."""
    lines = _EXCLUDED.read_text(encoding="utf-8").splitlines()
    excluded = {line for line in lines if not line.startswith("#")}
    things, actions = Counter[str](), Counter[str]()
    for captions in rows:
        needed = 2 if len(captions) >= _SEVERAL else 1
        for counts, found in ((things, nouns), (actions, verbs)):
            captions_with = Counter(phrase for caption in captions for phrase in set(found(caption)))
            counts.update(phrase for phrase, n in captions_with.items() if n >= needed and phrase not in excluded)
    doing = {action for action, count in actions.items() if count >= least and action not in things}
    return {
        "things": sorted(noun for noun, count in things.items() if count >= least),
        "actions": sorted(action for action in doing if _of_one(action) not in doing - {action}),
    }


def nouns(words: Tagged) -> Iterator[str]:
    """Yield nouns and pairs of nouns, in the singular."""
    at = 0
    while at < len(words):
        end = _end_of(words, at, "NN")
        if end > at and _is_word(head := singular(words[end - 1][0])) and head not in _NOUNS:
            yield head
            if end - at > 1 and _is_word(words[end - 2][0]) and words[end - 2][0] not in _NOUNS:
                yield f"{words[end - 2][0]} {head}"
        at = end + 1


def verbs(words: Tagged) -> Iterator[str]:
    """Yield actions, alone and with their object: "playing", "playing guitar", "sitting on couch"."""
    from lemminflect import getInflection, getLemma

    for at, (word, tag) in enumerate(words):
        lemma = (getLemma(word, "VERB") or (word,))[0]
        if not tag.startswith("VB") or not _is_word(lemma) or lemma in _VERBS:
            continue
        doing = (getInflection(lemma, "VBG") or (lemma,))[0]
        yield doing
        first = at + 1
        by = words[first][0] if first < len(words) and words[first][1] in ("RP", "IN", "RB", "TO") else ""
        first += bool(by)
        while first < len(words) and words[first][1] in _BEFORE_NOUN:
            first += 1
        end = _end_of(words, first, "NN")
        if end > first and (not by or by in _OBJECT_BY):
            head, form = words[end - 1]
            if _is_word(head) and singular(head) not in _NOUNS:
                yield " ".join(filter(None, (doing, by, head if form == "NNS" else singular(head))))


def singular(word: str) -> str:
    """Return the singular: `"dogs"` -> `"dog"`."""
    from lemminflect import getLemma

    return str((getLemma(word, "NOUN") or (word,))[0])


def _of_one(action: str) -> str:
    """Return the action with its object in the singular: `"holding flags"` -> `"holding flag"`."""
    *words, head = action.split()
    return " ".join((*words, singular(head)))


def written(lists: dict[str, list[str]]) -> str:
    """Return the lists as TOML."""
    lines = ["# Labels of segments; made by recipes/vocabulary.py."]
    for kind, names in lists.items():
        lines += ["", f"{kind} = [", *(f'    "{name}",' for name in names), "]"]
    return "\n".join(lines) + "\n"


def _end_of(words: Tagged, at: int, tag: str) -> int:
    while at < len(words) and words[at][1].startswith(tag):
        at += 1
    return at


def _is_word(word: str) -> bool:
    return word.isascii() and word.isalpha() and len(word) > 2


if __name__ == "__main__":
    main()
