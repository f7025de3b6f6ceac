"""The compute device of this machine, and whether it supports bfloat16."""

from __future__ import annotations

from ctypes.util import find_library
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def has_gpu() -> bool:
    """Return whether a CUDA device is usable; torch is imported only if its driver is present."""
    return bool(Path("/dev/nvidiactl").exists() or find_library("nvcuda")) and best_device().type == "cuda"


def best_device() -> torch.device:
    """Return the first CUDA device, or the CPU."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def bf16_is_native(device: torch.device | None = None) -> bool:
    """Return whether a device, by default this CPU, multiplies bfloat16 in hardware.

    Autocast saves time only on such a device.
    """
    import torch

    on_cpu = device is None or device.type == "cpu"
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) if on_cpu else True
