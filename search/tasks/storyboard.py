"""Draw a storyboard, the keyframes of a video with times and subtitles, as a PNG image or an HTML page.

The page is self-contained. It is rendered with the browser's fonts and shows every script; the image uses the font that
comes with Pillow, which is Latin only.
"""

from __future__ import annotations

import base64
import html
import io
import math
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from indexer.media.files import OpenFile
from indexer.workers.decoders import Decoders
from search.export.targets import Protected, nothing, write
from search.query.times import clock
from search.tasks.summarization import Keyframe, Summary

SHORT_SIDE = 216  # pixels of a keyframe: 384 wide at 16 : 9

_COLUMNS = 4
_GAP, _FONT_SIZE = 12, 15  # pixels
_MAX_LINES = 3  # of subtitles below an image; the page shows all of them
_PAPER, _INK, _FAINT = "#ffffff", "#1c1c1c", "#6a6a6a"
_JPEG_QUALITY = 85
_STYLE = """
body { margin: 2em auto; max-width: 84em; padding: 0 1em; font: 16px/1.45 system-ui, sans-serif; color: #1c1c1c }
ol.chapters { columns: 22em; padding-left: 1.5em } ol.chapters li { break-inside: avoid }
.board { display: grid; grid-template-columns: repeat(auto-fill, minmax(17em, 1fr)); gap: 1.2em }
figure { margin: 0 } img { width: 100%; display: block; border-radius: 4px }
time { font-variant-numeric: tabular-nums; font-weight: 600 } .faint { color: #6a6a6a }
@media (prefers-color-scheme: dark) { body { background: #161616; color: #e8e8e8 } .faint { color: #a0a0a0 } }
"""


def stills(source: Path | OpenFile, at_seconds: Sequence[float], *, short_side: int) -> list[Image.Image]:
    """The pictures on screen at some instants, upright, in the order given.

    Args:
        source: a video, which may be open already.
        short_side: pixels of the shorter side.

    Raises:
        MediaError: the file is missing or not a video, or a frame cannot be decoded.
    """
    with Decoders(short_side=short_side) as decoders:
        frames = [still.data[0] for still in decoders.stills(source, at_seconds)]
    return [Image.fromarray(np.ascontiguousarray(frame.transpose(1, 2, 0))) for frame in frames]


def write_picture(
    summary: Summary, pictures: Sequence[Image.Image], target: Path, *, protected: Protected = nothing
) -> None:
    """Write the storyboard as PNG; arguments and errors as in `board` and `search.export.targets.write`."""
    file = io.BytesIO()
    board(summary, pictures).save(file, "PNG", optimize=True)
    write(file.getvalue(), target, force=True, protected=protected)


def board(summary: Summary, pictures: Sequence[Image.Image]) -> Image.Image:
    """Draw keyframes in rows, each above its time and the first lines of its subtitles.

    Args:
        pictures: of the keyframes, in their order, all of one size.

    Raises:
        ValueError: the numbers of pictures and keyframes differ.
    """
    width, height = pictures[0].size
    font = ImageFont.load_default(_FONT_SIZE)
    line = math.ceil(_FONT_SIZE * 1.35)
    captions = [_caption(frame, round(width / (_FONT_SIZE * 0.5))) for frame in summary.keyframes]
    deepest = max(len(caption) for caption in captions) + 1
    columns = min(_COLUMNS, len(pictures))
    across, down = width + _GAP, height + deepest * line + _GAP
    rows = math.ceil(len(pictures) / columns)
    drawn = Image.new("RGB", (_GAP + columns * across, _GAP + rows * down), _PAPER)
    draw = ImageDraw.Draw(drawn)
    for number, (frame, still, caption) in enumerate(zip(summary.keyframes, pictures, captions, strict=True)):
        left, top = _GAP + number % columns * across, _GAP + number // columns * down
        drawn.paste(still, (left, top))
        draw.text((left, top + height + 3), clock(frame.seconds), _INK, font)
        for depth, words in enumerate(caption, start=1):
            draw.text((left, top + height + 3 + depth * line), words, _FAINT, font)
    return drawn


def write_page(
    summary: Summary, pictures: Sequence[Image.Image], target: Path, *, protected: Protected = nothing
) -> None:
    """Write the storyboard as one HTML file: the chapters, then the keyframes.

    Arguments and errors as in `board` and `search.export.targets.write`.
    """
    name = html.escape(summary.path.name)
    about = f", about “{html.escape(summary.about)}”" if summary.about else ""
    chapters = "\n".join(
        f"<li><time>{clock(chapter.start)}</time> {html.escape(chapter.title)}</li>" for chapter in summary.chapters
    )
    figures = "\n".join(_figure(frame, still) for frame, still in zip(summary.keyframes, pictures, strict=True))
    page = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{name}</title>
<style>{_STYLE}</style>
<h1>{name}</h1>
<p class="faint">{clock(summary.duration)}, {len(pictures)} pictures{about}</p>
<ol class="chapters">
{chapters}
</ol>
<div class="board">
{figures}
</div>
</html>
"""
    write(page.encode(), target, force=True, protected=protected)


def _caption(frame: Keyframe, width: int) -> list[str]:
    lines = textwrap.wrap(frame.text, width)
    return lines if len(lines) <= _MAX_LINES else [*lines[: _MAX_LINES - 1], lines[_MAX_LINES - 1][: width - 1] + "…"]


def _figure(frame: Keyframe, still: Image.Image) -> str:
    file = io.BytesIO()
    still.save(file, "JPEG", quality=_JPEG_QUALITY)
    picture = base64.b64encode(file.getvalue()).decode()
    when, text = clock(frame.seconds), html.escape(frame.text)
    return (
        f'<figure><img alt="the video at {when}" src="data:image/jpeg;base64,{picture}">'
        f'<figcaption><time>{when}</time> <span class="faint">{frame.share:.0%} of the video</span>'
        f"<br>{text}</figcaption></figure>"
    )
