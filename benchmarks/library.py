"""The library of a benchmark, indexed by the installed command line with its defaults."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from search import Library


def indexed(folders: Sequence[Path], library: Path) -> Library:
    """Index new files, with output on stderr since stdout is for scores, and open the library."""
    command: list[str | Path] = [Path(sys.executable).with_name("videobert"), "index", *folders, "--library", library]
    subprocess.run(command, check=True, stdout=sys.stderr, stderr=subprocess.DEVNULL)
    return Library(library)
