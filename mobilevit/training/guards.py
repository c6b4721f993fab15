"""What stops a run early, said in words that tell what to do."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite, log
from pathlib import Path
from statistics import mean, median
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn

from ..errors import InputError, reason
from .recipe import Recipe
from .run_folder import CHECKPOINT_FILE

READ_EVERY = 10  # steps; an accelerator must end its work before a number can be read
FIRST = 10  # batches whose mean loss is where training began
RECENT = 50  # batches whose median loss is where it is
EXPLODED = 5.0  # times where it began, or what guessing would give, is nowhere to go on from


class DivergedError(InputError):
    """Training went wrong, and every process knows."""


class LossGuard(Callback):
    """Stops training when the loss or a weight is no number any more, or when the loss exploded.

    It has exploded where the median of the last 50 batches is 5 times what it was at first, or 5
    times what guessing among the classes gives, whichever is more: a peak does not stop a run.
    """

    def __init__(self, recipe: Recipe, classes: int) -> None:
        self.recipe = recipe
        self.guessing = log(classes)
        self.unread: list[Tensor] = []
        self.first: list[float] = []
        self.recent: deque[float] = deque(maxlen=RECENT)

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        self.unread.append(outputs["loss"].detach() * trainer.accumulate_grad_batches)
        if trainer.global_step % READ_EVERY == 0 or trainer.is_last_batch:
            self.check(trainer, weights=trainer.is_last_batch)

    def check(self, trainer: L.Trainer, weights: bool = False) -> None:
        """Read the losses since the last time. To be called by all processes together.

        Raises:
            DivergedError: the message says how, the hint why it may have.
        """
        fault = self._fault(torch.stack(self.unread).tolist() if self.unread else [])
        self.unread.clear()
        if fault is None and weights and not _finite(trainer.lightning_module):
            fault = "a weight is no number any more"
        if trainer.strategy.reduce_boolean_decision(fault is not None, all=False):
            fault = fault or "the loss of another process is no number any more, or exploded"
            raise DivergedError(
                f"{fault}, by step {trainer.global_step} (epoch {trainer.current_epoch + 1})",
                self._way_out(trainer),
            )

    def _fault(self, losses: list[float]) -> str | None:
        for loss in losses:
            if not isfinite(loss):
                return f"the loss is {loss}"
            if len(self.first) < FIRST:
                self.first.append(loss)
            self.recent.append(loss)
        if len(self.recent) == RECENT:
            began, now = max(mean(self.first), self.guessing), median(self.recent)
            if now > EXPLODED * began:
                return f"the loss exploded: it began at {mean(self.first):.3g} and is {now:.3g}"
        return None

    def _way_out(self, trainer: L.Trainer) -> str:
        rate = max(group["lr"] for group in trainer.optimizers[0].param_groups)
        ways = []
        if self.recipe.precision == "16-mixed":
            ways.append("`precision=16-mixed` overflows at 65504: take bf16-mixed or 32-true")
        ways.append(f"lower `learning_rate={self.recipe.learning_rate:g}`, at {rate:.2g} by now")
        if not self.recipe.gradient_clip:
            ways.append("clip gradients, such as with `gradient_clip=5`")
        kept = Path(trainer.default_root_dir) / CHECKPOINT_FILE
        ways.append(
            f"in a new folder, from what was good until then: `--weights {kept}`"
            if kept.is_file()
            else "start again in a new folder: nothing was good enough to be kept"
        )
        return "; ".join(ways)

    def state_dict(self) -> dict[str, Any]:
        return {"first": self.first, "recent": list(self.recent)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.first = list(state_dict["first"])
        self.recent.extend(state_dict["recent"])


def _finite(module: nn.Module) -> bool:
    tensors = [t for t in module.state_dict().values() if t.is_floating_point()]
    return bool(torch.stack([torch.isfinite(t).all() for t in tensors]).all())


@contextmanager
def explained(recipe: Recipe) -> Iterator[None]:
    """What Torch says of lacking memory or of a worker becomes an error that says what to try.

    Raises:
        InputError: memory does not suffice, or an image could be read before and cannot any more.
    """
    try:
        yield
    except InputError as error:
        raise _without_traceback(error) from error
    except (MemoryError, RuntimeError) as error:  # torch.OutOfMemoryError is one of the latter
        if "DataLoader worker" in str(error):
            raise InputError(
                f"a process that loads images was ended: {reason(error)}",
                "where memory lacked: fewer `--workers`, and in a container more shared memory",
            ) from error
        if not _lacks_memory(error):
            raise
        raise InputError(
            f"memory does not suffice for a step of {recipe.batch_size} images",
            _smaller(recipe),
        ) from error


_LACKS_MEMORY = (
    "can't allocate memory",  # on a CPU
    "out of memory",  # of libraries of CUDA
    "ALLOC_FAILED",  # likewise
)


def _lacks_memory(error: BaseException) -> bool:
    said = str(error)
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        sign in said for sign in _LACKS_MEMORY
    )


def _smaller(recipe: Recipe) -> str:
    """What makes a step take less memory, best first."""
    ways = []
    if recipe.batch_size >= 4 * recipe.accumulate:
        ways.append(f"`accumulate={2 * recipe.accumulate}`, which computes the same step in parts")
    ways.append(f"`batch_size={max(2, recipe.batch_size // 2)}`, with a lower `learning_rate`")
    if recipe.precision == "32-true":
        ways.append("`precision=bf16-mixed`")
    ways.append("a smaller `image_size`")
    return "try " + ", ".join(ways)


_RAISED = "mobilevit.errors."


def _without_traceback(error: InputError) -> InputError:
    """The error itself, where a worker's came wrapped into its traceback as text."""
    if not error.message.startswith("Caught ") or _RAISED not in error.message:
        return error
    text = error.message.rpartition(_RAISED)[2].partition(": ")[2]
    message, _, hint = text.partition("\n\nhint: ")
    return InputError(f"{message.strip()}, and could be when training began", hint.strip() or None)
