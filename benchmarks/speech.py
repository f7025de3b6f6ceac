"""Speech: what is heard, when, what is heard of nobody, how fast, and what it adds to indexing.

    python -m benchmarks.speech [--sentences 40] [--quiet 300] [--clips FOLDER]

espeak-ng says sentences in two voices, alone, beside noise and beside music. The error rate is of words (Levenshtein
distance through the number of words that were said). Quiet sounds are silence, noise of three colours, hum, chords,
melodies and drums, each another one. Speed is seconds of sound per second of processor time, for two cores, which other
work on the machine does not change. With --clips, clips of a folder are spoken over and indexed with and without words.
"""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import tempfile
import wave
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.media.container import probe
from indexer.media.sound import RATE
from indexer.pipeline import IndexOptions
from indexer.text.recognizers import Words
from indexer.text.speech import speech
from search import Library
from store.types import Cue
from tests.support.spoken import VOICES, music, noise, say, silence

Samples = NDArray[Any]

_WHO = ("my grandmother", "the old fisherman", "a young doctor", "our neighbour", "the teacher")
_DID = ("baked an apple pie", "repaired the wooden boat", "opened a small window", "planted three trees")
_WHERE = ("behind the house", "beside the river", "before the storm", "during the summer", "in the morning")
_CORES = 2
_SECONDS = 6  # of a sound without a voice
_CLIPS = 12
CHOICES: tuple[Words, ...] = ("none", "speech")


def main() -> None:
    """Print one line for each measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=int, default=40)
    parser.add_argument("--quiet", type=int, default=300)
    parser.add_argument("--clips", type=Path)
    asked = parser.parse_args()
    speech().load()
    print("voice      beside   word errors  start off by (median, most)  x real time on two cores")
    for voice in VOICES:
        for beside in ("nothing", "noise", "music"):
            spoken(voice, beside, list(sentences())[: asked.sentences])
    quiet(asked.quiet)
    if asked.clips:
        indexing(asked.clips)


def sentences() -> Iterator[str]:
    """Yield sentences of common words."""
    for number in range(100):
        parts = ((_WHO, 1), (_DID, 3), (_WHERE, 7))
        yield " ".join(part[(number * step + number // 20) % len(part)] for part, step in parts).capitalize() + "."


def spoken(voice: str, beside: str, lines: list[str]) -> None:
    """Measure one voice."""
    parts, starts, at = [silence(1.0)], [], 1.0
    for line in lines:
        starts.append(at)
        parts += [say(line, voice), silence(1.0)]
        at += sum(len(part) for part in parts[-2:]) / RATE
    sound = np.concatenate(parts)
    seconds = len(sound) / RATE
    level = float(np.sqrt(np.mean(sound**2)))
    if beside == "noise":  # 15 dB below the voice
        sound = sound + noise(seconds, 0.18 * level)[: len(sound)]
    elif beside == "music":
        tones = music(seconds)[: len(sound)]
        sound = sound + tones * (0.18 * level / float(np.sqrt(np.mean(tones**2))))
    before = cpu_seconds()
    cues = listen(sound)
    spent = cpu_seconds() - before
    heard = words(" ".join(cue.text for cue in cues))
    said = words(" ".join(lines))
    first = [min((abs(cue.start - start) for cue in cues), default=np.inf) for start in starts]
    errors, off = distance(said, heard) / len(said), f"{np.median(first):.2f} s {max(first):6.2f} s"
    print(f"{voice:10} {beside:8} {errors:10.1%}  {off:>18}  {_CORES * seconds / spent:18.1f}", flush=True)


def quiet(count: int) -> None:
    """Count sounds without a voice in which something is heard."""
    kinds: dict[str, Callable[[np.random.Generator], Samples]] = {
        "silence": lambda random: silence(_SECONDS),
        "white noise": lambda random: _scaled(random.normal(size=_SECONDS * RATE), random),
        "wind": lambda random: _scaled(_coloured(random, 2.0), random),
        "street": lambda random: _scaled(_coloured(random, 1.0), random),
        "hum": _hum,
        "chords": lambda random: music(_SECONDS, float(random.uniform(0.05, 0.8))),
        "melody": _melody,
        "drums": _drums,
    }
    wrong: dict[str, int] = dict.fromkeys(kinds, 0)
    heard: list[str] = []
    for number in range(count):
        name = list(kinds)[number % len(kinds)]
        cues = listen(kinds[name](np.random.default_rng(number)).astype(np.float32))
        wrong[name] += bool(cues)
        heard += [cue.text for cue in cues]
    print(f"something heard in {sum(wrong.values())} of {count} sounds without a voice: {wrong} {heard[:5]}")


def indexing(folder: Path) -> None:
    """Index clips that are spoken over, with and without words."""
    with tempfile.TemporaryDirectory() as place:
        films, lines, seconds = Path(place) / "films", list(sentences()), 0.0
        films.mkdir()
        for number, clip in enumerate(sorted(folder.glob("*.mp4"))[:_CLIPS]):
            sound = np.concatenate([say(line, VOICES[number % 2]) for line in lines[2 * number : 2 * number + 2]])
            seconds += speak_over(clip, sound, films / clip.name)
        for choice in CHOICES:
            with Library(Path(place) / choice) as library:
                before = cpu_seconds(resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)
                library.index([films], options=IndexOptions(words=choice))
                spent = cpu_seconds(resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF) - before
            print(f"index --words {choice:6} {spent:6.1f} s of processor for {seconds:.0f} s of video")


def speak_over(clip: Path, sound: Samples, target: Path) -> float:
    """Copy a clip with another sound; return its length in seconds."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        with wave.open(file, "wb") as writer:
            writer.setparams((1, 2, RATE, 0, "NONE", ""))
            writer.writeframes((sound * 2**15).astype("<i2").tobytes())
        inputs = ["-i", str(clip), "-i", file.name, "-map", "0:v:0", "-map", "1:a"]
        coding = ["-c:v", "copy", "-c:a", "aac", "-shortest", str(target)]
        subprocess.run(["ffmpeg", "-v", "error", "-y", *inputs, *coding], check=True)
    return probe(target).duration


