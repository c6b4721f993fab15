"""`mobilevit train`: images in folders or shards in, a run folder with a checkpoint out."""

from __future__ import annotations

import logging
import os
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import (
    Callback,
    WeightAveraging,
)
from torch import Tensor, nn

from ..checkpoint import Checkpoint, save_checkpoint
from ..data.image_folder import read_folders, read_label_names
from ..errors import DataError, InputError
from ..files import room_for
from ..models.registry import check_config
from .classifier import Classifier
from .curves import Curves
from .ddp import check_batch, trainer_callbacks, trainer_options
from .distributed import Team, joined
from .guards import LossGuard, explained
from .initial import initial_model
from .logs import loggers
from .progress import Progress
from .recipe import Recipe, read_recipe
from .run_card import Circumstances, write_run_card
from .run_folder import RESUME_FILE as RESUME_FILE
from .run_folder import all_begun, all_bring_run
from .saving import SaveLast, begin
from .sources import all_read_images, make_batches, summary_of
from .stopping import StopAtStep
from .teacher import load_teacher

CHECKPOINT_FILE = "checkpoint.safetensors"


@dataclass(frozen=True)
class TrainResult:
    """What a finished run left behind."""

    checkpoint: Path
    top1: float  # of the saved weights on the validation split, 0..1
    epoch: int  # in which they were reached, from 1
    epochs: int
    minutes: float  # of the whole run


class SaveBest(Callback):
    """Write the checkpoint whenever validation accuracy is the best so far.

    Runs before weight averaging swaps the averaged weights out again, so what is written is what
    was measured.
    """

    def __init__(self, path: Path, base: Checkpoint, precision: str) -> None:
        self.path = path
        self.base = base
        self.precision = precision
        self.top1 = -1.0
        self.epoch = 0
        self.minutes_before = 0.0  # of the run, before it was resumed
        self.started = time.monotonic()

    @property
    def minutes(self) -> float:
        return self.minutes_before + (time.monotonic() - self.started) / 60

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.sanity_checking:
            return
        top1 = float(trainer.callback_metrics["val_accuracy"])
        if top1 < self.top1:  # of equals the later, which has seen more
            return
        self.top1, self.epoch = top1, trainer.current_epoch + 1
        self.base.measured = {
            **self.base.measured,
            "top1": round(top1, 5),
            "epoch": self.epoch,
            "minutes": round(self.minutes, 1),
        }
        if trainer.is_global_zero:
            save_checkpoint(self.path, self.base, self.precision)

    def state_dict(self) -> dict[str, Any]:
        return {"top1": self.top1, "epoch": self.epoch, "minutes": self.minutes}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.top1, self.epoch = state_dict["top1"], state_dict["epoch"]
        self.minutes_before = state_dict["minutes"]


def train(
    data: Path | str,
    out: Path,
    recipe: Recipe,
    *,
    resume: bool = False,
    labels: Path | None = None,
    workers: int | None = None,
    cache: bool = False,
    report: Callable[[str], None] = print,
) -> TrainResult:
    """Train a classifier, together with the processes that torchrun, srun or `joined` started.

    Args:
        data: a folder with `train/` and `val/`, or with the class folders themselves, of which
            `recipe.val_fraction` is then held out; or the folder or the http(s) address of shards.
        out: the run folder; new or empty, unless `resume`.
        resume: go on from what was saved last in `out`; where nothing was yet, from the start.
        labels: JSON with a readable label for each class folder.
        workers: processes that load images; by default one per spare core.
        cache: keep decoded training images in memory, up to half of what is free.
        report: is given lines for a person to read.

    Raises:
        DataError: nothing to train on.
        InputError: `out` is not empty, or holds no run of this recipe and these images to resume;
            or training failed: see `guards`.
        ProcessLostError: another process ended; the last save is in `out` and can be resumed.
        KeyboardInterrupt: stopped; likewise.
    """
    with joined() as team:
        return _train(team, data, out, recipe, resume, labels, workers, cache, report)


