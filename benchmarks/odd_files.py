"""Index a folder of broken, odd and hostile files: indexing must end by itself and account for every file.

python -m benchmarks.odd_files FOLDER
"""

from __future__ import annotations

import argparse
import collections
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from search import Library


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        command = [Path(sys.executable).with_name("videobert"), "index", "--all-files", args.folder, "--library", home]
        began = time.monotonic()
        code = subprocess.run(command, check=False, capture_output=True).returncode
        seconds = time.monotonic() - began
        print(f"`videobert index --all-files` ended by itself after {seconds:.0f} s with exit code {code}")
        with Library(home) as library:
            indexed = {video.path for video in library.videos()}
            failed = {failure.path: failure for failure in library.catalog.failures.all()}
    files = {str(path.resolve()) for path in args.folder.iterdir() if path.is_file()}
    print(f"{len(files)} files: {len(indexed)} indexed, {len(failed)} failed with a reason,", end=" ")
    print(f"{len(files - indexed - set(failed))} unaccounted for, {len(indexed & set(failed))} both")
    for path in sorted(files - indexed - set(failed)):
        print(f"  unaccounted for: {Path(path).name}")
    reasons = collections.Counter(failure.reason for failure in failed.values())
    for reason, count in reasons.most_common():
        print(f"{count:>4}  {reason}")


if __name__ == "__main__":
    main()
