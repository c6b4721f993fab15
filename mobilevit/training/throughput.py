"""What bounds the speed of a training: loading its images, or the steps on them."""

from __future__ import annotations

import logging
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from ..data.image_folder import ImageFolder
from ..models.registry import check_config
from .classifier import Classifier
from .guards import explained
from .initial import initial_model
from .meeting import joined
from .recipe import Recipe
from .scheduled_data import ScheduledData
from .sources import all_read_classes, all_read_images, make_batches
from .teacher import Teacher, load_teacher
from .team import Team
from .trainer import check_batch, step_callbacks, step_settings

SECONDS = 15.0  # of each of the three measurements
_WARM_UP = 2  # steps
_WAITING = 0.1  # share of the time; less of it is not worth a change
_UNSTEADY = 1.15  # so many times the step's speed cannot be, and is something else's doing


@dataclass(frozen=True)
class Speed:
    """Images/s of one process."""

    loading: float  # alone
    step: float  # alone, on random pixels that are on the device already
    both: float  # as in training
    sides: tuple[int, ...]  # of the crops, pixels
    batch_size: int
    device: str
    workers: int
    cached: bool
    from_shards: bool
    spare_cores: int  # that have no worker yet
    precision: str
    compiled: bool

    @property
    def waiting(self) -> float:
        """Share of the time of training in which no step is computed, 0..1."""
        return max(0.0, 1 - self.both / self.step)


def measure_speed(
    data: Path | str,
    recipe: Recipe,
    *,
    workers: int | None = None,
    cache: bool = False,
    seconds: float = SECONDS,
    report: Callable[[str], None] = print,
) -> Speed:
    """Run the first epoch of a training for a moment, in parts and whole; nothing is kept of it.

    The arguments are those of `train`. A teacher that answers images once has no part in a step,
    and is not asked.

    Raises:
        DataError, InputError: see `train`.
    """
    with (
        joined(1) as team,
        explained(recipe),
        _quietly(),
        tempfile.TemporaryDirectory() as folder,
    ):
        check_batch(recipe, 1)
        check_config(recipe.model, recipe.config)
        classes = list(all_read_classes(team, data))
        preprocessing = initial_model(recipe, classes, report)[1]
        teacher, learnt = load_teacher(recipe, classes) if recipe.teacher else (None, 0)
        train_images, val_images = all_read_images(
            team, data, recipe.val_fraction, recipe.seed, report
        )
        cores = os.cpu_count() or 1
        workers = max(0, cores - 1) if workers is None else workers
        batches = make_batches(train_images, val_images, recipe, preprocessing, workers, cache)

        def fit(data: Any) -> float:
            """Images/s, from new weights on."""
            L.seed_everything(recipe.seed, verbose=False)
            model, _ = initial_model(recipe, classes, lambda line: None)
            model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            module = _Unasked(model, recipe, preprocessing, len(classes), teacher, learnt)
            module.images = batches.count
            return _fit(team, module, data, _Clock(seconds, pixels.warm_up), Path(folder))

        report(f"loading alone, {seconds:.0f} s")
        loading = loading_speed(batches, seconds)
        report(f"steps alone, {seconds:.0f} s")
        pixels = _Random(batches, len(classes))
        step = fit(DataLoader(pixels, batch_size=None))
        report(f"both, {seconds:.0f} s")
        both = fit(batches)
    steps = batches.schedule(1).steps(0)
    return Speed(
        loading=loading,
        step=step,
        both=both,
        sides=tuple(sorted({step.side for step in steps})),
        batch_size=recipe.batch_size,
        device=pixels.device.type,
        workers=workers,
        cached=cache,
        from_shards=not isinstance(train_images, ImageFolder),
        spare_cores=max(0, cores - max(1, workers)),
        precision=recipe.precision,
        compiled=recipe.compile,
    )


def verdict(speed: Speed) -> str:
    """One sentence for a person: what bounds, and what to change."""
    if speed.both > _UNSTEADY * speed.step:
        return "no verdict: with loading it was faster than without; measure on an idle machine"
    workers = f"{speed.workers} worker{'' if speed.workers == 1 else 's'}"
    if speed.waiting < _WAITING:
        times = speed.loading / speed.step
        return (
            f"the step bounds, and loading alone is {times:.1f} times as fast; "
            f"{_faster_step(speed)}"
        )
    if speed.loading < speed.step:
        return (
            f"loading bounds: with {workers} it is {speed.step / speed.loading:.1f} times as slow "
            f"as the step, which waits {speed.waiting:.0%} of the time; {_faster_loading(speed)}"
        )
    if speed.workers == 0:
        return (
            "loading and steps take turns, as there are no workers: the device waits "
            f"{speed.waiting:.0%} of the time; {_faster_loading(speed)}"
        )
    return (
        "loading and steps are in each other's way: each alone is fast enough, together they lose "
        f"{speed.waiting:.0%}; {_faster_loading(speed)}"
    )


