"""One or many processes training one model, through accelerate where something like `accelerate launch` started them.

A step calls the network in several regimes, which does not fit a wrapper around one `forward`; gradients are therefore
averaged by hand, once a step.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Processes:
    """How many train together, and which of them this is."""

    count: int = 1
    index: int = 0

    @classmethod
    def launched(cls) -> Processes:
        """The processes that a launcher started, or this one alone. To be called before a model is put on a GPU.

        Raises:
            ValueError: a launcher started several, but accelerate is not installed.
        """
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return cls()
        try:
            from accelerate import PartialState
        except ImportError as error:
            raise ValueError(
                "several processes were started, and training in more than one needs accelerate: "
                "pip install 'videobert-search[train]'"
            ) from error
        state = PartialState(cpu=not torch.cuda.is_available())
        return cls(state.num_processes, state.process_index)

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and reports."""
        return self.index == 0

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by its mean over the processes, in one exchange."""
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if self.count == 1 or not gradients:
            return
        from accelerate.utils import reduce

        flat: Tensor = reduce(torch.cat([gradient.flatten() for gradient in gradients]), reduction="mean")
        for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def share(self, model: nn.Module) -> None:
        """Give every process the weights of the first."""
        if self.count == 1:
            return
        from accelerate.utils import broadcast

        with torch.no_grad():
            for tensor in model.state_dict().values():
                tensor.copy_(broadcast(tensor.contiguous(), from_process=0))

    def wait(self) -> None:
        """Return when all processes have come here."""
        if self.count > 1:
            from accelerate import PartialState

            PartialState().wait_for_everyone()
