"""What torchvision and transformers need before they can be used here.

torchvision's default wheel does not import beside a torch without CUDA. Its compiled extension is linked against CUDA
libraries and cannot load there; torchvision then registers fake kernels for two operators that were never declared, and
the import dies with "operator torchvision::nms does not exist". Declaring their schemas is all that is missing:
transforms and model definitions need neither.
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
    """Declare the operators that torchvision expects, where its extension cannot; returns whether it was needed."""
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
        return True  # nothing to mend; the import itself will say that torchvision is missing
    extensions = list(Path(spec.origin).parent.glob("_C*.so")) + list(Path(spec.origin).parent.glob("_C*.pyd"))
    try:
        for extension in extensions:
            ctypes.CDLL(str(extension))
    except OSError:
        return False
    return True


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep transformers from reporting on a checkpoint while it is read: what does not fit, the caller says."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)
