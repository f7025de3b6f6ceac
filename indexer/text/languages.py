"""Names of languages, as they stand in file names and tracks: codes of ISO 639 and BCP 47, and words."""

from __future__ import annotations

import re
import unicodedata

# Code of ISO 639-1, those of ISO 639-2, names in English and in the language itself.
_TABLE = """
af afr afrikaans
ar ara arabic العربية
be bel belarusian беларуская
bg bul bulgarian български
bn ben bengali bangla বাংলা
bs bos bosnian bosanski
ca cat catalan català
cs ces cze czech čeština cesky
cy cym wel welsh cymraeg
da dan danish dansk
de deu ger german deutsch
el ell gre greek ελληνικά
en eng english
es spa esp spanish castellano castilian español espanol
et est estonian eesti
eu eus baq basque euskara
fa fas per persian farsi فارسی
fi fin finnish suomi
fil tgl filipino tagalog
fr fra fre french français francais vff vfq vf
ga gle irish gaeilge
gl glg galician galego
gu guj gujarati
he heb iw hebrew עברית
hi hin hindi हिन्दी
hr hrv scr croatian hrvatski
hu hun hungarian magyar
hy hye arm armenian հայերեն
id ind indonesian indonesia
is isl ice icelandic íslenska
it ita italian italiano
ja jpn jap japanese 日本語
ka kat geo georgian ქართული
kk kaz kazakh
km khm khmer
kn kan kannada
ko kor korean 한국어
lt lit lithuanian lietuvių
lv lav latvian latviešu
mk mkd mac macedonian македонски
ml mal malayalam
mn mon mongolian
mr mar marathi
ms msa may malay melayu
my mya bur burmese
nb nob bokmål
nl nld dut dutch nederlands flemish
nn nno nynorsk
no nor norwegian norsk
pa pan punjabi
pl pol polish polski
pt por pob portuguese português portugues brazilian
ro ron rum romanian română romana
ru rus russian русский
si sin sinhala
sk slk slo slovak slovenčina
sl slv slovenian slovene slovenščina
sq sqi alb albanian shqip
sr srp scc serbian српски srpski
sv swe swedish svenska
sw swa swahili
ta tam tamil தமிழ்
te tel telugu తెలుగు
th tha thai ไทย
tr tur turkish türkçe turkce
uk ukr ukrainian українська
ur urd urdu اردو
uz uzb uzbek
vi vie vietnamese tiếng việt
yue cantonese
zh zho chi chs cht chinese mandarin 中文 简体 繁體
"""


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


_CODES = {_folded(name): line.split()[0] for line in _TABLE.strip().splitlines() for name in line.split()}
_SUBTAG = re.compile(r"[a-z0-9]{2,8}", re.IGNORECASE)
_NO_LANGUAGE = {"und", "mis", "mul", "zxx", "qaa"}  # ISO 639-2: not known, or not one


def primary(name: str) -> str:
    """The code of ISO 639-1 of a language by one of its codes or names: "pt" of "por", "pt-BR" and "Portuguese".

    "" where it is none that is known.
    """
    whole = _folded(name.strip())
    return _CODES.get(whole) or _CODES.get(re.split("[-_]", whole)[0], "")


def is_language(name: str) -> bool:
    """Whether a word is a code or a name of a language, with or without subtags: "pt-BR", "en_US", "English"."""
    first, *subtags = re.split("[-_]", name)
    return _folded(first) in _CODES and all(_SUBTAG.fullmatch(subtag) for subtag in subtags)


def spelled(name: str) -> str:
    """A language as it is stored: a code as it was written ("eng", "pt-BR"), a name as its code; "" for none."""
    if _folded(name) in _NO_LANGUAGE:
        return ""
    first, *_ = re.split("[-_]", name)
    return name.replace("_", "-") if len(first) <= 3 else _CODES.get(_folded(name), name)
