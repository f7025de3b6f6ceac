"""Words of every script: lines are found by the words and parts of words that a reader of them would type."""

# ruff: noqa: RUF001 - what is ambiguous to one reader is a letter to another

import pytest

from store.catalog.analyzer import analyze, normalize, terms
from store.catalog.catalog import Catalog
from store.types import Cue, EncoderInfo
from tests.support.catalog import DIM, a_video, some_segments

LINES = {
    "Chinese": "一只狗在海滩上奔跑",
    "Japanese": "犬が砂浜を走っています",
    "Japanese, narrow": "ｶﾒﾗを持つ女性",
    "Korean": "강아지가 해변에서 뛰어놀고 있어요",
    "Thai": "สุนัขกำลังวิ่งเล่นอยู่บนชายหาด",
    "Lao": "ໝາກຳລັງແລ່ນຢູ່ຫາດຊາຍ",
    "Khmer": "ឆ្កែកំពុងរត់នៅលើឆ្នេរ",
    "Burmese": "ခွေးတစ်ကောင်ကမ်းခြေပေါ်မှာပြေးနေတယ်",
    "Hindi": "कुत्ता समुद्र किनारे दौड़ रहा है",
    "Tamil": "நாய் கடற்கரையில் ஓடுகிறது",
    "Arabic": "كَلْبٌ يَرْكُضُ عَلَى الشَّاطِئِ معَ أَحْمَد",
    "Persian": "سگ در ساحل می‌دود",
    "Hebrew": "הַכֶּלֶב רָץ עַל הַחוֹף",
    "Greek": "Ο σκύλος τρέχει στην παραλία",
    "Russian": "Пёс бежит по пляжу, мой друг",
    "Vietnamese": "Con chó đang chạy trên bãi biển",
    "Turkish": "İstanbul sahilinde bir köpek",
    "German": "Der Hund läuft über die Straße",
    "wide Latin": "ＤＯＧ　ＳＨＯＷ ２０２４",
}
ASKED = [
    ("海滩", "Chinese"),
    ("海滩上的狗在跑", "Chinese"),  # a sentence of its own: pairs of characters are shared
    ("砂浜", "Japanese"),
    ("カメラ", "Japanese, narrow"),
    ("강아지", "Korean"),  # without its particle
    ("해변 강아지", "Korean"),
    ("วิ่ง", "Thai"),
    ("สุนัขบนชายหาด", "Thai"),
    ("ແລ່ນ", "Lao"),
    ("ឆ្នេរ", "Khmer"),
    ("ကမ်းခြေ", "Burmese"),
    ("कुत्ता", "Hindi"),
    ("நாய்", "Tamil"),
    ("كلب", "Arabic"),  # without points
    ("أحمد", "Arabic"),
    ("احمد", "Arabic"),
    ("میدود", "Persian"),
    ("الشاطئ", "Arabic"),
    ("הכלב", "Hebrew"),
    ("ΣΚΥΛΟΣ", "Greek"),
    ("παραλια", "Greek"),
    ("пес", "Russian"),
    ("ПЛЯЖУ", "Russian"),
    ("bai bien", "Vietnamese"),
    ("istanbul", "Turkish"),
    ("strasse", "German"),
    ("Straße", "German"),
    ("dog show 2024", "wide Latin"),
]


@pytest.fixture(scope="module")
def catalog():
    with Catalog.open(":memory:", EncoderInfo("mini@1", DIM)) as opened:
        cues = [Cue(float(i), i + 1.0, line) for i, line in enumerate(LINES.values())]
        opened.put_video(a_video("/s/s.mp4"), some_segments(len(LINES)), cues)
        yield opened


def languages(catalog: Catalog, words: list[str], *phrases: str) -> list[str]:
    return [list(LINES)[number - 1] for number in catalog.fulltext.search(words, phrases=phrases, limit=50)]


@pytest.mark.parametrize(("query", "language"), ASKED)
def test_a_line_is_found_first_by_words_of_its_language(catalog: Catalog, query: str, language: str):
    assert languages(catalog, terms(query))[:1] == [language]


@pytest.mark.parametrize("language", LINES)
def test_every_line_is_found_by_itself_as_a_phrase(catalog: Catalog, language: str):
    assert languages(catalog, [], LINES[language]) == [language]


@pytest.mark.parametrize("language", ["Chinese", "Japanese", "Korean", "Thai", "Lao", "Khmer", "Burmese"])
def test_any_part_of_a_line_without_spaces_is_found(catalog: Catalog, language: str):
    for word in LINES[language].split():
        characters = analyze(word).split()
        assert "".join(characters) == normalize(word)
        for first in range(len(characters) - 2):
            assert language in languages(catalog, [], "".join(characters[first : first + 3]))


@pytest.mark.parametrize(
    ("language", "part", "other"),
    [
        ("Hindi", "कु", "कुत्ता"),  # a syllable is no word
        ("Tamil", "நா", "நாய்"),
        ("Russian", "мои", "мой"),  # another letter, not an accent
        ("Greek", "σκυλο", "σκυλος"),
    ],
)
def test_words_are_not_split_at_their_marks(catalog: Catalog, language: str, part: str, other: str):
    assert languages(catalog, terms(part)) == []
    assert languages(catalog, terms(other)) == [language]


def test_what_was_found_is_shown_without_breaks(catalog: Catalog):
    number = list(LINES).index("Chinese") + 1
    assert catalog.fulltext.matched(terms("海滩上"), [number])[number].said == ("海滩上",)  # two pairs, one stretch


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A dog's ball", ["dog's", "ball"]),
        ("who is it", ["who", "is", "it"]),  # all it has
        ("日本語の犬", ["日本", "本語", "語の", "の犬"]),
        ("iPhoneの犬", ["iphone", "の犬"]),
        ("犬", ["犬"]),
        ("สุนัข", ["สุนัข"]),  # three letters with their signs
        ("สุนัขวิ่ง", ["สุนัข", "นัขวิ่", "ขวิ่ง"]),
        ("कुत्ता दौड़", ["कुत्ता", normalize("दौड़")]),
        ("", []),
        ("!?", []),
    ],
)
def test_the_words_of_a_query(text: str, words: list[str]):
    assert terms(text) == words
