"""On-screen text: what PP-OCR reads of rendered signs, through index and search."""

from __future__ import annotations

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from indexer.pipeline import IndexOptions
from indexer.text import screen as module
from indexer.text.recognizer import NotInstalled
from indexer.text.recognizers import WORDS_VARIABLE, recognizers
from indexer.text.screen import _is_text, _language, screen
from model.encoder.contract import Encoder
from search import Library
from tests.support.media import render
from tests.support.written import CHINESE, Picture, Sign, needs_ocr, painted

FPS, SECONDS = 8, 3
SIGNS = [
    Sign("EMERGENCY EXIT", 0.5, 2.5, (20, 20), 30),
    Sign("Platform nine", 0.5, 2.5, (330, 20), 24, (250, 220, 0)),
    Sign("FRAGILE GLASS", 0.5, 2.5, (20, 70), 26, turned=90),
    Sign("UPSIDE DOWN", 0.5, 2.5, (100, 120), 26, turned=180),
    Sign("tomato soup", 0.5, 2.5, (90, 250), 28, blur=1.2),
    *([Sign("紧急出口", 0.5, 2.5, (360, 180), 40)] if CHINESE else []),
]
WIDE = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (400, 700, 3), np.uint8), (0, 0), 9)


def panning(index: int) -> Picture:
    return np.ascontiguousarray(WIDE[20 : 20 + 320, 2 * index : 2 * index + 512])


@pytest.mark.slow
@needs_ocr
def test_signs_of_any_colour_turn_and_script_are_found_when_they_are_shown(tmp_path: Path, encoder: Encoder):
    signs = render(tmp_path / "signs.mp4", frames=FPS * SECONDS, fps=FPS, paint=painted(SIGNS, panning, FPS))
    plain = render(tmp_path / "plain.mp4", frames=FPS, fps=FPS, paint=panning)
    with Library(tmp_path / "library", encoder=encoder) as library:
        report = library.index([signs, plain], options=IndexOptions(words="screen"))
        assert (report.recognized, report.unrecognized) == ({"screen": 2}, [])
        cues = library.catalog.cues.of(library.show(signs)[0].id)
        assert library.catalog.cues.of(library.show(plain)[0].id) == []
        assert {cue.text.casefold() for cue in cues} == {sign.text.casefold() for sign in SIGNS}
        for cue in cues:
            assert (cue.start, cue.end) == (pytest.approx(0.5, abs=0.3), pytest.approx(2.5, abs=0.3))
        for sign in SIGNS:
            best = library.search(f'written:"{sign.text}"', top=1)[0]
            assert (best.path, best.basis, best.lines[0].source) == (str(signs), "written", "screen")
        assert library.search('said:"platform nine"', top=1) == []
        assert {moment.path for moment in library.search("has:screen-text", top=9)} == {str(signs)}
        assert library.index([signs], options=IndexOptions(words="screen")).recognized == {}


def test_where_it_is_not_installed_the_message_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(NotInstalled, match=r"videobert-search\[ocr\]"):
        recognizers("screen")
    monkeypatch.delenv(WORDS_VARIABLE)
    assert "screen" not in [each.name for each in recognizers(None)]


@needs_ocr
def test_a_release_with_other_models_is_not_asked_to_download_them(monkeypatch: pytest.MonkeyPatch):
    one = screen()
    assert pickle.loads(pickle.dumps(one)) == one
    monkeypatch.setattr(module, "_DETECTOR", "PP-OCRv9.onnx")
    with pytest.raises(NotInstalled, match=r"carries no PP-OCRv9\.onnx"):
        screen()


def test_patterns_are_no_words():
    assert [_is_text(text) for text in ("ab", "紧急", "5:30", "|", "大", "—/", "a.")] == [True] * 3 + [False] * 4


def test_the_script_tells_chinese_and_japanese():
    assert [_language(text) for text in ("紧急出口", "出口はこちら", "EXIT 出口", "Ausgang")] == ["zh", "ja", "zh", ""]
