"""Coverage of summaries, compared with evenly spaced and random frames.

    python -m benchmarks.summaries DATA/clips.json DATA/clips

`clips.json`: [{"clip": file, "caption": text}]. Videos are joined from the first 1 to 8 seconds of 16 clips in random
order, re-encoded, and read as `videobert summarize` reads any file.

- coverage: mean over the seconds of the video of the cosine between a frame's features and those of the nearest frame
  of the summary; the selection maximizes it;
- clips shown: share of the video's clips with a frame in the summary; the selection does not know the clips;
- best possible: upper bound of the coverage for that size (from the last gains; Leskovec et al. 2007);
- even, random: as many keyframes or seconds, evenly spaced or random (mean of 20 draws), with highlights from the same
  windows that the selection chooses from; "windows" are evenly spaced stretches of 2 s that may cut into a shot;
- about: share of 6 keyframes, and of 12 s of highlights, that show the clip whose caption is the query, and how often
  it is among the keyframes at all; there are 16 captions per video;
- chapters: their starts compared with those of the clips, at most half a second apart.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from indexer.features.video import VideoFeatures, read_video
from model.encoder.contract import Encoder
from model.encoder.load import load
from search.tasks.chapters import chapter_edges
from search.tasks.facility_location import coverage, frame_similarity
from search.tasks.summarization import highlight_windows, summarize

CLIPS, FRAMES, SECONDS, DRAWS = 16, (4, 8, 16), (12.0, 24.0), 20
FPS, WIDTH, HEIGHT = 25, 320, 180
NEAR_SECONDS = 0.5

Scores = dict[str, dict[str, list[float]]]  # measure -> method -> one value per video


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captions", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--films", type=int, default=12)
    args = parser.parse_args()
    captions = {row["clip"]: row["caption"] for row in json.loads(args.captions.read_text(encoding="utf-8"))}
    rng = np.random.default_rng(0)
    order = rng.permutation(sorted(captions))[: args.films * CLIPS].reshape(-1, CLIPS).tolist()
    encoder = load()
    scores: Scores = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory() as home:
        for clips in order:
            path = Path(home) / "film.mp4"
            ends = join([args.folder / clip for clip in clips], rng.uniform(1, 8, CLIPS), path)
            video = read_video(path, encoder)
            measure(video, encoder, ends, [captions[clip] for clip in clips], rng, scores)
    print(f"{len(order)} videos of {CLIPS} clips")
    for name, methods in scores.items():
        print(f"{name:<34}" + "  ".join(f"{method} {np.mean(values):.3f}" for method, values in methods.items()))


def join(clips: list[Path], seconds: np.ndarray, target: Path) -> np.ndarray:
    """Write the beginnings of clips one after the other; return the end of each in seconds."""
    ends, written = [], 0
    with av.open(str(target), "w") as video:
        stream = video.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "23"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for clip, limit in zip(clips, seconds, strict=True):
            begin = written
            with av.open(str(clip)) as source:
                for frame in source.decode(video=0):
                    if frame.time >= limit:
                        break
                    picture = frame.reformat(WIDTH, HEIGHT, "rgb24").to_ndarray()
                    while (written - begin) / FPS <= frame.time:
                        again = av.VideoFrame.from_ndarray(picture, "rgb24")
                        again.pts, again.time_base = written, Fraction(1, FPS)
                        video.mux(stream.encode(again))
                        written += 1
            ends.append(written / FPS)
        video.mux(stream.encode(None))
    return np.array(ends)


def measure(
    video: VideoFeatures,
    encoder: Encoder,
    ends: np.ndarray,
    captions: list[str],
    rng: np.random.Generator,
    scores: Scores,
) -> None:
    alike, worth = frame_similarity(video.features), np.diff(video.pts_seconds, append=video.duration)
    clip_of_frame = np.searchsorted(ends, video.pts_seconds, side="right").clip(max=len(ends) - 1)

    def note(what: str, method: str, *choices: list[int]) -> None:
        scores[f"{what}, coverage"][method].append(float(np.mean([coverage(alike, worth, c) for c in choices])))
        shown = [len(set(clip_of_frame[c].tolist())) / len(ends) for c in choices]
        scores[f"{what}, clips shown"][method].append(float(np.mean(shown)))

    def at(times: list[float]) -> list[int]:
        return [int(frame) for frame in np.searchsorted(video.pts_seconds, times, side="right") - 1]

    for count in FRAMES:
        what, summary = f"{count} keyframes", summarize(video, encoder, frames=count)
        chosen = at([frame.seconds for frame in summary.keyframes])
        even = at([(n + 0.5) * video.duration / count for n in range(count)])
        note(what, "chosen", chosen)
        note(what, "even", even)
        note(what, "random", *(rng.choice(len(worth), count, replace=False).tolist() for _ in range(DRAWS)))
        scores[f"{what}, coverage"]["best possible"].append(bound(alike, worth, chosen, count))
    parts = highlight_windows(video)
    for seconds in SECONDS:
        what, count = f"highlights of {seconds:.0f} s", round(seconds / 2)
        starts = [(n + 0.5) * video.duration / count - 1 for n in range(count)]
        note(what, "chosen", within(video, summarize(video, encoder, seconds=seconds).highlights))
        note(what, "even", within(video, evenly(parts, seconds)))
        note(what, "random", *(within(video, filled(rng.permutation(parts), seconds)) for _ in range(DRAWS)))
        note(what, "windows", within(video, [(start, start + 2) for start in starts]))
    plain = summarize(video, encoder, frames=6, seconds=12)
    for number, caption in enumerate(captions):
        right = clip_of_frame == number
        queried = summarize(video, encoder, frames=6, seconds=12, about=caption)
        for method, summary in (("asked", queried), ("not asked", plain)):
            found = right[at([frame.seconds for frame in summary.keyframes])]
            scores["about, keyframes"][method].append(float(found.mean()))
            scores["about, highlights"][method].append(float(right[within(video, summary.highlights)].mean()))
            scores["about, among keyframes"][method].append(float(found.any()))
    edges = video.bounds[chapter_edges(video, most=len(video.embeddings))][1:-1]
    hits = [bool((np.abs(edges - end) <= NEAR_SECONDS).any()) for end in ends[:-1]]
    scores["chapters"]["recall"].append(float(np.mean(hits)))
    scores["chapters"]["precision"].append(sum(hits) / max(1, len(edges)))
    scores["chapters"]["number"].append(len(edges) + 1)


def evenly(parts: NDArray[np.float64], seconds: float) -> NDArray[np.float64]:
    """Return the parts at as many evenly spaced times as fit."""
    for count in range(len(parts), 0, -1):
        instants = (np.arange(count) + 0.5) * parts[-1, 1] / count
        some: NDArray[np.float64] = parts[np.unique(np.searchsorted(parts[:, 0], instants, side="right") - 1)]
        if (some[:, 1] - some[:, 0]).sum() <= seconds:
            return some
    return parts[:0]


def filled(parts: np.ndarray, seconds: float) -> list[tuple[float, float]]:
    """Return parts in order, each if it still fits into the time."""
    some = []
    for start, end in parts:
        if end - start <= seconds:
            some.append((start, end))
            seconds -= end - start
    return some


def within(video: VideoFeatures, parts: Iterable[tuple[float, float]]) -> list[int]:
    """Return the indices of the frames within parts of a video."""
    return [n for n, time in enumerate(video.pts_seconds) if any(start <= time < end for start, end in parts)]


def bound(alike: np.ndarray, worth: np.ndarray, chosen: list[int], count: int) -> float:
    """Return an upper bound of the coverage: that of the choice plus the `count` largest gains over it."""
    covered = alike[:, chosen].max(axis=1, keepdims=True)
    gains = np.sort(worth @ np.maximum(alike - covered, 0))[-count:].sum() / worth.sum()
    return coverage(alike, worth, chosen) + float(gains)


if __name__ == "__main__":
    main()
