"""Which language a query is in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.languages import TRANSLATIONS
from model.encoder.language import SURE, english_odds, language
from model.encoder.prompts import everyday_query_lines

SENTENCES = {
    "en": ["a hot tub under the stars", "two children build a sand castle", "He opens the door and leaves"],
    "zh": ["孩子们在公园里放风筝", "一位老人在钓鱼"],
    "ja": ["公園で凧を揚げる子供たち", "釣りをするおじいさん"],
    "de": ["Kinder lassen im Park Drachen steigen", "der alte Mann angelt am Fluss"],
    "es": ["los niños vuelan cometas en el parque", "un anciano pescando en el río"],
    "fr": ["des enfants font voler des cerfs-volants", "un vieil homme pêche au bord de la rivière"],
    "ar": ["أطفال يلعبون بالطائرات الورقية في الحديقة"],
    "hi": ["बच्चे पार्क में पतंग उड़ा रहे हैं"],
    "ru": ["дети запускают воздушного змея в парке"],
}


@pytest.mark.parametrize("code", SENTENCES)
def test_sentences(code: str):
    assert {language(sentence) for sentence in SENTENCES[code]} == {code}
    assert {english_odds(sentence) >= SURE for sentence in SENTENCES[code]} == {code == "en"}


def test_the_translations_are_told_apart():
    rows = json.loads(Path(TRANSLATIONS).read_text(encoding="utf-8"))
    assert len(rows) >= 100
    right = [language(text) == code for row in rows for code, text in row.items() if code != "clip"]
    assert sum(right) / len(right) >= 0.97


def test_english_of_a_word_or_two_stays_english():
    for text in ("dog", "red car", "guitar", "birthday party", "2019", "?!", "hot dog", "DJ", "ok"):
        assert language(text) == "en", text
    surely = [english_odds(line) >= SURE for line in everyday_query_lines()]
    assert sum(surely) / len(surely) > 0.98


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("ein Hund", "de"),
        ("ДОМ", "ru"),
        ("猫", "zh"),
        ("ねこ", "ja"),
        ("강아지", "ko"),
        ("iPhone 手机测评", "zh"),
        ("\uff21\uff22\uff23 你好世界", "zh"),
    ],
)
def test_scripts_short_and_mixed_texts(text: str, code: str):
    assert language(text) == code
