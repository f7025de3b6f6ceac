"""Stemming: the forms of a word in one language -> what they have in common, by Snowball (https://snowballstem.org).

"running" and "runs" become "run"; "Häuser" and "Haus" become "haus".
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from Stemmer import Stemmer

ENGLISH = "english"  # of texts whose language nobody says: names of files, subtitles without a tag
_LANGUAGES = """
arabic      ar ara
armenian    hy hye arm
basque      eu eus baq
catalan     ca cat
czech       cs ces cze
danish      da dan
dutch       nl nld dut
english     en eng
estonian    et est
finnish     fi fin
french      fr fra fre
german      de deu ger
greek       el ell gre
hindi       hi hin
hungarian   hu hun
indonesian  id ind
irish       ga gle
italian     it ita
lithuanian  lt lit
norwegian   no nor nb nob nn nno
persian     fa fas per
polish      pl pol
portuguese  pt por pob
romanian    ro ron rum
russian     ru rus
serbian     sr srp scc
spanish     es spa esp
swedish     sv swe
tamil       ta tam
turkish     tr tur
"""
_ALGORITHMS = {code: row.split()[0] for row in _LANGUAGES.strip().splitlines() for code in row.split()}
_WORDS_KEPT = 2**16  # most of the words of a language, and of a large library


def algorithm(language: str) -> str:
    """The Snowball algorithm for a language as cues name it ("de", "ger", "pt-BR"); "" where there is none.

    English where no language is named.
    """
    first = re.split("[-_]", language.casefold())[0]
    return _ALGORITHMS.get(first, "") if first else ENGLISH


@lru_cache(_WORDS_KEPT)
def stem(word: str, algorithm: str) -> str:
    """The stem of a word in small letters; the word itself for the algorithm ""."""
    return str(_stemmer(algorithm).stemWord(word)) if algorithm and word.isalpha() else word


@cache
def _stemmer(algorithm: str) -> Stemmer:
    from Stemmer import Stemmer

    return Stemmer(algorithm, 0)  # without a cache of its own
