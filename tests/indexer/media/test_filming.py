"""When, where and with what a video was filmed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from PIL import Image

from indexer.media.container import probe
from indexer.media.filming import filming, from_name, from_tags, written
from model.encoder.contract import Encoder
from search.library import Library
from tests.support.media import render

APPLE = {
    "com.apple.quicktime.creationdate": "2023-07-14T18:03:22+0200",
    "com.apple.quicktime.location.ISO6709": "+48.8577+002.2950+042.0/",
    "com.apple.quicktime.make": "Apple",
    "com.apple.quicktime.model": "iPhone 13",
    "creation_time": "2023-07-20T08:00:00.000000Z",
}


@pytest.fixture
def new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("VID_20230714_180322.mp4", "2023-07-14T18:03:22"),
        ("VID_20230714_180322(1).mp4", "2023-07-14T18:03:22"),
        ("PXL_20230714_160322123.mp4", "2023-07-14T16:03:22Z"),
        ("PXL_20230714_160322123.TS.mp4", "2023-07-14T16:03:22Z"),
        ("20230714T160322Z.mp4", "2023-07-14T16:03:22Z"),
        ("DJI_20230714180322_0001_D.MP4", "2023-07-14T18:03:22"),
        ("IMG-20230714-WA0003.mp4", "2023-07-14"),
        ("WhatsApp Video 2023-07-14 at 18.03.22.mp4", "2023-07-14T18:03:22"),
        ("Screen Recording 2023-07-14 at 18.03.22.mov", "2023-07-14T18:03:22"),
        ("video-2023-07-14-18-03-22.mp4", "2023-07-14T18:03:22"),
        ("2023_07_14_18_03_22.avi", "2023-07-14T18:03:22"),
        ("signal-2023-07-14-180322.mp4", "2023-07-14T18:03:22"),
        ("2023-07-14 18.03 harbour.mp4", "2023-07-14T18:03:00"),
        ("2023-12-24 1920x1080.mp4", "2023-12-24"),
        ("trip 2023-07-14 2.mp4", "2023-07-14"),
        ("Urlaub 14.07.2023.mp4", "2023-07-14"),
        ("1965-08-12 wedding.mp4", "1965-08-12"),
        ("clip12345678.mp4", ""),
        ("20230714123.mp4", ""),
        ("20101112131415161718.mp4", ""),
        ("1689350602123.mp4", ""),
        ("2023-02-30.mp4", ""),
        ("2999-01-01.mp4", ""),
        ("show.S01E02.2019.1080p.mkv", ""),
    ],
)
def test_names_that_hold_a_date(name: str, date: str):
    assert from_name(name) == date


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2023-07-14T18:03:22+0200", "2023-07-14T18:03:22+02:00"),
        ("2023-07-14T16:03:22.000000Z", "2023-07-14T16:03:22Z"),
        ("2005:08:17 11:54:04", "2005-08-17T11:54:04"),
        ("20120304", "2012-03-04"),
        ("2012", "2012"),
        ("1904-01-01T00:00:00.000000Z", ""),
        ("1970-01-01T00:00:00Z", ""),
        ("0000:00:00 00:00:00", ""),
        ("2999-01-01", ""),
        ("yesterday", ""),
        ("", ""),
    ],
)
def test_dates_as_containers_write_them(text: str, date: str):
    assert written(text) == date


@pytest.mark.parametrize(
    ("noted", "name", "duration", "at"),
    [
        ("2023-07-14T16:03:25Z", "VID_20230714_180322.mp4", 3.0, "2023-07-14T18:03:22+02:00"),
        ("2023-07-14T16:23:31Z", "VID_20230714_180322.mp4", 1208.0, "2023-07-14T18:03:22+02:00"),  # when it ended
        ("2023-07-15T01:03:22Z", "VID_20230714_180322.mp4", 9.0, "2023-07-14T18:03:22-07:00"),
        ("2023-07-14T12:33:22Z", "VID_20230714_180322.mp4", 9.0, "2023-07-14T18:03:22+05:30"),
        ("2019-07-14T12:33:22Z", "VID_20230714_180322.mp4", 9.0, "2019-07-14T12:33:22Z"),  # another day: a copy's name
        ("2023-07-14T12:33:22Z", "IMG-20230714-WA0003.mp4", 9.0, "2023-07-14T12:33:22Z"),
    ],
)
def test_the_zone_lies_between_the_instant_and_the_name(noted: str, name: str, duration: float, at: str):
    found = filming(Path("/v") / name, {"creation_time": noted}, duration=duration)
    assert (found.at, found.told_by) == (at, "metadata")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("+48.8577+002.2950+042.0/", (48.8577, 2.295)),
        ("+4851.46+00217.7/", (48.857667, 2.295)),
        ("-335130+1511233/", (-33.858333, 151.209167)),
        ("+00.0000+000.0000/", (None, None)),  # no satellite yet
        ("+99+000/", (None, None)),
        ("Paris", (None, None)),
    ],
)
def test_places(text: str, place: tuple[float | None, float | None]):
    found = from_tags({"location-eng": text})
    assert (found.latitude, found.longitude) == place


def tagged(path: Path, tags: dict[str, str]) -> Path:
    """Copy a small video into a file with metadata."""
    source = render(path.with_name("plain.mp4"), frames=5)
    with (
        av.open(str(source)) as reader,
        av.open(str(path), "w", options={"movflags": "use_metadata_tags"}) as writer,
    ):
        writer.metadata.update(tags)
        stream = writer.add_stream_from_template(reader.streams.video[0])
        for packet in reader.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                writer.mux(packet)
    source.unlink()
    return path


@pytest.mark.parametrize("suffix", ["mov", "mp4", "mkv"])
def test_what_a_phone_writes_is_read(tmp_path: Path, suffix: str):
    info = probe(tagged(tmp_path / f"20200101_000000.{suffix}", APPLE))
    assert (info.filmed_at, info.filmed_by) == ("2023-07-14T18:03:22+02:00", "metadata")
    assert (info.camera, info.latitude, info.longitude) == ("Apple iPhone 13", 48.8577, 2.295)


def picture(path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Canon", "Canon IXUS 70"
    exif.get_ifd(0x8769).update({0x9003: "2008:08:17 11:54:04", 0x9011: "+01:00"})
    exif.get_ifd(0x8825).update({1: "S", 2: (33.0, 51.0, 30.0), 3: "E", 4: (151.0, 12.0, 33.0)})
    Image.new("RGB", (8, 8)).save(path, "JPEG", exif=exif)


def test_library_dates_end_to_end(tmp_path: Path, encoder: Encoder, new_york: None):
    films = tmp_path / "films"
    films.mkdir()
    tagged(films / "phone.mov", APPLE)
    tagged(films / "eve.mp4", {"creation_time": "2023-12-25T03:30:00Z"})  # in New York still the 24th
    render(films / "MVI_1234.avi", frames=5, codec="mpeg4")
    picture(films / "MVI_1234.THM")
    render(films / "VID_20230731_235900.mp4", frames=6)
    plain = render(films / "plain.mp4", frames=7)
    os.utime(plain, (1_000_000_000, 1_000_000_000))  # 2001-09-09
    with Library(tmp_path / "library", encoder=encoder) as library:
        assert library.index([films]).indexed == 5
        dates = {Path(video.path).name: (*vars(video.date).values(),) for video in library.videos()}
        assert dates == {
            "phone.mov": ("2023-07-14T18:03:22+02:00", "metadata"),
            "eve.mp4": ("2023-12-25T03:30:00Z", "metadata"),
            "MVI_1234.avi": ("2008-08-17T11:54:04+01:00", "exif"),
            "VID_20230731_235900.mp4": ("2023-07-31T23:59:00", "name"),
            "plain.mp4": ("2001-09-09T01:46:40Z", "file"),
        }
        canon = library.videos(within=films / "MVI_1234.avi")[0]
        assert (canon.camera, canon.latitude, canon.longitude) == ("Canon IXUS 70", -33.858333, 151.209167)

        def names(query: str) -> set[str]:
            return {Path(moment.path).name for moment in library.search(query)}

        assert names("on:2023-12-24") == names("after:2023-12-24 before:2023-12-25") == {"eve.mp4"}
        assert names("during:2023-07") == {"phone.mov", "VID_20230731_235900.mp4"}
        assert names("on:2023-07-31") == names("after:2023-07-31 before:2023-08") == {"VID_20230731_235900.mp4"}
        assert names("before:2008") == names("during:2001") == {"plain.mp4"}
        assert names("camera:canon") == {"MVI_1234.avi"}
        assert names("NOT camera:a") == {"eve.mp4", "VID_20230731_235900.mp4", "plain.mp4"}
        assert library.search("camera:iphone")[0].as_dict()["filmed_by"] == "metadata"
        by_date = [Path(video.path).name for video in library.videos(order="date")]
        assert by_date == ["eve.mp4", "VID_20230731_235900.mp4", "phone.mov", "MVI_1234.avi", "plain.mp4"]
        assert [(each.month, each.videos) for each in library.catalog.videos.months()] == [
            ("2023-12", 1),
            ("2023-07", 2),
            ("2008-08", 1),
            ("2001-09", 1),
        ]
        # A new name tells a new date; the time of a file is that of the file.
        (films / "VID_20230731_235900.mp4").rename(films / "2021-05-06.mp4")
        os.utime(plain, (1_100_000_000, 1_100_000_000))
        library.index([films])
        assert names("on:2021-05-06") == {"2021-05-06.mp4"}
        assert names("during:2004-11") == {"plain.mp4"}
        # What an earlier version indexed is asked once, and not decoded.
        with library.catalog.database.transaction():
            library.catalog.database.execute("UPDATE videos SET filmed_at = '', filmed_by = '', camera = ''")
        assert names("camera:canon") == set()
        report = library.index([films])
        assert (report.dated, report.indexed, report.unchanged) == (5, 0, 0)
        assert names("camera:canon") == {"MVI_1234.avi"}
        assert library.index([films]).unchanged == 5
