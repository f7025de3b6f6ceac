"""Bytes of a text file -> text: by its mark, as UTF-8, as UTF-8 with damage, or in the code page of its language.

A code page is proposed by chardet, which knows how often letters follow each other in each language. Of 71 pairs of
language and code page it reads 69 as they were written, faust-cchardet 55 and charset-normalizer 42
(benchmarks/encodings.py); what is done with its proposals here mends the other two.
"""

from __future__ import annotations

import codecs
import re
import unicodedata

_MARKS = (  # the longer ones first: that of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Code pages that subtitles are found in, the usual ones first: of equals the first one is taken.
_PAGES: dict[str, tuple[str, ...]] = {
    "western": ("cp1252", "iso8859-15", "mac-roman", "cp850"),
    "central": ("cp1250", "iso8859-2", "cp852", "mac-latin2"),
    "cyrillic": ("cp1251", "koi8-r", "koi8-u", "iso8859-5", "cp866", "mac-cyrillic"),
    "greek": ("cp1253", "iso8859-7", "cp737"),
    "turkish": ("cp1254", "iso8859-9", "cp857"),
    "hebrew": ("cp1255", "iso8859-8", "cp862"),
    "arabic": ("cp1256", "iso8859-6"),
    "baltic": ("cp1257", "iso8859-13"),
    "vietnamese": ("cp1258",),
    "thai": ("cp874", "tis-620"),
    "japanese": ("cp932", "euc_jis_2004"),
    "korean": ("cp949",),
    "chinese": ("gb18030", "big5hkscs"),
}
_LANGUAGES = """
western    af ca da de en es eu fi fil fr ga gl id is it ms nb nl nn no pt sq sv sw
central    bs cs hr hu pl ro sk sl
cyrillic   be bg kk mk mn ru sr uk
greek      el
turkish    tr
hebrew     he
arabic     ar fa ur
baltic     et lt lv
vietnamese vi
thai       th
japanese   ja
korean     ko
chinese    yue zh
"""
_FAMILIES = {language: row.split()[0] for row in _LANGUAGES.strip().splitlines() for language in row.split()[1:]}
_ORDER = {page: place for place, page in enumerate(page for pages in _PAGES.values() for page in pages)}
_NAMED = 2.0  # how much the language in a file's name counts; a page of another script stands six times higher
_EQUAL = 0.98  # of the best score: code pages so close differ in signs that the text hardly holds
_DAMAGE = 0.2  # of the signs beyond ASCII: with fewer of them broken, a text is UTF-8 with damage
_NUL_SHARE = 0.01  # of the bytes: with more of them zero, a text is UTF-16
_SHIFTS = re.compile(rb"\x1b\$[@B(]")  # ISO 2022, which is all ASCII
_SAMPLE_BYTES = 8192  # that chardet looks at
_ALPHABETS = {"LATIN", "CYRILLIC", "GREEK", "HEBREW", "ARABIC", "THAI"}
_OPENING = re.compile("[¡§¶¿]")  # never inside a word
_WORD = re.compile(r"\S*[^\x00-\x7f]\S*")


def decode(raw: bytes, language: str = "") -> str:
    """The text that bytes stand for; what cannot be read of damaged UTF-8 becomes U+FFFD.

    Args:
        raw: of a text file.
        language: code of ISO 639-1 that the name of the file tells, "" for none.
    """
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return raw[len(mark) :].decode(encoding, errors="replace")
    if raw.count(0) > _NUL_SHARE * len(raw):
        return raw.decode("utf-16-be" if raw[::2].count(0) > raw[1::2].count(0) else "utf-16-le", errors="replace")
    if _SHIFTS.search(raw):
        return raw.decode("iso2022_jp_2", errors="replace")
    text = raw.decode(errors="replace")
    broken = text.count("\ufffd")
    if broken == 0:
        return _undoubled(text)
    if broken <= _DAMAGE * sum(sign > "\x7f" for sign in text):
        return text
    return raw.decode(_page(raw, language), errors="replace")


def _undoubled(text: str) -> str:
    """UTF-8 that was taken for Windows-1252 and encoded once more, as it was before."""
    if not ("Ã" in text or "â€" in text):
        return text
    try:
        return b"".join(sign.encode("latin-1" if sign < "\xa0" else "cp1252") for sign in text).decode()
    except UnicodeError:
        return text


def _page(raw: bytes, language: str) -> str:
    """The most likely code page of a text that is not UTF-8."""
    from chardet import detect_all

    sample = b"\n".join(line for line in raw.splitlines() if not line.isascii())[:_SAMPLE_BYTES]
    hinted = _PAGES[_FAMILIES[language]] if language in _FAMILIES else ()
    scores: dict[str, float] = {}
    for found in detect_all(sample, ignore_threshold=True, compat_names=False, include_encodings=list(_ORDER)):
        page = codecs.lookup(found["encoding"] or "ascii").name
        if page in _ORDER:
            named = _NAMED if page in hinted else 1.0
            scores[page] = named * found["confidence"] * _plausible(sample.decode(page, errors="replace"))
    best = max(scores.values(), default=0.0)
    equal = [page for page, score in scores.items() if score >= _EQUAL * best]
    return min(equal, key=_ORDER.__getitem__, default=_PAGES["western"][0])


def _plausible(text: str) -> float:
    """The share of words beyond ASCII with letters of one alphabet, and neither signs between letters nor controls."""
    words = _WORD.findall(text)
    return sum(map(_is_plausible, words)) / max(1, len(words))


def _is_plausible(word: str) -> bool:
    inner = word.strip("".join(sign for sign in word if unicodedata.category(sign)[0] in "PSZ"))
    kinds = {unicodedata.category(sign) for sign in inner if sign > "\x7f"}
    alphabets = {unicodedata.name(sign, "").split(" ")[0] for sign in inner if sign.isalpha()} & _ALPHABETS
    odd = any(kind[0] in "CS" or kind == "No" for kind in kinds) or _OPENING.search(inner)
    return len(alphabets) < 2 and not odd