def _train(
    team: Team,
    data: Path | str,
    out: Path,
    recipe: Recipe,
    resume: bool,
    labels: Path | None,
    workers: int | None,
    cache: bool,
    report: Callable[[str], None],
) -> TrainResult:
    team.run = out
    first = team.rank == 0
    if resume:
        all_bring_run(team, out)
    team.all_do(lambda: _check_run_folder(out, recipe, resume) if first else None)
    check_batch(recipe, team.processes)
    check_config(recipe.model, recipe.config)  # before the data is read
    report = report if first else lambda line: None
    train_images, val_images = all_read_images(
        team,
        data,
        lambda root: read_folders(root, recipe.val_fraction, recipe.seed, report),
        report,
    )
    classes = list(train_images.classes)
    if len(classes) < 2:
        raise DataError(f"`{data}` has the one class `{classes[0]}`", "add another to tell it from")
    names = read_label_names(labels, train_images.classes) if labels else train_images.labels

    L.seed_everything(recipe.seed, verbose=False)
    model, preprocessing = initial_model(recipe, classes, report)
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    teacher, learnt = load_teacher(recipe, classes) if recipe.teacher else (None, 0)
    base = Checkpoint(
        name=recipe.model,
        model=model,
        labels=names,
        classes=classes,
        preprocessing=preprocessing,
        recipe=recipe.model_dump(mode="json"),
        data={"train": summary_of(train_images), "val": summary_of(val_images)} if first else {},
    )
    best = SaveBest(out / CHECKPOINT_FILE, base, recipe.checkpoint_precision)
    if workers is None:
        workers = max(0, (os.cpu_count() or 1) // team.place.here - 1)
    team.all_do(lambda: begin(out, recipe, base.data, resume) if first else None)
    trainer = _trainer(out, recipe, best, LossGuard(recipe, len(classes)), team, report)
    batches = make_batches(
        train_images,
        val_images,
        recipe,
        preprocessing,
        workers,
        cache=free_memory() // 2 // team.place.here if cache else 0,
    )
    batches.begin_at = all_begun(team, out) if resume else 0
    _fit(
        trainer,
        Classifier(model, recipe, preprocessing, len(names), teacher, learnt),
        batches,
        out / RESUME_FILE if batches.begin_at else None,
    )
    if trainer.is_global_zero:
        write_run_card(best.path, trainer, Circumstances(data, labels, best.minutes), report)
    return TrainResult(
        checkpoint=out / CHECKPOINT_FILE,
        top1=best.top1,
        epoch=best.epoch,
        epochs=recipe.epochs,
        minutes=best.minutes,
    )


def _check_run_folder(out: Path, recipe: Recipe, resume: bool) -> None:
    if resume:
        saved = read_recipe(out)
        if saved != recipe:
            raise InputError(
                f"the run in `{out}` has another recipe: {'; '.join(saved.differences(recipe))}",
                "resume with the options it was started with",
            )
    elif out.exists() and (
        # a run that was killed before it wrote anything leaves nothing but a beginning of it
        not out.is_dir() or any(not f.name.endswith(".partial") for f in out.iterdir())
    ):
        raise InputError(
            f"`{out}` exists and is not an empty folder", "choose another, or add `--resume`"
        )


def _trainer(
    out: Path,
    recipe: Recipe,
    best: SaveBest,
    guard: LossGuard,
    team: Team,
    report: Callable[[str], None],
) -> L.Trainer:
    callbacks: list[Callback] = [best, *step_callbacks(team, recipe), guard]
    callbacks += [Progress(recipe, report), Curves(out)]
    callbacks.append(stop := StopAtStep())
    callbacks.append(SaveLast(out / RESUME_FILE, recipe.save_every, guard, stop))
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    for expected in (
        "does not have many workers",  # a choice of the caller
        "exists and is not empty",  # when resuming
        "lr_scheduler.step",
        "dataloader is not resumable",  # its sampler is, by the step
        "smaller than the logging interval",  # few photos
        "in eval mode at the start",  # a frozen backbone
        "treespec, LeafSpec",  # Lightning's own
    ):
        warnings.filterwarnings("ignore", message=f".*{expected}.*")
    return L.Trainer(
        max_epochs=recipe.epochs,
        default_root_dir=out,
        **step_settings(team, recipe, best.base.model),
        callbacks=callbacks,
        logger=loggers(out),
        enable_progress_bar=False,  # `Progress` has its own
        log_every_n_steps=10,
        num_sanity_val_steps=0,
        check_val_every_n_epoch=recipe.validate_every,
        enable_model_summary=False,
    )


def step_callbacks(team: Team, recipe: Recipe) -> list[Callback]:
    """Those that take part in a step."""
    callbacks = trainer_callbacks(team, recipe)
    if recipe.ema_decay:
        callbacks.append(WeightAveraging(avg_fn=_moving_average(recipe.ema_decay)))
    return callbacks


def step_settings(team: Team, recipe: Recipe, model: nn.Module) -> dict[str, Any]:
    """Arguments of the trainer that a step depends on."""
    return {
        "accelerator": "auto",
        **trainer_options(team, recipe, model),
        "precision": recipe.precision,
        "gradient_clip_val": recipe.gradient_clip,
        "accumulate_grad_batches": recipe.accumulate,
        "use_distributed_sampler": False,  # ours know the processes
    }


def _moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Exponential moving average whose memory grows with the steps taken, up to `decay`, so that
    a short run is not dominated by its first weights."""

    def average(averaged: Tensor, current: Tensor, steps: Tensor | int) -> Tensor:
        n = float(steps)
        weight = 1 - min(decay, (1 + n) / (10 + n))
        return averaged + (current.to(averaged) - averaged) * weight

    return average


def free_memory() -> int:
    """Bytes that programs can take without others being pushed out."""
    import psutil

    return int(psutil.virtual_memory().available)


def _fit(
    trainer: L.Trainer, module: Classifier, data: L.LightningDataModule, resume: Path | None
) -> None:
    try:
        # progress is for a person: standard output is left to what the command gives
        with (
            explained(module.recipe),
            room_for(Path(trainer.default_root_dir)),
            redirect_stdout(sys.stderr),
        ):
            trainer.fit(module, data, ckpt_path=resume, weights_only=True)
    except SystemExit as error:  # what Lightning makes of Ctrl-C and SIGTERM
        raise KeyboardInterrupt from error
