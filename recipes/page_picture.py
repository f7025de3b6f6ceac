"""The picture of the page in the README: the start page over the library of `make demo`, in a headless Chromium.

python -m recipes.page_picture [--library demo/library] [--out docs/page.webp]
"""

from __future__ import annotations

import argparse
import io
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

SIZE = (1440, 900)  # pixels of the window
WIDTH = 1080  # of the picture


def main() -> None:
    """Serve the library, look at the page, and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", type=Path, default=Path("demo/library"))
    parser.add_argument("--out", type=Path, default=Path("docs/page.webp"))
    args = parser.parse_args()
    command = ["serve", "--no-browser", "--no-token", "--port", "0", "--library", str(args.library)]
    service = subprocess.Popen(
        [Path(sys.executable).with_name("videobert"), *command], stdout=subprocess.PIPE, text=True
    )
    try:
        picture = photographed(address_of(service))
    finally:
        service.terminate()
        service.wait()
    picture.resize((WIDTH, WIDTH * SIZE[1] // SIZE[0]), Image.Resampling.LANCZOS).save(args.out, quality=80)


def address_of(service: subprocess.Popen[str]) -> str:
    """Where a service answers, by the line that it prints."""
    assert service.stdout is not None
    for line in service.stdout:
        if "http://" in line:
            return line[line.index("http://") :].split()[0]
    raise SystemExit("the service did not start")


def photographed(address: str) -> Image.Image:
    """The start page once all its thumbnails are there."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
        page.goto(address, wait_until="networkidle")
        page.wait_for_function("[...document.images].every((image) => image.complete)")
        picture = page.screenshot()
        browser.close()
    return Image.open(io.BytesIO(picture))


if __name__ == "__main__":
    main()
