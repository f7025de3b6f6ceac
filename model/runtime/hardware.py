"""What this machine computes on: the device, and whether it multiplies bfloat16."""

from __future__ import annotations

import torch


def best_device() -> torch.device:
    """The first CUDA device, or the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def bf16_is_native(device: torch.device | None = None) -> bool:
    """Whether a device, by default this CPU, multiplies bfloat16 in hardware.

    Where it does, autocast saves time instead of costing it.
    """
    on_cpu = device is None or device.type == "cpu"
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) if on_cpu else True
