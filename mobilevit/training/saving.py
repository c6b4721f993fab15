"""What a run keeps to be resumed from: whole and good at any moment, whatever ends the run."""

from __future__ import annotations

import time
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import lightning as L
import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.callbacks import Checkpoint as CheckpointCallback
from lightning.pytorch.utilities.exceptions import SIGTERMException
from pydantic import TypeAdapter

from ..bundle import ClassSummary
from ..checkpoint import Checkpoint, save_checkpoint
from ..errors import InputError, reason
from ..files import atomic_file
from .guards import LossGuard
from .recipe import RECIPE_FILE, Recipe
from .run_folder import reading_save
from .stopping import StopAtStep

DATA_FILE = "data.json"  # in the run's folder: what it is trained and validated on
_DATA = TypeAdapter(dict[str, ClassSummary])


def begin(out: Path, recipe: Recipe, data: dict[str, ClassSummary], resume: bool) -> None:
    """Write down what the run in `out` is of; or see that it is resumed with the same images.

    Raises:
        InputError: other classes or other images, with which it would be another run.
    """
    file = out / DATA_FILE
    if resume and file.is_file():
        try:
            began = _DATA.validate_json(file.read_text())
        except (OSError, ValueError) as error:
            raise InputError(f"`{file}` cannot be read: {reason(error)}", "remove it") from error
        for part, summary in began.items():
            if fault := _difference(summary, data[part]):
                raise InputError(
                    f"the run in `{out}` began with other images to {_PURPOSE[part]}: {fault}",
                    f"give it those, or start one with `--weights {out}/checkpoint.safetensors`",
                )
    with atomic_file(out / RECIPE_FILE) as aside:  # first: a run begins to exist with its recipe
        aside.write_text(recipe.model_dump_json(indent=2) + "\n")
    with atomic_file(file) as aside:
        aside.write_bytes(_DATA.dump_json(data, indent=2) + b"\n")


_PURPOSE = {"train": "train on", "val": "validate on"}


def _difference(began: ClassSummary, now: ClassSummary) -> str | None:
    """What a person would look for first, if the images are not the same."""
    if began.sha256 == now.sha256:
        return None
    for name in sorted({*began.classes, *now.classes}):
        before, after = began.classes.get(name, 0), now.classes.get(name, 0)
        if before != after:
            return f"class `{name}` has {after}, not {before}"
    return "as many, but not the same"


class WholeFiles(TorchCheckpointIO):
    """Writes beside the file and renames. Lightning's own writes into the system's temporary
    folder, and where that is on another disk, what it then does is a copy that can be cut off."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """
        Raises:
            InputError: the folder cannot be written to, or the disk is full.
        """
        content = BytesIO()
        torch.save(checkpoint, content)
        with atomic_file(Path(path)) as aside:
            aside.write_bytes(content.getbuffer())

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """
        Raises:
            CheckpointError: the file is damaged.
        """
        with self.open(Path(path)) as content, reading_save(Path(path)):
            return torch.load(content, map_location or "cpu", weights_only=True)

    def open(self, path: Path) -> BinaryIO:
        return path.open("rb")


class SaveBest(Callback):
    """Write the checkpoint whenever validation accuracy is the best so far; of equals, that of the
    lower validation loss.

    Runs before weight averaging swaps the averaged weights out again, so the weights written are
    those that were measured; but for rounding, where they are written as halves.
    """

    def __init__(self, path: Path, base: Checkpoint, precision: str) -> None:
        self.path = path
        self.base = base
        self.precision = precision
        self.top1 = -1.0
        self.loss = float("inf")
        self.epoch = 0
        self.minutes_before = 0.0  # of the run, before it was resumed
        self.started = time.monotonic()

    @property
    def minutes(self) -> float:
        return self.minutes_before + (time.monotonic() - self.started) / 60

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.sanity_checking:
            return
        top1, loss = (float(trainer.callback_metrics[k]) for k in ("val_accuracy", "val_loss"))
        if (top1, -loss) <= (self.top1, -self.loss):
            return
        self.top1, self.loss, self.epoch = top1, loss, trainer.current_epoch + 1
        self.base.measured = {
            **self.base.measured,
            "top1": round(top1, 5),
            "epoch": self.epoch,
            "minutes": round(self.minutes, 1),
        }
        if trainer.is_global_zero:
            save_checkpoint(self.path, self.base, self.precision)

    def state_dict(self) -> dict[str, Any]:
        return {
            "top1": self.top1,
            "loss": self.loss,
            "epoch": self.epoch,
            "minutes": self.minutes,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.top1, self.loss = state_dict["top1"], state_dict["loss"]
        self.epoch = state_dict["epoch"]
        self.minutes_before = state_dict["minutes"]


class SaveLast(CheckpointCallback):
    """Saves every `every` steps, after every epoch, and when the run is told to end by SIGTERM or,
    where it has one process, by Ctrl-C.

    Always between two steps: what parts of a step have added up is not saved with the rest. And not
    after the last step of an epoch, before its images are validated on: Lightning would go on
    behind the validation.
    """

    def __init__(self, path: Path, every: int, guard: LossGuard, stop: StopAtStep) -> None:
        self.path = path
        self.every = every
        self.guard = guard
        self.stop = stop
        self.between_steps = False
        self.saved = -1  # at this step

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        if trainer.is_global_zero:
            for file in self.path.parent.glob(".*.partial"):  # of a run that was killed
                file.unlink(missing_ok=True)

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self.between_steps = False

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        stepped = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if stepped and not trainer.is_last_batch:
            alone = trainer.world_size == 1  # others may not have been asked, or not yet
            if trainer.global_step % self.every == 0 or (self.stop.asked and alone):
                self._save(trainer)
            self.between_steps = True
            self.stop.stop_if_asked()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._save(trainer)

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        if isinstance(exception, SIGTERMException) and self.between_steps:
            self._save(trainer)

    def _save(self, trainer: L.Trainer) -> None:
        if self.saved != trainer.global_step:
            self.guard.check(trainer, weights=True)
            trainer.save_checkpoint(self.path)
            self.saved = trainer.global_step
