"""The folder of a training run: its description, its losses, and the state from which it can be resumed.

- `training.json`: options, data and start; written once, compared when a run is resumed;
- `training.safetensors`: weights in float32, optimizer state, moving average, and the step as metadata; one file,
  replaced atomically, so that its parts always belong to the same step;
- `losses.csv`: one row per step.

No generator state is stored: the randomness of a step depends only on the seed and the step's number.
"""

from __future__ import annotations

import csv
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from model.network.videobert import VideoBertModel


class Run:
    """A run's folder, opened to start it or, with `resume`, to continue it.

    Raises:
        ValueError: the folder holds a run and `resume` is False; or `resume` is True and there is no run, or one with
            another description, whose differences the message names.
    """

    def __init__(
        self,
        folder: Path,
        made_of: dict[str, Any],
        *,
        resume: bool = False,
        save_seconds: float = 300,
        write: bool = True,
    ) -> None:
        """Open the folder.

        Args:
            folder: created if missing.
            made_of: description of the run, serializable as JSON.
            resume: continue the run in the folder.
            save_seconds: least time between two saved states, in seconds.
            write: False in all but one of several processes.
        """
        self.folder, self.resumed, self.save_seconds, self.write = folder, resume, save_seconds, write
        self.state, self.losses = folder / "training.safetensors", folder / "losses.csv"
        self.saved_at = time.monotonic()
        description = folder / "training.json"
        if resume:
            if not self.state.is_file():
                raise ValueError(f"nothing to resume: {folder} has no training.safetensors")
            _compare(json.loads(description.read_text(encoding="utf-8")), json.loads(json.dumps(made_of)), folder)
        elif self.state.is_file():
            raise ValueError(f"{folder} already holds a run: resume it, delete it, or choose another output folder")
        elif write:
            folder.mkdir(parents=True, exist_ok=True)
            description.write_text(json.dumps(made_of, indent=2) + "\n", encoding="utf-8")
            self.losses.unlink(missing_ok=True)

    def restore(self, model: VideoBertModel, optimizer: Optimizer, average: AveragedModel | None) -> int:
        """Load the saved state into all three; return the number of completed steps, 0 for a new run."""
        if not self.resumed:
            return 0
        with safe_open(self.state, framework="pt", device=str(model.device)) as file:
            done = int(file.metadata()["step"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        model.load_state_dict(_under("model/", tensors))
        if average is not None:
            average.module.load_state_dict(_under("average/", tensors))
            average.n_averaged.fill_(done)
        for name, parameter in model.named_parameters():
            state = _under(f"optimizer/{name}/", tensors)
            if state:
                state["step"] = state["step"].cpu()  # where AdamW expects it
                optimizer.state[parameter] = state
        if self.write:
            self._forget_losses_after(done)
        return done

    def save(
        self, step: int, model: VideoBertModel, optimizer: Optimizer, average: AveragedModel | None, *, last: bool
    ) -> None:
        """Save the state after a step, if `save_seconds` have passed since the last save or `last` is True."""
        if not self.write or (not last and time.monotonic() - self.saved_at < self.save_seconds):
            return
        tensors = dict(_named("model/", model.state_dict()))
        if average is not None:
            tensors |= _named("average/", average.module.state_dict())
        for name, parameter in model.named_parameters():
            tensors |= _named(f"optimizer/{name}/", optimizer.state.get(parameter, {}))
        part = self.state.with_suffix(".part")
        save_file(tensors, part, metadata={"step": str(step)})
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(self.state)
        self.saved_at = time.monotonic()

    def log(self, step: int, columns: list[str], losses: dict[str, float]) -> None:
        """Append a row to `losses.csv`; losses that this step did not compute stay empty."""
        if not self.write:
            return
        new = not self.losses.exists()
        with self.losses.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["step", *columns])
            writer.writerow([step, *(f"{losses[name]:.6g}" if name in losses else "" for name in columns)])

    def _forget_losses_after(self, step: int) -> None:
        if self.losses.is_file():
            header, *rows = self.losses.read_text(encoding="utf-8").splitlines(keepends=True)
            rows = [row for row in rows if row.endswith("\n") and int(row.split(",")[0]) <= step]
            self.losses.write_text("".join([header, *rows]), encoding="utf-8")


def _compare(was: dict[str, Any], now: dict[str, Any], folder: Path) -> None:
    changes = [
        f"{name} was {was.get(name)!r} and is {now.get(name)!r}"
        for name in dict.fromkeys([*was, *now])
        if was.get(name) != now.get(name)
    ]
    if changes:
        raise ValueError(f"the run in {folder} was started with other settings: {'; '.join(changes)}")


def _named(prefix: str, tensors: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    return ((prefix + name, tensor.detach().contiguous()) for name, tensor in tensors.items())


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
