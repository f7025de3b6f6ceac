"""Speech: what is said in a video, heard by Whisper (faster-whisper, CTranslate2) in a worker process.

Sound is decoded piece by piece, voice activity detection leaves the stretches with speech, and Whisper writes these
down with the times of words. What it makes up over noise and music is left out, see `_is_made_up`. Words become cues
that end at pauses.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from indexer.media.container import MediaInfo
from indexer.media.sound import RATE, read_sound
from indexer.text.cues import is_full
from indexer.text.recognizer import NotInstalled, Recognized
from model.registry import lock
from model.registry.registry import Entry, entries
from store.types import Cue, Video

if TYPE_CHECKING:
    from faster_whisper import WhisperModel
    from faster_whisper.transcribe import Segment
    from faster_whisper.transcribe import Word as FoundWord

MODEL_VARIABLE = "VIDEOBERT_SPEECH_MODEL"

_METHOD = "1"  # another one where cues of the same model would be others
_BLOCK_SECONDS = 300.0  # of sound that are held at a time
_TAIL_SECONDS = 60.0  # of a block in which a pause is looked for, to end it there
_VOICE = {"threshold": 0.5, "min_silence_duration_ms": 500, "speech_pad_ms": 300, "min_speech_duration_ms": 200}
_PADDING_SECONDS = 0.28  # before a voice, as measured of `speech_pad_ms`
_NEAR_SECONDS = 0.4  # after the onset of a voice, within which its first word begins there
_SURE = 0.5  # probability of a language, from which on it is that of the whole video
_PAUSE_SECONDS = 0.6  # between words, at which a cue ends
_LONGEST_SECONDS, _LONGEST_CHARACTERS = 7.0, 84  # of a cue: two lines of subtitles
_SENTENCE_END = re.compile(r"[.?!…。?!]$")
_ENOUGH_CHARACTERS = 42  # of a cue that ends with its sentence

# What Whisper makes up (benchmarks/speech.py).
_NO_SPEECH, _UNSURE = 0.6, -0.7  # probability that nobody speaks; mean log-probability of tokens
_GUESSED = -1.0  # mean log-probability, whatever the former
_REPETITIVE = 2.4  # times that the text of a window can be compressed
_FAINT = 0.35  # mean probability of its words
_LOOP = re.compile(r"\b(\w+(?:\W+\w+){0,5}?)(?:\W+\1\b){3,}", re.IGNORECASE)  # the same words four times


@dataclass(frozen=True)
class _Word:
    """A word with the space before it, and its times in a block."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Speech:
    """Recognizer of speech.

    Args:
        model: folder of Whisper, converted for CTranslate2.
        digest: of its files.
    """

    model: Path
    digest: str

    name = "speech"

    @property
    def stamp(self) -> str:
        """The method and the model."""
        return f"{_METHOD}:{self.digest}"

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folder of the model."""
        return (self.model,)

    @property
    def memory_bytes(self) -> int:
        """Weights while they are converted, and what the threads of three libraries reserve."""
        return 3 * (self.model / "model.bin").stat().st_size + 2 * 2**30

    def wants(self, video: Video, cues: Sequence[Cue], *, asked: bool) -> bool:
        """Videos with sound that have no subtitles of all that is said, or all with sound where that is asked for."""
        subtitled = any(cue.source == "subtitles" and is_full(cue) for cue in cues)
        return video.audio_streams != 0 and (asked or not subtitled)

    def check(self) -> None:
        """Compare the model with what was fetched."""
        for entry in _known():
            if entry.folder == self.model:
                entry.verify()

    def load(self) -> None:
        """Load the model."""
        _whisper(self.model)

    def read(self, path: Path, info: MediaInfo) -> Iterator[Recognized]:
        """Listen to a video; see `Recognizer.read`."""
        return self.hear(read_sound(path, duration=info.duration))

    def hear(self, sound: Iterable[NDArray[np.float32]]) -> Iterator[Recognized]:
        """Listen to sound, in samples (T,) of `indexer.media.sound`, piece by piece."""
        whisper, language = _whisper(self.model), ""
        for start, samples in _blocks(sound):
            end = start + len(samples) / RATE
            if voices := _voices(samples):
                onsets = [voice["start"] / RATE + _PADDING_SECONDS for voice in voices]
                segments, heard = whisper.transcribe(
                    samples,
                    language=language or None,
                    beam_size=5,
                    temperature=0.0,  # the same words at every run
                    condition_on_previous_text=False,  # or one mistake is repeated
                    word_timestamps=True,
                    vad_filter=True,
                    vad_parameters=_VOICE,
                )
                if heard.language_probability >= _SURE:
                    language = heard.language
                for segment in _kept(segments):
                    words = _at_onsets(segment.words or [], onsets)
                    yield Recognized(min(end, start + segment.end), tuple(_cues(words, start, heard.language)))
            yield Recognized(end)


def speech() -> Speech:
    """Make the recognizer of the model that `$VIDEOBERT_SPEECH_MODEL` names, else of the largest that is here.

    Raises:
        NotInstalled: faster-whisper or a model is missing.
        ValueError: the variable names no model of speech.
    """
    if find_spec("faster_whisper") is None:
        raise NotInstalled('speech needs an extra: pip install "videobert-search[speech]"')
    chosen = os.environ.get(MODEL_VARIABLE, "")
    known = {entry.name: entry for entry in _known()}
    if chosen and chosen not in known:
        folder = Path(chosen).expanduser().absolute()
        if not (folder / "model.bin").is_file():
            raise ValueError(
                f"${MODEL_VARIABLE} names {chosen}, which is neither of {', '.join(known)} nor a folder with a Whisper "
                "for CTranslate2 (model.bin)"
            )
        return Speech(folder, _digest(lock.digests(folder)))
    for entry in [known[chosen]] if chosen else _known():
        if entry.here:
            return Speech(entry.folder, _digest(dict(entry.sha256) or lock.pinned(entry.folder)))
    name = chosen or "whisper-base"
    raise NotInstalled(f"speech needs a model: `videobert models fetch {name}`, where there is a network")


def _known() -> list[Entry]:
    """The models of speech in the table, the largest first."""
    return [entry for entry in entries().values() if entry.kind == "speech"]


def _digest(files: dict[str, str]) -> str:
    return files["model.bin"][:12]


@cache
def _whisper(folder: Path) -> WhisperModel:
    from faster_whisper import WhisperModel
    from faster_whisper.vad import get_vad_model

    get_vad_model()
    return WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=_threads())


def _threads() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(8, cores)


def _voices(samples: NDArray[np.float32]) -> list[dict[str, int]]:
    """The stretches of sound (T,) with a voice: "start" and "end" in samples."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options: dict[str, Any] = _VOICE
    return get_speech_timestamps(samples, VadOptions(**options)) if len(samples) else []


