"""Decoded frames -> RGB of a size, as a screen of standard range shows them.

Matrix, range (BT.601, 709, 2020; limited, full) and depth are right in FFmpeg's scaler. High dynamic range (PQ and HLG,
ITU-R BT.2100) is not: its `tonemap` wants linear light, for which PyAV's FFmpeg has no zscale, and its scaler takes ten
seconds to prepare for a file. So the picture is scaled first, and what is left of it tone-mapped here, as FFmpeg would
with `zscale=t=linear:npl=203,zscale=p=bt709,tonemap=mobius,zscale=t=bt709`. What is transparent lies over grey.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av import VideoFrame
    from av.filter import Graph

_PQ, _HLG = 16, 18  # SMPTE ST 2084 and ARIB STD-B67, by their numbers in ITU-T H.273
_WHITE_NITS = 203.0  # of diffuse white, ITU-R BT.2408
_HLG_NITS, _HLG_GAMMA = 1000.0, 1.2  # of the screen that HLG is shown on
_PEAK = 10.0  # diffuse whites, which become the brightest there is
_KNEE = 0.3  # light below it stays as it is
_WASHED_OUT = 2.0  # diffuse whites, beyond which colours fade as on film
_SCREEN_GAMMA = 2.4  # ITU-R BT.1886
_LEVELS = 2**12  # of tables: as fine as the finest sources
_BT2020_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)
_BT2020_LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)
_BT709_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
_MOST_GRAPHS = 4  # of sizes and formats, that are kept
_TABLE_SIDE = 8  # root of the number of values of each colour in a table for whole films
_BEHIND = 128  # grey: neither black nor white drawings vanish before it


def is_plain(frame: VideoFrame) -> bool:
    """Whether a frame has neither high dynamic range nor transparency."""
    return frame.color_trc not in (_PQ, _HLG) and not _has_alpha(frame)


def to_rgb(frame: VideoFrame, width: int, height: int) -> NDArray[np.uint8]:
    """A frame in a size, uint8 (H, W, 3); of an interlaced one the upper field, which was filmed at one time."""
    if frame.interlaced_frame:
        frame = _upper_field(frame)
    if is_plain(frame):
        return np.asarray(frame.reformat(width=width, height=height, format="rgb24").to_ndarray(), np.uint8)
    if _has_alpha(frame):
        pixels = frame.reformat(width=width, height=height, format="rgba").to_ndarray().astype(np.uint16)
        alpha = pixels[..., 3:]
        return ((pixels[..., :3] * alpha + _BEHIND * (255 - alpha) + 127) // 255).astype(np.uint8)
    coded = np.asarray(frame.reformat(width=width, height=height, format="rgb48le").to_ndarray(), np.uint16)
    return _tone_mapped(coded >> np.uint16(4), frame.color_trc)


def as_shown(frame: VideoFrame) -> VideoFrame:
    """A frame as a screen of standard range shows it, in its size; plain ones are given back.

    High dynamic range is looked up in a table of `to_rgb`'s values, which takes a twentieth of its time.
    """
    if is_plain(frame):
        return frame
    if _has_alpha(frame):
        return type(frame).from_ndarray(to_rgb(frame, frame.width, frame.height), "rgb24")
    return _tone_mapper(frame.width, frame.height, frame.color_trc).show(frame)


class _ToneMapper:
    """FFmpeg's `haldclut` with the tone mapping of this module."""

    def __init__(self, width: int, height: int, transfer: int) -> None:
        from av import VideoFormat, VideoFrame
        from av.filter import Graph

        levels = np.linspace(0, _LEVELS - 1, _TABLE_SIDE**2).round().astype(np.uint16)
        blue, green, red = np.meshgrid(levels, levels, levels, indexing="ij")
        side = _TABLE_SIDE**3
        shown = _tone_mapped(np.stack([red, green, blue], axis=-1).reshape(side, side, 3), transfer)
        table = VideoFrame.from_ndarray(shown.astype(np.uint16) * 257, "rgb48le")
        table.pts, table.time_base = 0, Fraction(1, 1000)
        self._graph, self._count = Graph(), 0
        self._source, tables = (
            self._graph.add_buffer(
                width=w, height=h, format=VideoFormat("rgb48le"), time_base=table.time_base, name=name
            )
            for w, h, name in ((width, height, "frames"), (side, side, "table"))
        )
        lookup, sink = self._graph.add("haldclut"), self._graph.add("buffersink")
        self._source.link_to(lookup, 0, 0)
        tables.link_to(lookup, 0, 1)
        lookup.link_to(sink)
        self._graph.configure()
        tables.push(table)
        tables.push(None)  # it stays

    def show(self, frame: VideoFrame) -> VideoFrame:
        coded = frame.reformat(format="rgb48le")
        coded.pts, coded.time_base = self._count, Fraction(1, 1000)
        self._count += 1
        self._source.push(coded)
        shown = self._graph.vpull()
        return shown.reformat(format="rgb24")


