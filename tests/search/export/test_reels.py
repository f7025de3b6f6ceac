"""Reels: collected moments, and what editing programs are given of them."""

from __future__ import annotations

import csv
import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as Xml

import av
import numpy as np
import opentimelineio as otio
import pytest
from typer.testing import CliRunner

from model.encoder.contract import Encoder
from search.cli.app import app
from search.export.formats import export
from search.library import Library
from search.ranking.moments import Moment
from store.catalog.reels import Select
from store.types import Video
from tests.support.media import render

FILM = 24_000 / 1001


def video(path: str, fps: float, sound: int = 1) -> Video:
    return Video(path, 1, 1, "", "mp4", "h264", 100.0, fps, 1920, 1080, 0, audio_streams=sound)


def select(path: str, start: float, end: float, **facts: object) -> Moment:
    chosen = Select(path, "", start, end, **facts)  # type: ignore[arg-type]
    return Moment(path, start, end, 0.0, "", (), select=chosen)


MOMENTS = [
    select("/v/a b.mp4", 10.0, 14.0, note="opening\nshot", star=True, tags=("beach", "B & roll")),
    select("/v/silent.mp4", 60.0, 61.0),
]


def exported(form: str, fps: float) -> str:
    known = {"/v/a b.mp4": video("/v/a b.mp4", fps), "/v/silent.mp4": video("/v/silent.mp4", fps, sound=0)}
    return export(MOMENTS, form, video_of=known.get, title="My <reel>").decode()


@pytest.mark.parametrize(
    ("fps", "frame", "begin", "first", "counting"),
    [
        (25, "1/25s", 250, "3600s", "NDF"),
        (23.976, "1001/24000s", 240, "18018/5s", "NDF"),
        (29.97, "1001/30000s", 300, "8999991/2500s", "DF"),
    ],
)
def test_fcpxml(fps: float, frame: str, begin: int, first: str, counting: str):
    root = Xml.fromstring(exported("fcpxml", fps))
    shape, asset, silent = (root.find("resources/format"), *root.findall("resources/asset"))
    assert shape is not None
    assert (shape.get("frameDuration"), shape.get("width"), shape.get("height")) == (frame, "1920", "1080")
    assert (asset.get("hasAudio"), silent.get("hasAudio")) == ("1", None)
    assert asset.find("media-rep").get("src") == "file:///v/a%20b.mp4"  # type: ignore[union-attr]
    sequence = root.find("library/event/project/sequence")
    assert sequence is not None
    assert (sequence.get("tcStart"), sequence.get("tcFormat")) == (first, counting)
    clip, last = sequence.findall("spine/asset-clip")
    numerator, denominator = map(int, frame[:-1].split("/"))

    def frames(text: str | None) -> int:
        top, _, below = str(text).removesuffix("s").partition("/")
        count = int(top) * denominator / (int(below or 1) * numerator)
        assert count == int(count)
        return int(count)

    assert frames(clip.get("start")) == begin
    assert frames(last.get("offset")) == frames(first) + frames(clip.get("duration"))
    assert clip.findtext("note") == "opening shot"
    assert clip.find("keyword").get("value") == "beach, B & roll"  # type: ignore[union-attr]
    assert clip.find("rating").get("value") == "favorite"  # type: ignore[union-attr]
    assert root.find("library/event/project").get("name") == "My <reel>"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("fps", "timebase", "ntsc", "begin", "code"),
    [(25, "25", "FALSE", "250", "01:00:00:00"), (23.976, "24", "TRUE", "240", "01:00:00:00"),
     (29.97, "30", "TRUE", "300", "01:00:00;00")],
)  # fmt: skip
def test_premiere_xml(fps: float, timebase: str, ntsc: str, begin: str, code: str):
    sequence = Xml.fromstring(exported("xml", fps)).find("sequence")
    assert sequence is not None
    assert (sequence.findtext("rate/timebase"), sequence.findtext("rate/ntsc")) == (timebase, ntsc)
    assert sequence.findtext("timecode/string") == code
    first, second = sequence.findall("media/video/track/clipitem")
    (sound,) = sequence.findall("media/audio/track/clipitem")
    assert (first.findtext("in"), first.findtext("start"), second.findtext("start")) == (
        begin,
        "0",
        first.findtext("end"),
    )
    links = [link.findtext("linkclipref") for link in first.findall("link")]
    assert links == [link.findtext("linkclipref") for link in sound.findall("link")] == ["video-1", "audio-1"]
    assert second.find("link") is None
    assert first.findtext("file/pathurl") == "file://localhost/v/a%20b.mp4"
    assert first.findtext("comments/mastercomment1") == "opening shot"