def _faster_loading(speed: Speed) -> str:
    ways = []
    if speed.workers == 0 or speed.spare_cores:
        ways.append(f"set `--workers {speed.workers + max(1, speed.spare_cores)}`")
    if not speed.cached and not speed.from_shards:
        ways.append("add `--cache`, where the decoded photos fit into memory")
    if not speed.cached:
        ways.append("store the photos smaller")
    if speed.cached and not ways:
        ways.append("leave out RandAugment, or use a machine with more cores")
    return _any_of(ways)


def _faster_step(speed: Speed) -> str:
    ways = []
    if speed.device == "cuda":  # on a CPU neither pays: docs/training-speed.md
        if speed.precision == "32-true":
            ways.append("set `--set precision=bf16-mixed`")
        if not speed.compiled:
            ways.append("try `--set compile=true` in a long run")
    ways.append("take smaller images at first (`--set 'train_sizes=[…]'`)")
    return _any_of(ways)


def _any_of(ways: list[str]) -> str:
    return "to change that, " + ", or ".join(ways)


def loading_speed(batches: ScheduledData, seconds: float) -> float:
    """Images/s of a loader that is emptied as fast as it goes."""
    loader = batches.train_dataloader()
    endless = chain.from_iterable(repeat(loader))
    for _ in range(1 + 4 * batches.workers):  # those that workers made ahead, and a round of each
        next(endless)
    images, began = 0, time.perf_counter()
    while (taken := time.perf_counter() - began) < seconds or not images:
        images += len(next(endless)[1])
    return images / taken


class _Random(IterableDataset[tuple[Tensor, Tensor, Tensor]]):
    """Batches of the schedule's first epoch, over and over, of random pixels on the device."""

    def __init__(self, batches: ScheduledData, classes: int) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.recipe = batches.recipe
        parts = self.recipe.accumulate
        self.steps = [
            (step.side, step.images // parts)
            for step in batches.schedule(1).steps(0)
            for _ in range(parts)
        ]
        self.batch = {
            (side, count): (
                torch.randint(256, (count, 3, side, side), dtype=torch.uint8, device=self.device),
                torch.randint(classes, (count,), device=self.device),
                torch.randint(batches.count, (count,), device=self.device),
            )
            for side, count in set(self.steps)
        }

    @property
    def warm_up(self) -> int:
        """Batches that are not counted: the first allocate, and each size may be compiled."""
        whole = _WARM_UP * self.recipe.accumulate
        if not self.recipe.compile:
            return whole
        return whole + max(self.steps.index(step) for step in set(self.steps))

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        return (self.batch[step] for step in self.steps)


class _Unasked(Classifier):
    """Has answers that the teacher was not asked for, and which take as long to look up."""

    images = 0

    def _ask(self, teacher: Teacher) -> Tensor:
        head = self.second_head
        outputs = self.num_classes if head is None else head.out_features
        return torch.zeros(self.images, outputs, device=self.device)


class _Clock(Callback):
    """Counts images for `seconds` after `warm_up` batches, and stops."""

    def __init__(self, seconds: float, warm_up: int) -> None:
        self.seconds = seconds
        self.warm_up = warm_up
        self.images = 0
        self.began = 0.0
        self.taken = 0.0
        self.batches = 0

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        self.batches += 1
        if self.batches < self.warm_up:
            return
        if self.batches == self.warm_up:
            _finish(pl_module.device)
            self.began = time.perf_counter()
            return
        self.images += len(batch[1])
        if time.perf_counter() - self.began >= self.seconds:
            _finish(pl_module.device)
            self.taken = time.perf_counter() - self.began
            trainer.should_stop = True


def _finish(device: torch.device) -> None:
    """Wait for what was given to a GPU, which counts as done when it is handed over."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _fit(team: Team, module: Classifier, data: Any, clock: _Clock, folder: Path) -> float:
    """Images/s of training with the settings of `train`, but for what it writes."""
    trainer = L.Trainer(
        max_epochs=100_000,  # the clock ends it
        default_root_dir=folder,
        **step_settings(team, module.recipe, module.model),
        callbacks=[*step_callbacks(team, module.recipe), clock],
        limit_val_batches=0,
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    try:
        trainer.fit(module, data)
    except SystemExit as error:  # what Lightning makes of Ctrl-C
        raise KeyboardInterrupt from error
    return clock.images / clock.taken


@contextmanager
def _quietly() -> Iterator[None]:
    """Without Lightning's advice, which is for a training."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        yield
