"""What this machine computes on: the device, and whether it multiplies bfloat16."""

from __future__ import annotations

from ctypes.util import find_library
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def has_gpu() -> bool:
    """Whether a CUDA device can be used; torch is only asked where its driver is there."""
    return bool(Path("/dev/nvidiactl").exists() or find_library("nvcuda")) and best_device().type == "cuda"


def best_device() -> torch.device:
    """The first CUDA device, or the CPU."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def bf16_is_native(device: torch.device | None = None) -> bool:
    """Whether a device, by default this CPU, multiplies bfloat16 in hardware.

    Where it does, autocast saves time instead of costing it.
    """
    import torch

    on_cpu = device is None or device.type == "cpu"
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) if on_cpu else True