def _blocks(sound: Iterable[NDArray[np.float32]]) -> Iterator[tuple[float, NDArray[np.float32]]]:
    """Regroup sound into blocks that end where nobody speaks, each with its start in seconds."""
    held: list[NDArray[np.float32]] = []
    count, start = 0, 0
    for part in sound:
        held.append(part)
        count += len(part)
        if count >= _BLOCK_SECONDS * RATE:
            samples = np.concatenate(held)
            cut = _pause(samples)
            yield start / RATE, samples[:cut]
            held, count, start = [samples[cut:]], len(samples) - cut, start + cut
    if count:
        yield start / RATE, np.concatenate(held)


def _pause(samples: NDArray[np.float32]) -> int:
    """Where a block is cut: before the last stretch of speech if that goes on to its end."""
    tail = int(_TAIL_SECONDS * RATE)
    voices = _voices(samples[-tail:])
    if not voices or voices[-1]["end"] < tail or voices[-1]["start"] == 0:
        return len(samples)
    return len(samples) - tail + voices[-1]["start"]


def _kept(segments: Iterable[Segment]) -> Iterator[Segment]:
    """The segments that are not made up."""
    window, seen = -1, set[str]()
    for segment in segments:
        if segment.seek != window:
            window, seen = segment.seek, set()
        text = segment.text.strip().casefold()
        again = segment.compression_ratio > _REPETITIVE and text in seen
        seen.add(text)
        if not again and not _is_made_up(segment):
            yield segment


def _is_made_up(segment: Segment) -> bool:
    """Whether Whisper wrote down what nobody said, as it does over noise and music."""
    words = segment.words or []
    if not any(character.isalnum() for character in segment.text) or not words:
        return True
    nobody = segment.no_speech_prob > _NO_SPEECH and segment.avg_logprob < _UNSURE
    faint = sum(word.probability for word in words) / len(words) < _FAINT
    return nobody or faint or segment.avg_logprob < _GUESSED or bool(_LOOP.search(segment.text))


def _at_onsets(words: Sequence[FoundWord], onsets: Sequence[float]) -> list[_Word]:
    """Begin words where a voice begins.

    Whisper's times of words err by up to 0.6 s after a pause, the detector of voices by less than 0.1 s.

    Args:
        onsets: when voices begin, in order, in seconds like the words.
    """
    placed: list[_Word] = []
    for word in words:
        onset = onsets[max(0, bisect_left(onsets, word.end) - 1)]
        first = not placed or placed[-1].start < onset
        moved = word.start < onset < word.end or (first and 0 < word.start - onset < _NEAR_SECONDS)
        begins = onset if moved else word.start
        placed.append(_Word(word.word, begins, max(word.end, begins)))
    return placed


def _cues(words: Sequence[_Word], start: float, language: str) -> Iterator[Cue]:
    """Cut words into cues, which end at pauses and are no longer than two lines of subtitles."""
    line: list[_Word] = []
    for word in words:
        text = "".join(each.text for each in line).strip()
        if line and (
            word.start - line[-1].end > _PAUSE_SECONDS
            or word.end - line[0].start > _LONGEST_SECONDS
            or len(text + word.text) > _LONGEST_CHARACTERS
            or (len(text) >= _ENOUGH_CHARACTERS and _SENTENCE_END.search(text))
        ):
            yield _cue(line, start, language)
            line = []
        line.append(word)
    if line:
        yield _cue(line, start, language)


def _cue(words: Sequence[_Word], start: float, language: str) -> Cue:
    text = "".join(word.text for word in words).strip()
    begin, end = start + words[0].start, start + words[-1].end
    return Cue(round(begin, 3), round(max(end, begin + 0.1), 3), text, language, source=Speech.name)
