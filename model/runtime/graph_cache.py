"""GraphCache: the ONNX graphs of a checkpoint folder, built once per machine.

They are in the user's cache folder (`$VIDEOBERT_CACHE`), one folder per checkpoint folder, with the files that the
runtime compiled from them. They are rebuilt if the checkpoint's files change; the folder may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load_file

from model.registry.registry import Located
from model.runtime.runtimes import open_graph
from model.runtime.session import Precision, Session

CACHE_VARIABLE = "VIDEOBERT_CACHE"
FACTS = "facts.json"  # in a complete folder of the cache
_VERSION = 1  # of `model.runtime.graph`: a new one rebuilds all graphs
_GRAPHS = ("backbone", "text", "fused")
_for_this_process: list[tempfile.TemporaryDirectory[str]] = []  # where no cache can be written
_BACKBONE = "backbone."
_BATCH_NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")  # torch's order


class GraphCache:
    """Graphs and digests of the checkpoint in a located folder."""

    def __init__(self, place: Located) -> None:
        self._place = place
        self.config: dict[str, Any] = json.loads((place.folder / "config.json").read_text(encoding="utf-8"))

    @property
    def fingerprint(self) -> str:
        """`Located.fingerprint`, computed once per state of the files."""
        return str(self._facts["fingerprint"])

    @property
    def backbone_digest(self) -> str:
        """The `backbone_digest` of the weights."""
        return str(self._facts["backbone"])

    def session(self, graph: str, precision: Precision) -> Session:
        """Load the graph "backbone", "text" or "fused"; errors as in `open_graph`."""
        return open_graph(self._folder / f"{graph}.onnx", precision)

    def weight(self, name: str) -> NDArray[Any]:
        """Return one weight in its stored dtype and shape."""
        with safe_open(self._place.folder / "model.safetensors", "numpy") as file:
            return np.asarray(file.get_tensor(name))

    @cached_property
    def _facts(self) -> dict[str, Any]:
        return dict(json.loads((self._folder / FACTS).read_text(encoding="utf-8")))

    @cached_property
    def _folder(self) -> Path:
        """The folder of all graphs, built if missing."""
        source = self._place.folder.resolve()
        return kept(source, sorted(source.iterdir()), self._make)

    def _make(self, folder: Path) -> None:
        from model.runtime.graph import backbone_graph, fused_graph, text_graph

        weights = load_file(self._place.folder / "model.safetensors")
        make: dict[str, Callable[[], Any]] = {
            "backbone": lambda: backbone_graph(weights),
            "text": lambda: text_graph(weights, self.config),
            "fused": lambda: fused_graph(weights, self.config),
        }
        for name in _GRAPHS:
            (folder / f"{name}.onnx").write_bytes(make[name]().SerializeToString())
        facts = {"fingerprint": self._place.fingerprint(), "backbone": backbone_digest(weights, self.config)}
        (folder / FACTS).write_text(json.dumps(facts), encoding="utf-8")


def kept(source: Path, files: Iterable[Path], make: Callable[[Path], None]) -> Path:
    """The folder in the cache that holds what `make` writes of a source; it is made anew when one of its files changes.

    Args:
        source: a file or folder, resolved, which the kept folder is named after.
        files: what decides the content; name, size and time of each are compared.
        make: fills an empty folder, and writes `facts.json` last.
    """
    stamps = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    home = cache_folder() / "graphs" / f"{source.name}-{_digest(str(source))}"
    folder = home / _digest(json.dumps([_VERSION, stamps]))
    if (folder / FACTS).is_file():
        return folder
    try:
        home.mkdir(parents=True, exist_ok=True)
        outdated = [each for each in home.iterdir() if each.is_dir() and each != folder]
        fresh = Path(tempfile.mkdtemp(dir=home))
    except OSError:  # nothing can be kept: they are made for this process alone
        _for_this_process.append(tempfile.TemporaryDirectory(prefix="videobert-"))
        folder = Path(_for_this_process[-1].name)
        make(folder)
        return folder
    try:
        make(fresh)
        with suppress(OSError):  # another process was quicker
            fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    for each in outdated:
        shutil.rmtree(each, ignore_errors=True)
    return folder


def cache_folder() -> Path:
    """Return `$VIDEOBERT_CACHE`, or a folder in the user's cache directory."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("videobert"))


def backbone_digest(weights: dict[str, NDArray[Any]], config: dict[str, Any]) -> str:
    """Return a BLAKE2b-64 of all that determines frame features: the backbone's weights and its preprocessing."""
    settings = picture_settings(config["image_size"], config["frame_fit"])
    digest = hashlib.blake2b(settings.encode(), digest_size=8)
    for name in sorted((name for name in weights if name.startswith(_BACKBONE)), key=_in_order):
        array = weights[name]
        digest.update((array.astype(np.float32) if array.dtype.kind == "f" else array).tobytes())
    return digest.hexdigest()


def picture_settings(image_size: int, frame_fit: str) -> str:
    """Return the preprocessing of a backbone as text for its digest."""
    return str(image_size) + (f" {frame_fit}" if frame_fit != "middle" else "")


def _in_order(name: str) -> tuple[tuple[int, str], ...]:
    """Sort key for torch's order of weights: layers by number, weights of one layer by `_BATCH_NORM`."""
    path, _, last = name.rpartition(".")
    parts = [(int(part), "") if re.fullmatch(r"\d+", part) else (0, part) for part in path.split(".")]
    return (*parts, (_BATCH_NORM.index(last), ""))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=6).hexdigest()
