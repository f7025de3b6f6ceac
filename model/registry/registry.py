"""Which models there are, and where they lie: names -> folders. Nothing here reaches for a network.

The table is `models.toml`. Fetched models lie in `$VIDEOBERT_MODELS`, or in a folder of this user's data directory,
each under its name with a lock file; see `model.registry.lock`.
"""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import platformdirs

from model.registry import lock

MODELS_VARIABLE = "VIDEOBERT_MODELS"
DEFAULT_MODEL = "videobert-mini"

_HERE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Entry:
    """One model of the table."""

    name: str
    kind: str  # videobert, two-tower: encoders; backbone, text, configuration: to train VideoBERT with
    summary: str
    licence: str
    size_mb: int  # of the download
    bundled: bool = False  # comes with the program
    repo: str = ""  # on the Hugging Face hub
    url: str = ""  # of a file of torchvision, whose name ends with the first eight digits of its SHA-256
    backbone: str = ""  # how a configuration names the network that these weights are for
    needs: tuple[str, ...] = ()  # what has to be fetched for a configuration
    over: str = ""  # the two towers that a configuration stands on, which it equals before training
    better: str = ""  # what to fetch where this is not good enough

    @property
    def folder(self) -> Path:
        """Where the model lies, or will lie once fetched."""
        if self.kind == "configuration":
            return _HERE / "configurations"
        return _HERE / "checkpoints" / self.name if self.bundled else models_folder() / self.name

    @property
    def here(self) -> bool:
        """Whether it can be used without fetching."""
        return self.bundled or (self.folder / lock.LOCK_FILE).is_file()


@dataclass(frozen=True)
class Located:
    """A model folder; fetched ones have been checked."""

    name: str  # what `locate` takes to find it again
    folder: Path
    tier: str  # where its weights come from, for people

    @property
    def config(self) -> dict[str, Any]:
        """Its `config.json`, empty where there is none."""
        path = self.folder / "config.json"
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}

    @property
    def family(self) -> str:
        """`model_type` of its `config.json`, "" where there is none."""
        return str(self.config.get("model_type", ""))

    def fingerprint(self) -> str:
        """A name for exactly these weights of VideoBERT: the folder's name and a BLAKE2b-48 of its files."""
        digest = hashlib.blake2b(digest_size=6)
        for name in ("config.json", "model.safetensors", "tokenizer.json"):
            digest.update((self.folder / name).read_bytes())
        return f"{self.folder.name}-{digest.hexdigest()}"

    def sha256(self) -> Mapping[str, str]:
        """SHA-256 of each of its files, by name."""
        return lock.pinned(self.folder) if (self.folder / lock.LOCK_FILE).is_file() else lock.digests(self.folder)


class NotFetched(FileNotFoundError):  # noqa: N818 - the name says the state found
    """A model that is known but not here; the message says how to get it."""


@cache
def entries() -> dict[str, Entry]:
    """The table, by name."""
    table = tomllib.loads(Path(__file__).with_name("models.toml").read_text(encoding="utf-8"))
    return {
        name: Entry(name, **row | {"needs": tuple(row.get("needs", ()))})  # lists of a file, frozen
        for name, row in table.items()
    }


def entry(name: str) -> Entry:
    """One model of the table; ValueError names all where there is no such one."""
    if name not in entries():
        raise ValueError(f"there is no model {name!r}; there are {', '.join(entries())}")
    return entries()[name]


def models_folder() -> Path:
    """`$VIDEOBERT_MODELS`, or a folder of this user's data directory."""
    chosen = os.environ.get(MODELS_VARIABLE)
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_data_dir("videobert")) / "models"


def locate(source: str | Path) -> Located:
    """Find a model and check its files against its lock, where it was fetched.

    Args:
        source: a name of the table, or a folder; as a `Path`, always a folder.

    Raises:
        NotFetched: the model has to be fetched first.
        FileNotFoundError: there is no such folder.
        ValueError: it is no model to load, or its files are not those that were fetched.
    """
    if isinstance(source, str) and source in entries():
        known = entries()[source]
        if known.kind == "configuration":
            raise ValueError(f"{source} is a configuration to train with, not a model to load")
        if not known.here:
            raise NotFetched(
                f"the model {source} is not on this machine: `videobert models fetch {source}` downloads it "
                f"(about {known.size_mb:,} MB) where there is a network; elsewhere copy the folder {known.folder} from "
                "a machine that has fetched it"
            )
        if known.bundled:
            return Located(source, known.folder, "comes with the program")
        lock.verify(known.folder)
        return Located(source, known.folder, "fetched, pinned")
    folder = Path(os.path.abspath(Path(source).expanduser()))
    if not folder.is_dir():
        raise FileNotFoundError(
            f"no model {source}: it is neither the name of one (`videobert models list`) nor a folder"
        )
    return Located(str(folder), folder, "a folder of yours")
