"""On-screen text: what can be read in the pictures of a video, by PP-OCR (rapidocr) in a worker process.

Frames are decoded in order; which of them are read, and how lines become cues, is in `indexer.text.screen_lines`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from indexer.media.container import MediaInfo
from indexer.media.frames import Frames, read_frames
from indexer.text.recognizer import NotInstalled, Recognized
from indexer.text.screen_lines import Line, Picture, Quad, Reader, ScreenLines, fitted
from store.types import Cue, Video

_METHOD = "1"  # another one where cues of the same models would be others
_FPS = 4.0  # of the frames that are looked at: cues begin and end within a quarter of a second
_CHUNK = 8
_SIDE = 480  # pixels of the shorter side of pictures in which lines are found
_LARGEST_SIDE = 720  # of those that they are read from
_CUT_SIDE = 224  # of those in which cuts are found
_LEAST_SCORE = 0.8  # of a reading
_UPRIGHT_SCORE = 0.9  # of a reading, below which the line is read upside down too
_HAN, _KANA = re.compile(r"[\u3400-\u9fff]"), re.compile(r"[\u3040-\u30ff]")
_DETECTOR, _RECOGNIZER = "PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx"


@dataclass(frozen=True)
class Screen:
    """Recognizer of on-screen text.

    Args:
        models: folder with those of rapidocr.
        release: of rapidocr.
    """

    models: Path
    release: str

    name = "screen"

    @property
    def stamp(self) -> str:
        """The method and the models, which a release of rapidocr carries."""
        return f"{_METHOD}:rapidocr-{self.release}"

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folder of the models."""
        return (self.models,)

    @property
    def memory_bytes(self) -> int:
        """Two networks and what their runtime reserves."""
        return 2 * 2**30

    def wants(self, video: Video, cues: Sequence[Cue], *, asked: bool) -> bool:
        """All videos: whether there is text shows only when it is looked for."""
        return True

    def check(self) -> None:
        """Nothing: the models came with their package."""

    def load(self) -> None:
        """Load the models."""
        self.reader()

    def reader(self) -> Reader:
        """What finds and reads lines; loaded once."""
        return _reader(self.models)

    def read(self, path: Path, info: MediaInfo) -> Iterator[Recognized]:
        """Read a video; see `Recognizer.read`."""
        from indexer.media.shots import ShotDetector

        side = min(max(min(info.width, info.height), _SIDE), _LARGEST_SIDE)
        lines, shots, end = ScreenLines(self.reader(), side=_SIDE), ShotDetector(), 0.0
        for frames in read_frames(path, info=info, fps=_FPS, short_side=side, chunk=_CHUNK):
            pictures = np.ascontiguousarray(frames.data.transpose(0, 2, 3, 1))
            small = np.stack([fitted(picture, _CUT_SIDE) for picture in pictures]).transpose(0, 3, 1, 2)
            cuts = shots.cuts(Frames(small, frames.pts_seconds))
            for time, picture, cut in zip(frames.pts_seconds.tolist(), pictures, cuts, strict=True):
                lines.see(time, picture, cut=cut)
                end = time
            yield Recognized(end)
        end = max(info.duration, end + 1 / _FPS)
        yield Recognized(end, tuple(_cue(line) for line in lines.lines(end)))


def screen() -> Screen:
    """Make the recognizer of the models that rapidocr carries.

    Raises:
        NotInstalled: rapidocr is missing, or has other models.
    """
    package = find_spec("rapidocr")
    if package is None or package.origin is None:
        raise NotInstalled('on-screen text needs an extra: pip install "videobert-search[ocr]"')
    models = Path(package.origin).parent / "models"
    if missing := [name for name in (_DETECTOR, _RECOGNIZER) if not (models / name).is_file()]:
        raise NotInstalled(f"rapidocr {version('rapidocr')} carries no {missing[0]}; install rapidocr 3.10")
    return Screen(models, version("rapidocr"))


class _PaddleReader:
    """Reads pictures with PP-OCR.

    Args:
        models: folder with those of rapidocr.
    """

    def __init__(self, models: Path) -> None:
        from rapidocr import EngineType, RapidOCR

        engine = EngineType.OPENVINO if find_spec("openvino") else EngineType.ONNXRUNTIME  # the first is twice as fast
        self._ocr = RapidOCR(
            params={
                "Global.log_level": "critical",
                "Global.use_preprocess_img": False,
                "Global.text_score": 0.0,
                "Det.engine_type": engine,
                "Det.model_path": str(models / _DETECTOR),  # named, or one that is missing would be downloaded
                "Det.limit_side_len": 32,  # pictures have their size
                "Rec.engine_type": engine,
                "Rec.model_path": str(models / _RECOGNIZER),
            }
        )
        blank = np.zeros((_SIDE, _SIDE, 3), np.uint8)
        self.find(blank)  # loads the networks
        self._recognized(blank[:48])

    def find(self, picture: Picture) -> list[Quad]:
        """Where lines are; see `Reader.find`."""
        small = fitted(picture, _SIDE)
        found = self._ocr(_bgr(small), use_det=True, use_cls=False, use_rec=False)
        boxes = getattr(found, "boxes", None)
        return [] if boxes is None else [*(np.asarray(boxes, np.float32) * (picture.shape[0] / small.shape[0]))]

    def read(self, picture: Picture, place: Quad) -> tuple[str, float]:
        """The text of a line; see `Reader.read`."""
        from rapidocr.utils.process_img import get_rotate_crop_image

        line = get_rotate_crop_image(_bgr(picture), place)
        text, score = self._recognized(line)
        if score < _UPRIGHT_SCORE:
            text, score = max((text, score), self._recognized(np.rot90(line, 2)), key=lambda reading: reading[1])
        return (text, score) if score >= _LEAST_SCORE and _is_text(text) else ("", 0.0)

    def _recognized(self, line: Picture) -> tuple[str, float]:
        found: Any = self._ocr(line, use_det=False, use_cls=False, use_rec=True)
        return (found.txts[0].strip(), float(found.scores[0])) if found.txts else ("", 0.0)


@cache
def _reader(models: Path) -> _PaddleReader:
    return _PaddleReader(models)


def _bgr(picture: Picture) -> Picture:
    return np.ascontiguousarray(picture[..., ::-1])


def _is_text(text: str) -> bool:
    """Whether a reading says something: one letter, or a Chinese character, is found in any pattern."""
    return sum(sign.isalnum() for sign in text) >= 2


def _cue(line: Line) -> Cue:
    end = max(line.end, line.start + 0.1)
    return Cue(round(line.start, 3), round(end, 3), line.text, _language(line.text), source=Screen.name)


def _language(text: str) -> str:
    """The language that the script of a text tells, "" where it tells none."""
    if _KANA.search(text):
        return "ja"
    return "zh" if _HAN.search(text) else ""