def test_edl_and_otio_bring_sound_and_notes():
    lines = exported("edl", FILM).splitlines()
    assert lines[0] == "TITLE: MY <REEL>"
    assert [line.split()[2] for line in lines if line[:3].isdecimal()] == ["AA/V", "V"]
    assert "* COMMENT: opening shot" in lines
    timeline = otio.adapters.read_from_string(exported("otio", FILM), "otio_json")
    pictures, sounds = timeline.tracks
    assert (pictures.kind, sounds.kind) == ("Video", "Audio")
    assert [type(each).__name__ for each in sounds] == ["Clip", "Gap"]
    assert sounds[0].range_in_parent() == pictures[0].range_in_parent()
    assert pictures[0].metadata["videobert"]["note"] == "opening\nshot"


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wide film with sound, and a higher one without."""
    folder = tmp_path_factory.mktemp("films")
    silent = render(folder / "plain.mp4", frames=50)
    with av.open(str(silent)) as reader, av.open(str(folder / "loud.mp4"), "w") as writer:
        picture = writer.add_stream_from_template(reader.streams.video[0])
        sound = writer.add_stream("aac", rate=48_000, layout="stereo")
        for packet in reader.demux(video=0):
            if packet.dts is not None:
                packet.stream = picture
                writer.mux(packet)
        for index in range(90):
            frame = av.AudioFrame.from_ndarray(np.full((2, 1024), 0.25, np.float32), "fltp", "stereo")
            frame.sample_rate, frame.pts = 48_000, index * 1024
            writer.mux(sound.encode(frame))
        writer.mux(sound.encode(None))
    silent.unlink()
    render(folder / "tall.mp4", frames=50, paint=lambda index: np.full((160, 96, 3), (250, 250, 0), np.uint8))
    return folder


@pytest.fixture
def library(films: Path, tmp_path: Path, encoder: Encoder) -> Iterator[Library]:
    with Library(tmp_path / "library", encoder=encoder) as held:
        held.index([films])
        yield held


def run(library: Library, *arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["reels", *map(str, arguments), "--library", str(library.folder)])
    assert done.exit_code == code, done.output
    return done.output


def test_a_reel_from_collecting_to_films(library: Library, films: Path, tmp_path: Path):
    loud, tall = films / "loud.mp4", films / "tall.mp4"
    said = run(
        library, "add", "Opening", f"{loud}@0.4-1", f"{tall}@0:01-0:02", "--note", "good light", "--tag", "b-roll"
    )
    assert said == "Opening: #1, #2\n"
    segment = library.show(tall)[1][0].id
    assert run(library, "add", "opening", segment, "--star") == "opening: #3\n"
    assert run(library, "add", "opening", f"{loud}@0.4-1") == "opening: #1\n"  # it is there already
    (reel,) = json.loads(run(library, "list", "--json"))
    assert (reel["name"], reel["moments"]) == ("Opening", 3)
    library.catalog.reels.order("Opening", [2])
    rows = json.loads(run(library, "show", "Opening", "--json"))
    assert [row["id"] for row in rows] == [2, 1, 3]
    assert (rows[0]["note"], rows[0]["tags"], rows[2]["star"]) == ("good light", ["b-roll"], True)
    assert "★" in run(library, "show", "Opening")
    for suffix in ("edl", "otio", "fcpxml", "xml", "csv", "json", "m3u"):
        run(library, "export", "Opening", tmp_path / f"reel.{suffix}")
    table = csv.DictReader(io.StringIO((tmp_path / "reel.csv").read_text(encoding="utf-8")))
    assert [row["note"] for row in table] == ["good light", "good light", ""]
    assert {moment.start for moment in library.search("note:GOOD")} == {0.0}
    assert {Path(moment.path).name for moment in library.search("tag:B-Roll")} == {"loud.mp4", "tall.mp4"}
    assert library.search("note:bad") == library.search("tag:b") == []
    run(library, "export", "Opening", tmp_path / "reel.zip")
    with zipfile.ZipFile(tmp_path / "reel.zip") as archive:
        assert [name.split("-")[1] for name in archive.namelist()] == ["tall", "loud", "tall"]
    run(library, "remove", "Opening", 3)
    run(library, "export", "Opening", tmp_path / "reel.mp4")
    with av.open(str(tmp_path / "reel.mp4")) as film:
        assert len(film.streams.audio) == 1
        shown = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(shown) == 40  # 1 s of the one, 0.6 s of the other
    assert shown[5].shape == shown[30].shape
    middle = shown[5][shown[5].shape[0] // 2]
    assert np.abs(middle[len(middle) // 2].astype(int) - (250, 250, 0)).max() < 20
    assert "reel.mp4" in run(library, "export", "Opening", tmp_path / "reel.mp4", code=1)
    assert "named .zip" in run(library, "export", "Opening", tmp_path / "reel.txt", code=1)
    assert "holds no moment #99" in run(library, "remove", "Opening", 99, code=1)
    assert "there are: Opening" in run(library, "show", "Ending", code=1)
    assert "lasts 2.0 s" in run(library, "add", "Opening", f"{tall}@5-6", code=1)
    assert run(library, "remove", "Opening") == "Removed 2 moments.\n"
    assert library.catalog.reels.all() == []


def test_moments_outlast_their_rows(library: Library, films: Path, tmp_path: Path):
    own = tmp_path / "own"
    own.mkdir()
    film = shutil.copy(films / "tall.mp4", own / "film.mp4")
    render(own / "film.mp4", frames=30)
    library.index([own])
    library.catalog.reels.add("r", [library.select(film, start=0.2, end=0.8)])
    moved = Path(film).rename(own / "other.mp4")
    library.index([own])
    assert [moment.path for moment in library.reel("r")] == [str(moved)]
    library.remove([own])
    (gone,) = library.reel("r")
    assert (gone.path, gone.hits) == (film if isinstance(film, str) else str(film), ())
    assert "not in the library" in run(library, "show", "r")
    chosen = gone.select
    assert chosen is not None
    library.catalog.reels.change(replace(chosen, note="still here"))
    assert library.reel("r")[0].as_dict()["note"] == "still here"
    with pytest.raises(ValueError, match="ends after it starts, got 2-1"):
        library.catalog.reels.change(replace(chosen, start=2.0, end=1.0))