_tone_mapper = lru_cache(1)(_ToneMapper)


def _upper_field(frame: VideoFrame) -> VideoFrame:
    """Every second line of a frame, in its colours."""
    graph = _field_graph(frame.format.name, frame.width, frame.height)
    graph.vpush(frame)
    field = graph.vpull()
    field.colorspace, field.color_range, field.color_trc = frame.colorspace, frame.color_range, frame.color_trc
    return field


@lru_cache(_MOST_GRAPHS)
def _field_graph(pixels: str, width: int, height: int) -> Graph:
    from av import VideoFormat
    from av.filter import Graph

    graph = Graph()
    source = graph.add_buffer(width=width, height=height, format=VideoFormat(pixels), time_base=Fraction(1, 1000))
    field, sink = graph.add("field", "top"), graph.add("buffersink")
    source.link_to(field)
    field.link_to(sink)
    graph.configure()
    return graph


def _has_alpha(frame: VideoFrame) -> bool:
    return _is_transparent(frame.format.name)


@cache
def _is_transparent(pixels: str) -> bool:
    from av import VideoFormat

    return pixels == "pal8" or any(component.is_alpha for component in VideoFormat(pixels).components)


def _tone_mapped(coded: NDArray[np.uint16], transfer: int) -> NDArray[np.uint8]:
    """Coded values of 12 bit (H, W, 3), BT.2020 -> BT.709 as it is shown."""
    light = _light(transfer)[coded]
    if transfer == _HLG:  # the screen's part: brighter where it is bright
        light *= (light @ _BT2020_LUMINANCE)[..., None] ** (_HLG_GAMMA - 1)
        light *= _HLG_NITS / _WHITE_NITS
    light = light @ _BT2020_TO_BT709.T
    luminance = (light @ _BT709_LUMINANCE)[..., None]
    fading = np.maximum(luminance - _WASHED_OUT, 0) / np.maximum(luminance, _WASHED_OUT)
    light += (luminance - light) * fading
    brightest = np.maximum(light.max(axis=-1, keepdims=True), 1e-6)
    light *= _compressed(brightest) / brightest
    return _shown()[(np.clip(light, 0, 1) ** 0.5 * (_LEVELS - 1) + 0.5).astype(np.uint16)]


@cache
def _light(transfer: int) -> NDArray[np.float32]:
    """Light by coded value: PQ in diffuse whites, HLG in shares of the brightest that the camera saw."""
    coded = np.linspace(0, 1, _LEVELS)
    if transfer == _PQ:
        root = coded ** (32 / 2523)
        light = (np.maximum(root - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * root)) ** (16384 / 2610)
        return (light * 10_000 / _WHITE_NITS).astype(np.float32)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(coded <= 0.5, coded**2 / 3, (np.exp((coded - c) / a) + b) / 12).astype(np.float32)


@cache
def _shown() -> NDArray[np.uint8]:
    """Coded values of a screen by the root of light, which is fine where it is dark."""
    return (np.linspace(0, 1, _LEVELS) ** (2 / _SCREEN_GAMMA) * 255 + 0.5).astype(np.uint8)


def _compressed(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """A Möbius curve that goes on from the knee and reaches 1 at the peak."""
    knee, peak = _KNEE, _PEAK
    a = -(knee**2) * (peak - 1) / (knee**2 - 2 * knee + peak)
    b = (knee**2 - 2 * knee * peak + peak) / (peak - 1)
    curve = (b**2 + 2 * b * knee + knee**2) / (b - a) * (light + a) / (light + b)
    return np.where(light <= knee, light, np.minimum(curve, 1)).astype(np.float32)
