"""Subtitle files of each kind that are read correctly, here and by FFmpeg and pysubs2.

    python -m benchmarks.subtitles [--seeds 10]

Files are generated with known cues. A file is read correctly if every cue has all its words once, in order, and times
within 0.1 s. pysubs2 and FFmpeg leave some markup in the text, which is ignored in the comparison.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable, Sequence

from indexer.text.subrip import parse, plain
from indexer.text.substation import event_words
from tests.support.subtitle_files import KINDS, SubtitleFile, Truth

_WITHIN_SECONDS = 0.1


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    seeds = range(parser.parse_args().seeds)
    readers: dict[str, Callable[[SubtitleFile], list[Truth]]] = {"here": here, "FFmpeg": ffmpeg, "pysubs2": pysubs2}
    print(f"{'kind':28} files " + "".join(f"{name:>9}" for name in readers))
    total, spent = dict.fromkeys(readers, 0), 0.0
    for make in KINDS:
        files = [make(seed) for seed in seeds]
        began = time.perf_counter()
        right = {"here": sum(agree(here(file), file.truth) for file in files)}
        spent += time.perf_counter() - began
        for name, read in list(readers.items())[1:]:
            right[name] = sum(agree(read(file), file.truth) for file in files)
        total = {name: total[name] + right[name] for name in readers}
        print(f"{files[0].kind:28} {len(files):5} " + "".join(f"{right[name]:9}" for name in readers))
    count = len(KINDS) * len(seeds)
    print(f"{'all':28} {count:5} " + "".join(f"{total[name]:9}" for name in readers))
    print(f"{1000 * spent / count:.2f} ms a file")


def agree(found: Sequence[Truth], wanted: Sequence[Truth]) -> bool:
    """Return whether two readings of a file agree."""
    return len(found) == len(wanted) and all(
        words == others and max(abs(start - begin), abs(end - finish)) <= _WITHIN_SECONDS
        for (start, end, words), (begin, finish, others) in zip(found, wanted, strict=True)
    )


def here(file: SubtitleFile) -> list[Truth]:
    """Read a file as indexing does."""
    return [(cue.start, cue.end, " ".join(cue.text.split())) for cue in parse(file.text, fps=file.fps).cues]


def ffmpeg(file: SubtitleFile) -> list[Truth]:
    """Read a file with FFmpeg's demuxers and decoders."""
    import av

    found = []
    name = "webvtt" if file.suffix == ".vtt" else "srt"
    try:
        with av.open(io.BytesIO(file.text.encode()), "r", format=name) as container:
            for packet in container.demux(container.streams.subtitles[0]):
                if packet.size and packet.pts is not None and packet.time_base is not None:
                    events = [getattr(part, "ass", b"").decode() for part in packet.decode()]
                    words = " ".join(" ".join(map(event_words, events)).split())
                    start = float(packet.pts * packet.time_base)
                    found.append((start, start + float((packet.duration or 0) * packet.time_base), words))
    except (av.error.FFmpegError, IndexError, ValueError):
        return []
    return found


def pysubs2(file: SubtitleFile) -> list[Truth]:
    """Read a file with pysubs2."""
    from pysubs2 import SSAFile
    from pysubs2.exceptions import Pysubs2Error

    try:
        events = SSAFile.from_string(file.text, format_=file.suffix[1:])
    except (Pysubs2Error, ValueError):
        return []
    return sorted((one.start / 1000, one.end / 1000, " ".join(plain(one.plaintext).split())) for one in events)


if __name__ == "__main__":
    main()
