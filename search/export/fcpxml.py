"""Write moments as FCPXML 1.9, which Final Cut Pro and DaVinci Resolve import.

Times are fractions of seconds, whole frames of what they are times of. A clip with sound brings it along, linked.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree as Xml

from search.export.rates import (
    VideoOf,
    drops,
    exact_rate,
    first_record,
    frames,
    has_sound,
    sequence_rate,
)
from search.export.timelines import address, one_line
from search.ranking.moments import Moment
from store.types import Video


def fcpxml(moments: Sequence[Moment], video_of: VideoOf, *, title: str) -> str:
    """Write a project with the moments one after the other; tags become keywords, stars favorites."""
    rate = sequence_rate(moments, video_of)
    root = Xml.Element("fcpxml", version="1.9")
    resources = Xml.SubElement(root, "resources")
    media = _Media(resources, moments, video_of)
    first = next((video for moment in moments if (video := video_of(moment.path))), None)
    sequence_format = media.format(rate, first)
    event = Xml.SubElement(Xml.SubElement(root, "library"), "event", name="videobert")
    project = Xml.SubElement(event, "project", name=one_line(title))
    sequence = Xml.SubElement(
        project,
        "sequence",
        format=sequence_format,
        tcStart=_time(first_record(rate), rate),
        tcFormat="DF" if drops(rate) else "NDF",
    )
    spine = Xml.SubElement(sequence, "spine")
    at = 0
    for moment in moments:
        video = video_of(moment.path)
        own = exact_rate(video)
        begin, end = frames(moment, own)
        count = max(1, round((end - begin) / own * rate))
        clip = Xml.SubElement(
            spine,
            "asset-clip",
            ref=media.assets[moment.path],
            name=one_line(Path(moment.path).name),
            offset=_time(first_record(rate) + at, rate),
            start=_time(begin, own),
            duration=_time(count, rate),
            tcFormat="NDF",
        )
        _describe(clip, moment, start=_time(begin, own), duration=_time(count, rate))
        at += count
    sequence.set("duration", _time(at, rate))
    Xml.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n{Xml.tostring(root, encoding="unicode")}\n'


class _Media:
    """The resources of a project: a format for each rate and size, an asset for each video."""

    def __init__(self, resources: Xml.Element, moments: Sequence[Moment], video_of: VideoOf) -> None:
        self._resources = resources
        self._formats: dict[tuple[Fraction, int, int], str] = {}
        self.assets: dict[str, str] = {}
        last: dict[str, float] = {}
        for moment in moments:
            last[moment.path] = max(moment.end, last.get(moment.path, 0.0))
        for path, end in last.items():
            self._add(path, video_of(path), end)

    def format(self, rate: Fraction, video: Video | None) -> str:
        width, height = (video.width, video.height) if video else (1920, 1080)
        key = (rate, width, height)
        if key not in self._formats:
            self._formats[key] = self._name()
            shape = {"id": self._formats[key], "frameDuration": _time(1, rate)}
            Xml.SubElement(self._resources, "format", shape | {"width": str(width), "height": str(height)})
        return self._formats[key]

    def _add(self, path: str, video: Video | None, end: float) -> None:
        rate = exact_rate(video)
        shape = self.format(rate, video)
        self.assets[path] = self._name()
        seconds = max(end, video.duration if video else 0.0)
        facts = {
            "id": self.assets[path],
            "name": one_line(Path(path).name),
            "start": "0s",
            "duration": _time(round(seconds * rate), rate),
            "hasVideo": "1",
            "format": shape,
        }
        if has_sound(video):
            facts |= {"hasAudio": "1", "audioSources": "1", "audioChannels": "2"}
        asset = Xml.SubElement(self._resources, "asset", facts)
        Xml.SubElement(asset, "media-rep", kind="original-media", src=address(Path(path)))

    def _name(self) -> str:
        return f"r{len(self._formats) + len(self.assets) + 1}"


def _describe(clip: Xml.Element, moment: Moment, *, start: str, duration: str) -> None:
    if moment.select is None:
        return
    if moment.select.note:
        Xml.SubElement(clip, "note").text = one_line(moment.select.note)
    place = {"start": start, "duration": duration}
    if moment.select.star:
        Xml.SubElement(clip, "rating", place, value="favorite", name="Star")
    if moment.select.tags:
        Xml.SubElement(clip, "keyword", place, value=", ".join(map(one_line, moment.select.tags)))


def _time(count: int, rate: Fraction) -> str:
    """So many frames as FCPXML writes seconds: `1001/24000s`."""
    seconds = count / rate
    return f"{seconds.numerator}/{seconds.denominator}s" if seconds.denominator > 1 else f"{seconds.numerator}s"
