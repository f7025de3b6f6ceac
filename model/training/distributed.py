"""Data-parallel training in one or several processes; several are started by `accelerate launch` or the like.

A step calls the network in several regimes, which no wrapper around a single `forward` supports; gradients are
therefore averaged explicitly, once per step.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Processes:
    """The number of training processes and the index of this one."""

    count: int = 1
    index: int = 0

    @classmethod
    def launched(cls) -> Processes:
        """Return the processes that a launcher started, or this one alone. Call it before a model moves to a GPU.

        Raises:
            ValueError: a launcher started several, but accelerate is not installed.
        """
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return cls()
        try:
            from accelerate import PartialState
        except ImportError as error:
            raise ValueError(
                "training in several processes needs accelerate: pip install 'videobert-search[train]'"
            ) from error
        state = PartialState(cpu=not torch.cuda.is_available())
        return cls(state.num_processes, state.process_index)

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes files and reports."""
        return self.index == 0

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by its mean over all processes, in one all-reduce."""
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if self.count == 1 or not gradients:
            return
        from accelerate.utils import reduce

        flat: Tensor = reduce(torch.cat([gradient.flatten() for gradient in gradients]), reduction="mean")
        for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def share(self, model: nn.Module) -> None:
        """Broadcast the weights of the first process to all others."""
        if self.count == 1:
            return
        from accelerate.utils import broadcast

        with torch.no_grad():
            for tensor in model.state_dict().values():
                tensor.copy_(broadcast(tensor.contiguous(), from_process=0))

    def wait(self) -> None:
        """Block until every process calls this."""
        if self.count > 1:
            from accelerate import PartialState

            PartialState().wait_for_everyone()
