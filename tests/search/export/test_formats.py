"""Moments as files for other programs: the numbers of editors are worked out by hand."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from urllib.parse import unquote, urlparse

import opentimelineio as otio
import pytest

from search.export.formats import MEDIA_TYPES, export, format_of
from search.ranking.moments import Explanation, Hit, Match, Moment
from store.types import Video

NTSC = 30_000 / 1001


def video(fps: float, duration: float = 100.0) -> Video:
    return Video("/v", 1, 1, "", "mp4", "h264", duration, fps, 640, 360, 0)


def moment(path: str, start: float, end: float, text: str = "", **more: object) -> Moment:
    hit = Hit(7, 1, path, start, end, 0.5, text)
    return Moment(path, start, end, 0.5, text, (hit,), **more)  # type: ignore[arg-type]


def exported(form: str, *moments: Moment, **fps: float) -> str:
    known = {f"/v/{name}.mp4": video(rate) for name, rate in fps.items()}
    return export(moments, form, video_of=known.get).decode()


def events(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if line[:3].isdecimal()]


@pytest.mark.parametrize(("name", "form"), [("a.otio", "otio"), ("b.EDL", "edl"), ("c.m3u8", "m3u"), ("d.csv", "csv")])
def test_the_suffix_says_the_format(name: str, form: str):
    assert format_of(Path(name)) == form


def test_an_unknown_format_names_those_there_are():
    with pytest.raises(
        ValueError,
        match=r"an export is named \.json, \.csv, \.m3u, \.edl, \.otio, \.fcpxml, \.xml, \.m3u8, got list\.mp9",
    ):
        format_of(Path("list.mp9"))
    with pytest.raises(ValueError, match="moments are exported as json, csv, m3u, edl, otio, fcpxml, xml, got 'doc'"):
        export([], "doc")


@pytest.mark.parametrize("form", MEDIA_TYPES)
def test_nothing_found_is_an_empty_list(form: str):
    assert exported(form)


@pytest.mark.parametrize("form", MEDIA_TYPES)
def test_names_that_are_not_utf_8_can_be_exported(form: str):
    assert export([moment(os.fsdecode(b"/v/caf\xe9.mp4"), 0, 1)], form).decode("utf-8")


def test_json_is_what_the_command_prints():
    found = moment("/v/a.mp4", 1, 2.5, "hello")
    assert json.loads(exported("json", found)) == [found.as_dict()]


def test_csv_has_a_column_for_everything_that_is_known():
    found = moment(
        "/v/a.mp4",
        1,
        2.5,
        'she said "now",\nand went',
        match=Match(1, 2, 3, 4, 0.9),
        why=Explanation(0.5, 0.5, 0.0, ("now", "went"), ()),
    )
    first, second = csv.DictReader(io.StringIO(exported("csv", found, moment("/v/b.mp4", 0, 1)), newline=""))
    assert (first["path"], first["start"], first["text"]) == ("/v/a.mp4", "1", 'she said "now",\nand went')
    assert (first["match_query_start"], first["why_said"]) == ("3", "now went")
    assert (second["path"], second["match_query_start"], second["confidence"]) == ("/v/b.mp4", "", "")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1+1", "  =1", "\uff1d1+1", "\r=1"])
def test_csv_is_never_calculated(text: str):
    (row,) = csv.DictReader(io.StringIO(exported("csv", moment("=name.mp4", 0, 1, text)), newline=""))
    assert row["text"] == "'" + text
    assert row["path"] == "'=name.mp4"


def test_a_playlist_starts_and_stops_at_the_moment():
    listed = exported("m3u", moment("/v/a b.mp4", 61.25, 64.75, "one\ntwo"), moment("/v/c.mp4", 0, 0.2))
    assert listed.splitlines() == [
        "#EXTM3U",
        "#EXTINF:4,one two",
        "#EXTVLCOPT:start-time=61.250",
        "#EXTVLCOPT:stop-time=64.750",
        "/v/a b.mp4",
        "#EXTINF:1,c.mp4",
        "#EXTVLCOPT:start-time=0.000",
        "#EXTVLCOPT:stop-time=0.200",
        "/v/c.mp4",
    ]


@pytest.mark.parametrize("path", ["/v/two\nlines.mp4", os.fsdecode(b"/v/caf\xe9.mp4")])
def test_a_playlist_has_addresses_of_names_that_are_no_line_of_text(path: str):
    last = exported("m3u", moment(path, 0, 1)).splitlines()[-1]
    assert last == Path(path).as_uri()


def test_a_name_alone_never_reads_as_a_comment():
    assert exported("m3u", moment("#EXTM3U.mp4", 0, 1)).splitlines()[-1] == "%23EXTM3U.mp4"


def test_edl_counts_the_frames_of_the_video():
    text = exported("edl", moment("/v/bikes.mp4", 10.0, 14.52), moment("/v/bikes.mp4", 60.0, 61.0), bikes=25)
    assert text.splitlines() == [
        "TITLE: VIDEOBERT",
        "FCM: NON-DROP FRAME",
        "",
        "001  BIKES    V     C        00:00:10:00 00:00:14:13 01:00:00:00 01:00:04:13",
        "* FROM CLIP NAME: bikes.mp4",
        "",
        "002  BIKES    V     C        00:01:00:00 00:01:01:00 01:00:04:13 01:00:05:13",
        "* FROM CLIP NAME: bikes.mp4",
    ]


def test_edl_drops_two_numbers_a_minute_but_not_every_tenth():
    """Frame 1800 of 29.97 is called 1:00;02, and frame 17982 is called 10:00;00, as SMPTE ST 12-1 says."""
    places = [1799, 1800, 17_981, 17_982, 107_892]
    text = exported("edl", *(moment("/v/a.mp4", frame / NTSC, (frame + 1) / NTSC) for frame in places), a=29.97)
    assert text.splitlines()[1] == "FCM: DROP FRAME"
    assert [event[4] for event in events(text)] == [
        "00:00:59;29",
        "00:01:00;02",
        "00:09:59;29",
        "00:10:00;00",
        "01:00:00;00",
    ]
    assert [event[6] for event in events(text)] == [f"01:00:00;0{number}" for number in range(5)]


def test_edl_counts_film_on_video_without_dropping():
    """23.976 is slower than its numbers: 1001 seconds are 24,000 frames, and so 1000 numbered seconds."""
    (event,) = events(exported("edl", moment("/v/a.mp4", 1001, 1002.001), a=23.976))
    assert event[4:6] == ["00:16:40:00", "00:16:41:00"]


def test_edl_of_videos_with_different_rates_records_at_that_of_most():
    found = [moment("/v/a.mp4", 1, 2), moment("/v/b.mp4", 10, 12), moment("/v/b.mp4", 0, 1)]
    lines = exported("edl", *found, a=29.97, b=50).splitlines()
    assert lines[1] == "FCM: NON-DROP FRAME"
    assert lines[2] == "FCM: DROP FRAME"
    assert lines[6] == "FCM: NON-DROP FRAME"
    assert [event[4:] for event in events("\n".join(lines))] == [
        ["00:00:01;00", "00:00:02;00", "01:00:00:00", "01:00:01:00"],  # 30 frames at 29.97 are 50 at 50
        ["00:00:10:00", "00:00:12:00", "01:00:01:00", "01:00:03:00"],
        ["00:00:00:00", "00:00:01:00", "01:00:03:00", "01:00:04:00"],
    ]


def test_edl_reels_are_eight_letters_and_never_shared():
    names = ["holiday in rome.mp4", "holiday in oslo.mp4", "日本.mp4", "ax.mp4", "BL.mov", "中国.mp4"]
    reels = [event[1] for event in events(exported("edl", *(moment(f"/v/{name}", 0, 1) for name in names)))]
    assert reels == ["HOLIDAYI", "HOLI0001", "REEL0001", "AX0001", "BL0001", "REEL0002"]
    again = events(exported("edl", moment("/v/a.mp4", 0, 1), moment("/w/a.mp4", 0, 1), moment("/v/a.mp4", 2, 3)))
    assert [event[1] for event in again] == ["A", "A0001", "A"]


def test_edl_moments_have_at_least_a_frame():
    (event,) = events(exported("edl", moment("/v/a.mp4", 1.0, 1.001)))
    assert event[4:] == ["00:00:01:00", "00:00:01:01", "01:00:00:00", "01:00:00:01"]


@pytest.mark.parametrize(("fps", "begins"), [(0, "00:00:01:10"), (12, "00:00:01:12"), (120, "00:00:01:24")])
def test_edl_rates_that_timecode_does_not_know(fps: float, begins: str):
    (event,) = events(exported("edl", moment("/v/a.mp4", 1.4, 2.5), a=fps))
    assert event[4] == begins


def test_edl_cannot_number_more_than_three_digits():
    found = [moment("/v/a.mp4", 0, 1)] * 1000
    with pytest.raises(ValueError, match="999 moments at most, got 1000"):
        export(found, "edl")


def test_a_line_break_in_a_name_does_not_make_an_event():
    text = exported("edl", moment("/v/a\n002  X V C.mp4", 0, 1))
    assert len(events(text)) == 1
    assert "* FROM CLIP NAME: a 002 X V C.mp4" in text


def test_otio_reads_back_as_it_was_found():
    found = [
        moment("/v/a b.mp4", 10, 14.5, "hello", why=Explanation(1.0, 0.0, 0.0, ("now",), ())),
        moment("/v/c.mp4", 60, 61),
    ]
    known = {"/v/a b.mp4": video(29.97, duration=14.5)}
    timeline = otio.adapters.read_from_string(export(found, "otio", video_of=known.get).decode(), "otio_json")
    first, second = timeline.find_clips()
    assert (first.name, second.name) == ("a b.mp4", "c.mp4")
    assert first.source_range.start_time.rate == NTSC
    assert (first.source_range.start_time.value, first.source_range.duration.value) == (300, 135)
    assert unquote(urlparse(first.media_reference.target_url).path) == "/v/a b.mp4"
    assert first.media_reference.available_range.duration.value == 435
    assert first.metadata["videobert"]["segment"] == 7
    assert list(first.metadata["videobert"]["why"]["said"]) == ["now"]
    assert second.media_reference.available_range is None
    assert timeline.duration().to_seconds() == pytest.approx(5.5, abs=0.04)


def test_otio_keeps_odd_rates_as_they_are():
    timeline = otio.adapters.read_from_string(exported("otio", moment("/v/a.mp4", 1.5, 2.5), a=12.5), "otio_json")
    (clip,) = timeline.find_clips()
    assert (clip.source_range.start_time.value, clip.source_range.start_time.rate) == (19, 12.5)
