"""Kinds of what people really have, and how many made inputs of each are read right.

    python -m benchmarks.wild [--quick]

Everything is made here, from known pictures, words and names. A kind that needs ffmpeg is left out without it. The last
line is what colour costs plain pictures: the same frame converted with and without a look at it, by turns.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
import unicodedata
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.subtitles import agree, here
from indexer.discovery import discover
from indexer.media.color import to_rgb
from indexer.media.container import MediaError, probe
from indexer.media.frames import read_frames, read_stills, readable_end
from indexer.media.transcode import cut, join
from indexer.text.encoding import decode
from indexer.text.sidecars import sidecars
from search.query.language import QueryError, parse
from store.filters import within_clause
from store.paths import path_bytes
from tests.support.media import animated_webp, greys, joined, motion_photo, render, woven
from tests.support.sentences import cases
from tests.support.subtitle_files import KINDS

_BARS = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 40), (128, 128, 128)]
_MATRICES = {"bt601": "smpte170m", "bt709": "bt709", "bt2020": "bt2020nc"}
_SIDECARS = {  # names of subtitle files of film.mp4 beside film.trailer.mp4, and whether they are
    "film.srt": True, "film.en.srt": True, "film.1.en.srt": True, "film (English).srt": True, "film.pt-BR.srt": True,
    "film.en.sdh.srt": True, "film.forced.srt": True, "FILM.SRT": True, "film.mp4.srt": True, "Subs/film.srt": True,
    "Subs/film/2_English.srt": True, "Subtitles/film.en.vtt": True, "film.trailer.srt": False, "film 2.srt": False,
    "filmed.srt": False, "film.trailer.en.srt": False, "other.srt": False,
}  # fmt: skip
_PATHS = {  # whether a walk reads them
    "a.mp4": True, "B.MKV": True, "deep/er/c.webm": True, "name with space.mov": True, "x" * 250 + ".mp4": True,
    "@eaDir/a.mp4": False, "#recycle/a.mp4": False, "node_modules/a.mp4": False, ".hidden/a.mp4": False,
    ".a.mp4": False, "$RECYCLE.BIN/a.mp4": False, "GL010001.LRV": False, "VID_01.insv": True, "skipped/a.mp4": False,
    "DJI_0001.LRF": False, "LRV_20230714_01.insv": False, "plain.jpg": False, "draft.proxy.mp4": False,
    "notes.txt": False, "film.srt": False,
}  # fmt: skip
_QUERIES = {  # whether they can be searched
    "before:9999": True, "after:2262": True, "dog before:0001": True, "red\u200b dog": True, "cafe\u0301": True,
    "\u200b": False, "\u0301": False, "\ufe0f": False, "NOT \u00ad": False, "dog THEN \u200b": False,
}  # fmt: skip
_FORMS: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")
_Right = Iterator[bool]


def main() -> None:
    """Print a table; exit with 1 where an input is read wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="only kinds for which no video is written by ffmpeg")
    quick = parser.parse_args().quick
    kinds: dict[str, Callable[[Path], _Right]] = {
        "encodings of subtitles": encodings,
        "subtitle files": subtitle_files,
        "names of subtitle files": names,
        "files and folders": paths,
        "names in Unicode": unicode_names,
        "queries": queries,
        "lengths": lengths,
        "clocks that jump": clocks,
        "motion photos": motion_photos,
        "rotations": rotations,
    }
    if shutil.which("ffmpeg") and not quick:
        kinds |= {"interlaced pictures": fields, "cuts of HDR": hdr_cuts}
        kinds |= {"matrices, ranges, depths": colors, "transparency": transparency, "animated pictures": animations}
    print(f"{'kind':28} inputs  right   ms an input")
    wrong = 0
    for kind, inputs in kinds.items():
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            found = list(inputs(Path(folder)))
            spent = 1000 * (time.perf_counter() - began) / len(found)
        wrong += found.count(False)
        print(f"{kind:28} {len(found):6} {sum(found):6} {spent:13.1f}", flush=True)
    print(f"plain pictures take {cost_of_color():.3f} times as long to convert as without a look at their colour")
    sys.exit(wrong > 0)


def encodings(folder: Path) -> _Right:
    """Dialogue in each language and code page."""
    for language, _, text, raw in cases():
        yield unicodedata.normalize("NFC", decode(raw, language[:2])) == text


def subtitle_files(folder: Path) -> _Right:
    """SubRip and WebVTT as programs and people write them."""
    for make, seed in product(KINDS, range(3)):
        file = make(seed)
        yield agree(here(file), file.truth)


def names(folder: Path) -> _Right:
    """Which subtitle files belong to a video."""
    for number, (name, belongs) in enumerate(_SIDECARS.items()):
        _tree(folder / str(number), "film.mp4", "film.trailer.mp4", "film 2.mp4", name)
        yield bool(sidecars(folder / str(number) / "film.mp4")) == belongs


