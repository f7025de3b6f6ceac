"""Encodings of text files."""

from __future__ import annotations

import codecs
import random
import unicodedata

import pytest

from indexer.text.encoding import decode
from tests.support.sentences import LINES, cases

CASES = list(cases())
ACCENTS = {"fr": "père", "it": "Perché", "pt": "irmão", "es": "niño", "de": "Schlüssel", "ru": "ключ", "ja": "鍵"}


def nfc(text):
    return unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("named", [False, True])
def test_97_of_100_files_are_read_as_they_were_written(named):
    assert len(CASES) >= 40
    wrong = [
        (language, page)
        for language, page, text, raw in CASES
        if nfc(decode(raw, language[:2] if named else "")) != text
    ]
    assert len(wrong) <= 0.03 * len(CASES), wrong


@pytest.mark.parametrize("language", ["fr", "it", "pt", "es", "de"])
def test_few_accents_among_much_ascii(language):
    lines = ["Mario va a casa con Anna a 10.30"] * 150 + [LINES[language]] + ["Taxi, hotel, bar"] * 150
    assert ACCENTS[language] in decode("\n".join(lines).encode("cp1252"))


def test_a_wrong_language_in_the_name_does_no_harm():
    assert LINES["ru"] == decode(LINES["ru"].encode("cp1251"), "en")
    assert LINES["el"] == decode(LINES["el"].encode("cp1253"), "fr")
    assert LINES["ja"] == decode(LINES["ja"].encode("cp932"), "pl")


@pytest.mark.parametrize("language", ["fr", "ru", "ja", "el", "pl"])
@pytest.mark.parametrize("stray", [b"\xe9", b"\xff", b"\x80", b"\xc3", b"\xe2\x80", b"\xf0\x9f"])
def test_a_stray_byte_costs_its_line_only(language, stray):
    lines = (LINES[language] + "\n") * 20
    raw = [line.encode() for line in lines.splitlines()]
    place = random.Random(f"{language} {stray!r}").randrange(len(raw))
    raw[place] += stray
    read = decode(b"\n".join(raw)).split("\n")
    assert [line for n, line in enumerate(read) if n != place] == [
        line for n, line in enumerate(lines.splitlines()) if n != place
    ]
    assert read[place].startswith(lines.splitlines()[place])


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
@pytest.mark.parametrize("language", ["fr", "ru", "zh", "en"])
def test_marks(mark, encoding, language):
    assert decode(mark + LINES[language].encode(encoding)) == LINES[language]
    assert decode(mark + LINES[language].encode(encoding) + b"\xc3")[: len(LINES[language])] == LINES[language]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("language", ["fr", "ru", "zh", "en"])
def test_utf_16_without_a_mark(encoding, language):
    text = f"1\n00:00:01,000 --> 00:00:02,000\n{LINES[language]}\n"
    assert decode(text.encode(encoding)) == text


def test_text_that_was_encoded_twice():
    for language in ("en", "fr", "it", "pl"):
        latin = "".join(
            bytes([byte]).decode("latin-1" if byte in b"\x81\x8d\x8f\x90\x9d" else "cp1252")
            for byte in LINES[language].encode()
        )
        assert decode(latin.encode()) == LINES[language]
    assert decode("Ã is a letter".encode()) == "Ã is a letter"


def test_any_bytes_are_some_text():
    draw = random.Random(0)
    for length in range(0, 300, 7):
        assert isinstance(decode(draw.randbytes(length)), str)
