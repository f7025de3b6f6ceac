"""The folder of a training run: what it is made of, how its losses went, and where it can be taken up again.

- `training.json`: options, data and start; written once, compared when a run is resumed;
- `training.safetensors`: weights in full precision, the optimizer's state, the moving average, and the step as
  metadata; one file replaced in one move, so that it always belongs together;
- `losses.csv`: a row a step.

No generator's state is stored: everything random in a step follows from the seed and the step's number.
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
    """Opened at the start of a run or, with `resume`, to go on.

    Raises:
        ValueError: there is a run here already and `resume` was not asked for; or it was, and there is none, or it was
            made of something else, which the message names.
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
        """`made_of` is anything that JSON can hold; `write` is False in all but one of several processes."""
        self.folder, self.resumed, self.save_seconds, self.write = folder, resume, save_seconds, write
        self.state, self.losses = folder / "training.safetensors", folder / "losses.csv"
        self.saved_at = time.monotonic()
        description = folder / "training.json"
        if resume:
            if not self.state.is_file():
                raise ValueError(f"nothing to resume: {folder} holds no training.safetensors")
            _compare(json.loads(description.read_text(encoding="utf-8")), json.loads(json.dumps(made_of)), folder)
        elif self.state.is_file():
            raise ValueError(f"{folder} holds a run already: resume it, delete it, or choose another output folder")
        elif write:
            folder.mkdir(parents=True, exist_ok=True)
            description.write_text(json.dumps(made_of, indent=2) + "\n", encoding="utf-8")
            self.losses.unlink(missing_ok=True)

    def restore(self, model: VideoBertModel, optimizer: Optimizer, average: AveragedModel | None) -> int:
        """Put the saved state into all three; the number of steps done, 0 for a new run."""
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
                state["step"] = state["step"].cpu()  # AdamW counts there
                optimizer.state[parameter] = state
        if self.write:
            self._forget_losses_after(done)
        return done

    def save(
        self, step: int, model: VideoBertModel, optimizer: Optimizer, average: AveragedModel | None, *, last: bool
    ) -> None:
        """Save the state after a step if it is time to, or the last one."""
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
        """Add a row to `losses.csv`; what was not computed in this step stays empty."""
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
        raise ValueError(f"the run in {folder} was started differently: {'; '.join(changes)}")


def _named(prefix: str, tensors: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    return ((prefix + name, tensor.detach().contiguous()) for name, tensor in tensors.items())


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