def paths(folder: Path) -> _Right:
    """What a walk takes and passes over."""
    _tree(folder, *_PATHS)
    (folder / ".videobertignore").write_text("*.proxy.mp4\nskipped/\n")
    found = {file.relative_to(folder).as_posix() for file in discover([folder]).files}
    for name, is_read in _PATHS.items():
        yield (name in found) == is_read


def unicode_names(folder: Path) -> _Right:
    """Paths of files and folders that are typed composed or decomposed, and are either on disk."""
    names = ("é.mp4", "Noël à Zürich", "강아지", "ば.mkv", "Å", "ộ")
    for number, (name, stored, typed) in enumerate(product(names, _FORMS, _FORMS)):
        on_disk, said = (
            folder / str(number) / unicodedata.normalize(form, f"{name}/{name}.mp4") for form in (stored, typed)
        )
        _tree(on_disk.parent, on_disk.name)
        _, values = within_clause(str(said.parent))
        stored_path = path_bytes(str(on_disk))
        in_folder = any(low <= stored_path < high for low, high in zip(values[1::3], values[2::3], strict=True))
        yield discover([said]).files == discover([said.parent]).files == [on_disk] and in_folder


def queries(folder: Path) -> _Right:
    """Numbers out of every range, and invisible characters."""
    for query, can_be_searched in _QUERIES.items():
        try:
            parse(query)
            yield can_be_searched
        except QueryError:
            yield not can_be_searched


def lengths(folder: Path) -> _Right:
    """Files of few frames, in several containers, end after the last one."""
    for suffix, frames in product(("mp4", "mkv", "webm", "ts", "avi"), (1, 10, 60)):
        codec = "libvpx" if suffix == "webm" else "libx264"
        path = render(folder / f"{frames}.{suffix}", frames=frames, codec=codec)
        info = probe(path)
        last = [time for part in read_frames(path, info=info) for time in part.pts_seconds][-1]
        yield abs(readable_end(path, info, last) - frames / 25) < 0.05


def clocks(folder: Path) -> _Right:
    """Recordings joined one after the other: times count on, and the picture is the one of its time."""
    starts = [(10, 10), (10, 3610), (3600, 5), (0, 40, 7200), (2**33 / 90_000 - 0.6, 100), (5, 5, 5, 5)]
    for number, (suffix, start) in enumerate(product(("ts", "mpg"), starts)):
        path = joined(folder / f"{number}.{suffix}", *start)
        chunks = list(read_frames(path, info=probe(path)))
        times = np.concatenate([part.pts_seconds for part in chunks])
        shown = np.concatenate([greys(part.data) for part in chunks])
        still = next(read_stills(path, [1.8], short_side=224))
        right = abs(probe(path).duration - 1.2 * len(start)) < 0.2 and np.abs(shown / 2 - times * 25).max() < 6
        yield bool(right and abs(greys(still.data)[0] / 2 - 45) < 4)


def motion_photos(folder: Path) -> _Right:
    """Photos with a video at their end, in folders and read."""
    for number, (kind, codec) in enumerate(
        product(("google", "google-old", "samsung", "heic"), ("libx264", "libx265"))
    ):
        options = {"x265-params": "log-level=none"} if codec == "libx265" else None
        video = render(folder / "video.mp4", frames=10, codec=codec, codec_options=options)
        path = folder / str(number) / f"photo.{'heic' if kind == 'heic' else 'jpg'}"
        path.parent.mkdir()
        motion_photo(path, video, kind)
        same = np.array_equal(_first(path), _first(video))
        yield same and discover([path.parent]).files == [path] and abs(probe(path).duration - 0.4) < 0.05


def rotations(folder: Path) -> _Right:
    """The red quarter is in the corner that the display matrix turns it to."""
    corners = {0: (0, 0), 90: (0, -1), 180: (-1, -1), 270: (-1, 0)}
    for suffix, (rotation, corner) in product(("mp4", "mov", "mkv"), corners.items()):
        picture = _first(render(folder / f"{rotation}.{suffix}", frames=10, rotation=rotation))
        yield bool(picture[corner][0] > 200 and picture[corner][1:].max() < 60)


