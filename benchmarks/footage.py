"""Realistic copies of clips: re-encoded, cropped, mirrored, letterboxed, watermarked, faster, slower, filmed from a
screen.

The source clip, part and kind of every copy are known, so that search results can be checked. `ffmpeg` must be on the
path.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

WIDTH, HEIGHT, FPS = 640, 360, 25  # of joined videos

EVEN = "scale=trunc(iw/2)*2:trunc(ih/2)*2"
MARK = (
    "drawbox=x=iw*0.7:y=ih*0.82:w=iw*0.26:h=ih*0.12:color=white@0.6:t=fill,"
    "drawbox=x=iw*0.74:y=ih*0.85:w=iw*0.18:h=ih*0.06:color=red@0.7:t=fill"
)
# A screen filmed by hand: rotated, in perspective, paler, noisy and slightly blurred.
FILMED = (
    "perspective=x0=-20:y0=-15:x1=W+10:y1=-30:x2=-40:y2=H+20:x3=W+30:y3=H+10:sense=source,rotate=0.03,"
    "eq=brightness=0.06:contrast=0.8:saturation=0.8,noise=alls=12:allf=t,boxblur=1"
)


@dataclass(frozen=True)
class Variant:
    """A way to make a copy."""

    kind: str  # "copy" or "near copy": the expected kind of match
    filters: str = EVEN
    speed: float = 1.0
    quality: int = 23  # CRF of H.264


VARIANTS = {
    "excerpt": Variant("copy"),
    "re-encoded": Variant("copy", "scale=trunc(iw/3)*2:trunc(ih/3)*2", quality=30),
    "watermark": Variant("copy", f"{MARK},{EVEN}"),
    "cropped": Variant("near copy", "crop=trunc(iw*0.4)*2:trunc(ih*0.4)*2"),
    "mirrored": Variant("near copy", f"hflip,{EVEN}"),
    "letterboxed": Variant("near copy", "pad=trunc(iw/2)*2:trunc(ih*0.675)*2:(ow-iw)/2:(oh-ih)/2"),
    "pillarboxed": Variant("near copy", "pad=trunc(iw*0.675)*2:trunc(ih/2)*2:(ow-iw)/2:(oh-ih)/2"),
    "faster": Variant("near copy", f"setpts=PTS/1.25,{EVEN}", speed=1.25),
    "slower": Variant("near copy", f"setpts=PTS/0.8,{EVEN}", speed=0.8),
    "filmed": Variant("near copy", f"{FILMED},{EVEN}"),
}


def make(source: Path, target: Path, variant: Variant, *, start: float = 0.0, seconds: float | None = None) -> Path:
    """Write a copy of a video, or of the part of `seconds` from `start`."""
    part = [] if seconds is None else ["-t", str(seconds)]
    if not target.exists():
        run("-ss", str(start), *part, "-i", source, "-an", "-vf", variant.filters, *encoding(variant.quality), target)
    return target


def join(clips: Sequence[Path], target: Path) -> Path:
    """Join clips into one video, all scaled to one size and frame rate."""
    inputs = [argument for clip in clips for argument in ("-i", clip)]
    size = f"scale={WIDTH}:{HEIGHT}:force_original_aspect_ratio=increase,crop={WIDTH}:{HEIGHT},setsar=1,fps={FPS}"
    graph = ";".join(f"[{i}:v]{size}[v{i}]" for i in range(len(clips)))
    graph += ";" + "".join(f"[v{i}]" for i in range(len(clips))) + f"concat=n={len(clips)}[v]"
    if not target.exists():
        run(*inputs, "-filter_complex", graph, "-map", "[v]", *encoding(20), target)
    return target


def nothing(target: Path, source: str, seconds: float = 6.0) -> Path:
    """Write a blank video of an ffmpeg source such as `color=black` or `smptebars`."""
    if not target.exists():
        size = f"{'' if '=' in source else '='}{':' if '=' in source else ''}s={WIDTH}x{HEIGHT}:r={FPS}:d={seconds}"
        run("-f", "lavfi", "-i", f"{source}{size}", *encoding(23), target)
    return target


def length(path: Path) -> float:
    """Return the duration of a video in seconds."""
    command = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0"]
    return float(subprocess.run([*command, path], check=True, capture_output=True, text=True).stdout)


def encoding(quality: int) -> list[str]:
    return ["-c:v", "libx264", "-preset", "veryfast", "-crf", str(quality), "-pix_fmt", "yuv420p"]


def run(*arguments: str | Path) -> None:
    subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-y", *arguments], check=True)
