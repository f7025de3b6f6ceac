"""Workarounds for torchvision and transformers.

torchvision's default wheel cannot be imported with a torch without CUDA: its compiled extension is linked against CUDA
libraries and does not load; torchvision then registers fake kernels for two operators that were never declared, and the
import fails with "operator torchvision::nms does not exist". Declaring their schemas is enough: transforms and model
definitions use neither operator.
"""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

_SCHEMAS = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_declared: torch.library.Library | None = None  # collecting the Library object would undo the declaration


def declare_missing_operators() -> bool:
    """Declare the operators that torchvision expects if its extension cannot load; return whether that was needed."""
    global _declared
    if _declared is not None:
        return True
    if torch.version.cuda or torch.version.hip or _extension_loads():
        return False
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name, schema in _SCHEMAS.items():
        library.define(name + schema)
    _declared = library
    return True


def _extension_loads() -> bool:
    spec = importlib.util.find_spec("torchvision")  # finds the package without importing it
    if spec is None or spec.origin is None:
        return True  # the import itself will report that torchvision is missing
    extensions = list(Path(spec.origin).parent.glob("_C*.so")) + list(Path(spec.origin).parent.glob("_C*.pyd"))
    try:
        for extension in extensions:
            ctypes.CDLL(str(extension))
    except OSError:
        return False
    return True


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence transformers while a checkpoint is loaded; the caller reports weights that do not fit."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)
