"""The library of a benchmark: indexed by the installed command line with its defaults, but without recognized words.

Speech and on-screen text depend on the extras that are installed, and have benchmarks of their own.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from search import Library


def indexed(folders: Sequence[Path], library: Path) -> Library:
    """Index new files, with output on stderr since stdout is for scores, and open the library."""
    program = Path(sys.executable).with_name("videobert")
    command: list[str | Path] = [program, "index", *folders, "--library", library, "--words", "none"]
    subprocess.run(command, check=True, stdout=sys.stderr, stderr=subprocess.DEVNULL)
    return Library(library)