def colors(folder: Path) -> _Right:
    """Bars in every matrix, range and depth."""
    bars = np.repeat(np.array([_BARS], np.uint8), 96, axis=0).repeat(32, axis=1)
    (folder / "bars.ppm").write_bytes(b"P6 160 96 255\n" + bars.tobytes())
    kinds = list(product(_MATRICES, ("tv", "pc"), ("yuv420p", "yuv422p10le", "yuv444p12le")))
    outputs: list[object] = []
    for number, (matrix, levels, pixels) in enumerate(kinds):
        outputs += ["-vf", f"scale=out_color_matrix={matrix}:out_range={levels},format={pixels}", "-t", 0.2]
        outputs += ["-colorspace", _MATRICES[matrix], "-color_range", levels, "-c:v", "ffv1", folder / f"{number}.mkv"]
    _ffmpeg("-loop", 1, "-t", 0.2, "-i", folder / "bars.ppm", *outputs)
    for number in range(len(kinds)):
        found = _first(folder / f"{number}.mkv").mean(axis=0)[16 * 224 // 96 :: 32 * 224 // 96][:5]
        yield bool(np.abs(found - _BARS).max() < 6)


def hdr_cuts(folder: Path) -> _Right:
    """What is cut from high dynamic range, or joined, looks as its thumbnail does."""
    ramps = "nullsrc=s=160x96:r=10:d=0.3,format=yuv420p10le,geq=lum='64+X*4':cb='400+Y*2':cr='620-X*1.2'"
    codecs = {
        "a.mkv": ("ffv1",),
        "a.mp4": ("libx265", "-x265-params", "log-level=none:lossless=1"),
        "a.mov": ("prores_ks",),
    }
    for transfer, (name, codec) in product(("smpte2084", "arib-std-b67"), codecs.items()):
        tags = ("-color_primaries", "bt2020", "-color_trc", transfer, "-colorspace", "bt2020nc", "-color_range", "tv")
        _ffmpeg("-f", "lavfi", "-i", ramps, *tags, "-c:v", *codec, folder / name)
        list(cut(folder / name, [(0.0, 0.2)], folder / "cut.mp4"))
        list(join([(folder / name, 0.0, 0.2)], folder / "joined.mp4"))
        for made in ("cut.mp4", "joined.mp4"):
            yield bool(np.abs(_first(folder / made) - _first(folder / name)).mean() < 5)


def fields(folder: Path) -> _Right:
    """Of two fields that were filmed at different times, one is seen."""
    (folder / "woven.ppm").write_bytes(b"P6 160 96 255\n" + woven(0).tobytes())
    upper = np.repeat(woven(0)[::2], 2, axis=0).astype(np.float64)
    h264, mpeg2 = ("-c:v", "libx264", "-x264-params"), ("-c:v", "mpeg2video", "-b:v", "8M", "-flags", "+ildct+ilme")
    outputs: dict[str, tuple[str, ...]] = {
        "mpeg2.ts": mpeg2,
        "mpeg2.mpg": mpeg2,
        "mpeg2.mxf": mpeg2,
        "mpeg2.mkv": mpeg2,
    }
    outputs |= {
        f"{first}.{suffix}": (*h264, f"{first}=1") for first in ("tff", "bff") for suffix in ("mp4", "mkv", "ts")
    }
    for name, options in outputs.items():
        _ffmpeg("-loop", 1, "-t", 0.4, "-i", folder / "woven.ppm", "-pix_fmt", "yuv420p", *options, folder / name)
        picture = next(read_frames(folder / name, info=probe(folder / name), short_side=96)).data[0]
        yield bool(np.abs(picture.transpose(1, 2, 0) - upper).mean() < 12)


def transparency(folder: Path) -> _Right:
    """White, half transparent, lies over grey."""
    for name in ("argb.mov qtrle", "yuva420p.mkv ffv1", "rgba.apng apng", "rgba.avi png"):
        file, codec = name.split()
        white = "color=c=white:s=160x96:r=10:d=0.5,format=rgba,colorchannelmixer=aa=0.5"
        _ffmpeg("-f", "lavfi", "-i", f"{white},format={file.split('.')[0]}", "-c:v", codec, folder / file)
        yield abs(_first(folder / file).mean() - 191.5) < 5


def animations(folder: Path) -> _Right:
    """Animated pictures are videos, whatever they are called; still ones are none."""
    for name, frames in product(("a.gif", "a.apng", "apng.png", "a.avif"), (10, 1)):
        path = folder / f"{frames}{name}"
        options: tuple[object, ...] = ("-f", "apng") if name == "apng.png" else ()
        options = ("-c:v", "libaom-av1", "-cpu-used", 8) if name == "a.avif" else options
        _ffmpeg("-f", "lavfi", "-i", "testsrc2=s=160x96:r=5", "-frames:v", frames, *options, path)
        try:
            yield (probe(path).duration > 1) == (frames > 1)
        except MediaError:
            yield frames == 1
    for shades, step, alpha in product((range(0, 250, 10), range(9)), (40, 250), (255, 254)):
        path = animated_webp(folder / "a.webp", shades=shades, milliseconds=[step] * len(shades), alpha=alpha)
        length = len(shades) * step / 1000
        yield bool(abs(probe(path).duration - length) < 0.01 and abs(_first(path).mean() - shades[0]) < 4)


def cost_of_color() -> float:
    """How much longer plain frames take: the median of pairs."""
    import av

    picture = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)
    frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p")
    ratios = []
    for _ in range(60):
        began = time.process_time()
        frame.reformat(width=398, height=224, format="rgb24").to_ndarray()
        between = time.process_time()
        to_rgb(frame, 398, 224)
        ratios.append((time.process_time() - between) / (between - began))
    return float(np.median(ratios))


def _first(path: Path) -> NDArray[np.float64]:
    """The first frame as it is indexed, (H, W, 3)."""
    picture = next(read_frames(path, info=probe(path))).data[0]
    return np.asarray(picture.transpose(1, 2, 0), np.float64)


def _tree(folder: Path, *files: str) -> None:
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def _ffmpeg(*args: object) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, args)], check=True)


if __name__ == "__main__":
    main()
