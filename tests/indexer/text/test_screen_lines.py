"""Lines of on-screen text over time, with a reader that knows what is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.text import screen_lines as module
from indexer.text.screen_lines import Line, Picture, Quad, ScreenLines
from tests.support.written import Sign

FPS, SIDE = 4, 96
random = np.random.default_rng(0)
# A landscape: blurred, so that nothing in it looks like a letter.
WIDE = np.repeat(np.repeat(random.integers(20, 150, (8, 40, 3), np.uint8), 24, axis=0), 24, axis=1)


def still(second: float) -> Picture:
    return np.full((SIDE, 240, 3), 60, np.uint8)


def panning(second: float) -> Picture:
    left = round(20 * second) % 640
    return np.ascontiguousarray(WIDE[:SIDE, left : left + 240])


class Oracle:
    """Finds the signs that are shown, and counts what it is asked."""

    def __init__(self) -> None:
        self.shown: list[Sign] = []
        self.found = self.read_lines = 0
        self.blind: Callable[[float], bool] = lambda second: False
        self.second = 0.0

    def find(self, picture: Picture) -> list[Quad]:
        self.found += 1
        return [] if self.blind(self.second) else [self._place(sign) for sign in self.shown]

    def read(self, picture: Picture, place: Quad) -> tuple[str, float]:
        self.read_lines += 1
        return next(sign.text for sign in self.shown if np.allclose(self._place(sign), place)), 0.99

    def _place(self, sign: Sign) -> Quad:
        since = self.second - sign.start
        left, top = sign.place[0] + since * sign.speed[0], sign.place[1] + since * sign.speed[1]
        right, bottom = left + 8 + 0.62 * sign.size * len(sign.text), top + 8 + sign.size
        return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def watch(
    signs: Sequence[Sign],
    seconds: float,
    *,
    oracle: Oracle | None = None,
    background: Callable[[float], NDArray[np.uint8]] = panning,
    cuts: Sequence[float] = (),
) -> list[Line]:
    oracle = oracle or Oracle()
    lines = ScreenLines(oracle, side=SIDE)
    for index in range(round(seconds * FPS)):
        oracle.second = second = index / FPS
        picture = background(second)
        oracle.shown = [sign for sign in signs if sign.start <= second < sign.end]
        for sign in oracle.shown:
            picture = sign.draw(picture, second)
        lines.see(second, picture, cut=second in cuts)
    return lines.lines(seconds)


def told(lines: Sequence[Line]) -> list[tuple[str, float, float]]:
    return [(line.text, line.start, line.end) for line in lines]


SIGN = Sign("EMERGENCY EXIT", 2.0, 10.0, (20, 20), 20)


@pytest.mark.parametrize("background", [still, panning])
def test_a_sign_is_one_line_from_its_first_to_its_last_frame(background: Callable[[float], NDArray[np.uint8]]):
    oracle = Oracle()
    assert told(watch([SIGN], 14, oracle=oracle, background=background)) == [("EMERGENCY EXIT", 2.0, 10.0)]
    assert oracle.found <= 16


def test_pictures_without_text_cost_little():
    oracle = Oracle()
    watch([], 60, oracle=oracle, background=still)
    assert oracle.found == 1
    watch([], 60, oracle=oracle, cuts=[10.25, 20.75])
    assert oracle.found <= 1 + 60 / 2 + 2


def test_a_line_that_stands_still_is_read_once():
    oracle = Oracle()
    watch([replace(SIGN, start=0, end=100)], 30, oracle=oracle, background=still)
    assert (oracle.found, oracle.read_lines) == (1, 1)


def test_lines_that_replace_each_other_are_told_apart():
    signs = [
        Sign("I never said that", 0.0, 2.0, (20, 60), 14),
        Sign("I never did that", 2.0, 4.0, (20, 60), 14),
        Sign("page 1", 1.0, 3.0, (150, 10), 14),
        Sign("page 2", 3.0, 5.0, (150, 10), 14),
    ]
    found = told(watch(signs, 8, background=still))
    assert sorted(found) == sorted((sign.text, sign.start, sign.end) for sign in signs)


def test_lines_of_one_sign_begin_together_in_reading_order():
    signs = [Sign("Platform nine", 1, 4, (20, 10), 14), Sign("to Edinburgh", 1, 4, (20, 40), 14)]
    assert told(watch(signs, 6)) == [("Platform nine", 1.0, 4.0), ("to Edinburgh", 1.0, 4.0)]


def test_a_line_that_moves_is_followed():
    oracle = Oracle()
    rolling = Sign("Directed by", 1, 5, (20, 60), 14, speed=(0, -12))
    ((text, start, end),) = told(watch([rolling], 8, oracle=oracle))
    assert (text, end) == ("Directed by", 5.0)
    assert 1.0 <= start <= 1.5


def test_a_line_that_is_missed_for_a_moment_is_one_line():
    oracle = Oracle()
    oracle.blind = lambda second: 4.0 <= second < 5.0
    assert told(watch([SIGN], 14, oracle=oracle)) == [("EMERGENCY EXIT", 2.0, 10.0)]


def test_a_line_ends_where_it_is_found_no_more_though_its_place_looks_the_same():
    oracle = Oracle()
    oracle.blind = lambda second: second >= 5.0
    ((_, start, end),) = told(watch([replace(SIGN, end=12)], 14, oracle=oracle))
    assert start == 2.0
    assert 5.0 <= end <= 6.0


def test_what_stands_in_most_of_the_video_is_kept_once():
    logo = Sign("NEWS24", 0, 100, (10, 4), 12)
    clock = [Sign(f"LIVE 12:0{second // 10}:{second % 10}5", second, second + 1, (120, 4), 12) for second in range(60)]
    storm = Sign("Storm hits coast", 20, 28, (20, 60), 16)
    one, two, three = told(watch([logo, *clock, storm], 60, background=still))
    assert one == ("NEWS24", 0.0, 2.0)
    assert (two[:2], two[2] <= 2) == (("LIVE 12:00:05", 0.0), True)
    assert three == ("Storm hits coast", 20.0, 28.0)


def test_a_sign_in_a_short_video_is_not_taken_for_a_logo():
    assert told(watch([Sign("No smoking", 1, 9, (20, 20), 16)], 10)) == [("No smoking", 1.0, 9.0)]


def test_lines_of_a_frame_and_of_a_video_are_bounded(monkeypatch: pytest.MonkeyPatch):
    oracle = Oracle()
    crowd = [Sign(f"{name} {name}", 0, 1, (10, 10 + 16 * row), 12) for row, name in enumerate(("one", "two", "four"))]
    monkeypatch.setattr(module, "MOST_LINES", 2)
    assert len(watch(crowd, 1, oracle=oracle)) == 2
    monkeypatch.setattr(module, "MOST_KEPT", 1)
    assert len(watch(crowd, 6, oracle=oracle)) == 1


def test_a_video_that_changes_its_size_goes_on():
    def turned(second: float) -> Picture:
        return panning(second) if second < 3 else np.ascontiguousarray(panning(second).transpose(1, 0, 2))

    found = told(watch([replace(SIGN, start=1, end=3)], 6, background=turned))
    assert [text for text, _, _ in found] == ["EMERGENCY EXIT"]
