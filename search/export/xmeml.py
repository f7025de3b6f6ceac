"""Write moments as XMEML 4, the Final Cut Pro 7 XML that Premiere Pro and DaVinci Resolve import.

Times are numbers of frames. Clips with sound have it on a track of its own, linked to the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree as Xml

from search.export.rates import (
    VideoOf,
    drops,
    first_record,
    frames,
    has_sound,
    sequence_rate,
    timecode,
    timecode_rate,
)
from search.export.timelines import address, one_line
from search.ranking.moments import Moment
from store.types import Video


def xmeml(moments: Sequence[Moment], video_of: VideoOf, *, title: str) -> str:
    """Write a sequence with the moments one after the other."""
    rate = sequence_rate(moments, video_of)
    root = Xml.Element("xmeml", version="4")
    sequence = Xml.SubElement(root, "sequence", id="sequence-1")
    _text(sequence, name=one_line(title))
    duration = Xml.SubElement(sequence, "duration")
    _rate(sequence, rate)
    _timecode(sequence, first_record(rate), rate)
    media = Xml.SubElement(sequence, "media")
    picture, sound = Xml.SubElement(media, "video"), Xml.SubElement(media, "audio")
    first = next((video for moment in moments if (video := video_of(moment.path))), None)
    shape = Xml.SubElement(Xml.SubElement(picture, "format"), "samplecharacteristics")
    _rate(shape, rate)
    _text(shape, width=first.width if first else 1920, height=first.height if first else 1080)
    tracks = {"video": Xml.SubElement(picture, "track"), "audio": Xml.SubElement(sound, "track")}
    files: dict[str, str] = {}
    counts = {"video": 0, "audio": 0}
    at = 0
    for number, moment in enumerate(moments, start=1):
        video = video_of(moment.path)
        own = timecode_rate(video)
        begin, end = frames(moment, own)
        until = at + max(1, round((end - begin) / own * rate))
        kinds = ["video", "audio"] if has_sound(video) else ["video"]
        for kind in kinds:
            counts[kind] += 1
        for kind in kinds:
            clip = Xml.SubElement(tracks[kind], "clipitem", id=f"{kind}-{number}")
            _text(clip, name=one_line(Path(moment.path).name), enabled="TRUE")
            _text(clip, duration=max(end, round(video.duration * own) if video else 0))
            _rate(clip, own)
            _text(clip, start=at, end=until, **{"in": begin, "out": end})
            _file(clip, moment, video, own, files)
            if kind == "audio":
                _text(Xml.SubElement(clip, "sourcetrack"), mediatype="audio", trackindex=1)
            for other in kinds if len(kinds) > 1 else ():
                link = Xml.SubElement(clip, "link")
                _text(link, linkclipref=f"{other}-{number}", mediatype=other, trackindex=1, clipindex=counts[other])
            _describe(clip, moment)
        at = until
    duration.text = str(at)
    Xml.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE xmeml>\n{Xml.tostring(root, encoding="unicode")}\n'


def _file(clip: Xml.Element, moment: Moment, video: Video | None, rate: Fraction, files: dict[str, str]) -> None:
    """The file of a clip: in full the first time, by its id after that."""
    if moment.path in files:
        Xml.SubElement(clip, "file", id=files[moment.path])
        return
    files[moment.path] = f"file-{len(files) + 1}"
    file = Xml.SubElement(clip, "file", id=files[moment.path])
    path = Path(moment.path)
    _text(file, name=one_line(path.name), pathurl=address(path).replace("file:///", "file://localhost/", 1))
    _rate(file, rate)
    _text(file, duration=round(max(moment.end, video.duration if video else 0.0) * rate))
    _timecode(file, 0, rate)
    media = Xml.SubElement(file, "media")
    shape = Xml.SubElement(Xml.SubElement(media, "video"), "samplecharacteristics")
    _text(shape, width=video.width if video else 1920, height=video.height if video else 1080)
    if has_sound(video):
        sound = Xml.SubElement(media, "audio")
        _text(Xml.SubElement(sound, "samplecharacteristics"), depth=16, samplerate=48000)
        _text(sound, channelcount=2)


def _describe(clip: Xml.Element, moment: Moment) -> None:
    if moment.select is None:
        return
    if moment.select.note:
        _text(Xml.SubElement(clip, "comments"), mastercomment1=one_line(moment.select.note))
    if moment.select.tags or moment.select.star:
        words = (["star"] if moment.select.star else []) + [one_line(tag) for tag in moment.select.tags]
        _text(Xml.SubElement(clip, "logginginfo"), lognote=", ".join(words), good=str(moment.select.star).upper())


def _rate(parent: Xml.Element, rate: Fraction) -> None:
    _text(Xml.SubElement(parent, "rate"), timebase=round(rate), ntsc=str(rate.denominator == 1001).upper())


def _timecode(parent: Xml.Element, count: int, rate: Fraction) -> None:
    code = Xml.SubElement(parent, "timecode")
    _rate(code, rate)
    _text(code, string=timecode(count, rate), frame=count, displayformat="DF" if drops(rate) else "NDF")


def _text(parent: Xml.Element, **values: object) -> None:
    for name, value in values.items():
        Xml.SubElement(parent, name).text = str(value)
