"""`mobilevit train`: images in folders or shards in, a run folder with a checkpoint out."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback

from ..checkpoint import Checkpoint
from ..data.image_folder import read_label_names
from ..errors import DataError, InputError
from ..files import room_for
from ..models.registry import check_config
from .classifier import Classifier
from .curves import Curves
from .guards import LossGuard, explained
from .initial import initial_model
from .logs import loggers
from .meeting import joined
from .progress import Progress
from .recipe import Recipe, read_recipe
from .run_card import Circumstances, write_run_card
from .run_folder import CHECKPOINT_FILE, RESUME_FILE, all_begun, all_bring_run
from .saving import SaveBest, SaveLast, begin
from .sources import all_read_classes, all_read_images, make_batches, summary_of
from .stopping import StopAtStep
from .teacher import load_teacher
from .team import Team
from .trainer import check_batch, step_callbacks, step_settings


@dataclass(frozen=True)
class TrainResult:
    """What a finished run left behind."""

    checkpoint: Path
    top1: float  # of the saved weights on the validation split, 0..1
    epoch: int  # in which they were reached, from 1
    epochs: int
    minutes: float  # of the whole run


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
        DataError: nothing to train on, or `labels` are not those of its classes.
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
    check_config(recipe.model, recipe.config)
    report = report if first else lambda line: None
    classes = list(all_read_classes(team, data))
    names = read_label_names(labels, tuple(classes)) if labels else None

    L.seed_everything(recipe.seed, verbose=False)
    model, preprocessing = initial_model(recipe, classes, report)
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    teacher, learnt = load_teacher(recipe, classes) if recipe.teacher else (None, 0)

    # last, as it may take long: what was named wrongly should be said before
    train_images, val_images = all_read_images(team, data, recipe.val_fraction, recipe.seed, report)
    if list(train_images.classes) != classes:
        raise DataError(f"the classes of `{data}` changed while they were read", "start again")
    names = train_images.labels if names is None else names
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
        cache,
        sharers=team.place.here,
    )
    batches.begin_at = all_begun(team, out) if resume else 0
    _fit(
        trainer,
        Classifier(model, recipe, preprocessing, len(names), teacher, learnt),
        batches,
        out / RESUME_FILE if batches.begin_at else None,
    )
    if trainer.is_global_zero:
        with explained(recipe):
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
                "resume with the options it was started with, or start another run from its "
                f"weights: `--weights {out / CHECKPOINT_FILE}`",
            )
    elif out.exists() and not out.is_dir():
        raise InputError(f"`{out}` is a file", "choose a folder")
    elif out.exists() and (
        # a run that was killed before it wrote anything leaves nothing but a beginning of it
        any(not f.name.endswith(".partial") for f in out.iterdir())
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
    callbacks += [Progress(recipe, best, report), Curves(out)]
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