def listen(sound: Samples) -> list[Cue]:
    """Return what is heard in a sound."""
    return [cue for each in speech().hear([sound]) for cue in each.cues]


def words(text: str) -> list[str]:
    """The words of a text, in small letters."""
    return re.findall(r"[\w']+", text.casefold())


def distance(said: Sequence[str], heard: Sequence[str]) -> int:
    """Count words to insert, delete and replace."""
    row = list(range(len(heard) + 1))
    for number, word in enumerate(said, start=1):
        above, row[0] = row[0], number
        for column, other in enumerate(heard, start=1):
            above, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, above + (word != other))
    return row[-1]


def cpu_seconds(*whose: int) -> float:
    """Return the processor time of this process, or of others that have ended."""
    used = [resource.getrusage(each) for each in whose or (resource.RUSAGE_SELF,)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _scaled(samples: Samples, random: np.random.Generator) -> Samples:
    return np.asarray(samples * (random.uniform(0.02, 0.5) / np.abs(samples).max()))


def _times() -> Samples:
    return np.arange(_SECONDS * RATE) / RATE


def _coloured(random: np.random.Generator, power: float) -> Samples:
    """Noise whose spectrum falls with a power of the frequency."""
    spectrum = np.fft.rfft(random.normal(size=_SECONDS * RATE))
    return np.asarray(np.fft.irfft(spectrum / np.maximum(1, np.arange(len(spectrum))) ** (power / 2)))


def _hum(random: np.random.Generator) -> Samples:
    tones = [np.sin(2 * np.pi * 50 * k * _times()) / k for k in range(1, 8)]
    return _scaled(np.sum(tones, axis=0), random)


def _melody(random: np.random.Generator) -> Samples:
    """Notes of a voice-like timbre with vibrato."""
    notes = random.choice([220, 247, 262, 294, 330, 392, 440], size=12)
    pitch = np.repeat(notes, _SECONDS * RATE // 12) + 4 * np.sin(2 * np.pi * 5 * _times())
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    return _scaled(np.sum([np.sin(k * phase) / k for k in range(1, 6)], axis=0), random)


def _drums(random: np.random.Generator) -> Samples:
    beat = (_times() * random.uniform(1.5, 3)) % 1
    return _scaled(random.normal(size=len(beat)) * np.exp(-20 * beat), random)


if __name__ == "__main__":
    main()
