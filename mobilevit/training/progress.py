"""What a person sees while a run goes on: a live bar on a terminal, elsewhere a line now and then.

Every validated epoch leaves a line in either case.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import lightning as L
from lightning.pytorch.callbacks import Callback

from .recipe import Recipe
from .saving import SaveBest

if TYPE_CHECKING:
    from rich.console import Console

_WINDOW = 50  # steps that speeds are of
_REDRAW_S = 0.25
FIRST_LINE_S, LINE_S = 5.0, 60.0  # before the first line about steps, and between the others
_VALIDATION = 1 / 3  # work of an image without a backward pass


class _Timed(NamedTuple):
    seconds: float
    images: int
    work: float


class Forecast:
    """Time left of a run, from how long its last steps and its last validation took.

    Work is counted in pixels: an epoch costs as the area of its crops. Those of a multi-scale run
    cost the same, as do their steps.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.steps: deque[_Timed] = deque(maxlen=_WINDOW)
        self.validation_s: float | None = None

    def step(self, seconds: float, images: int, epoch: int, share: float) -> None:
        """A step took `seconds`, and was `share` of `epoch`."""
        self.steps.append(_Timed(seconds, images, self._work(epoch) * share))

    @property
    def images_per_s(self) -> float:
        seconds = sum(timed.seconds for timed in self.steps)
        return sum(timed.images for timed in self.steps) / seconds if seconds else 0.0

    def seconds_left(self, epoch: int, share: float, validation_share: float) -> float | None:
        """Of training and validation; None before the first step.

        Args:
            epoch: the present one, from 0.
            share: of it that is done, 0..1.
            validation_share: images of a validation, for each image of an epoch.
        """
        recipe = self.recipe
        done = sum(timed.work for timed in self.steps)
        if not done:
            return None
        pace = sum(timed.seconds for timed in self.steps) / done
        work = sum(self._work(e) for e in range(epoch, recipe.epochs)) - share * self._work(epoch)
        validations = recipe.epochs // recipe.validate_every - epoch // recipe.validate_every
        each = self.validation_s
        if each is None:
            each = pace * recipe.image_size**2 * validation_share * _VALIDATION
        return pace * work + validations * each

    def _work(self, epoch: int) -> float:
        side = self.recipe.image_size if self.recipe.multi_scale else self.recipe.size_at(epoch)
        return float(side * side)


class Progress(Callback):
    """Shows and logs `images_per_s` and `learning_rate`, and shows where the run is.

    Args:
        best: knows which epoch is, and was told of the present one before.
        report: is given lines for a person to read.
    """

    def __init__(self, recipe: Recipe, best: SaveBest, report: Callable[[str], None]) -> None:
        self.recipe = recipe
        self.best = best
        self.report = report
        self.forecast = Forecast(recipe)
        self.next_line = time.monotonic() + FIRST_LINE_S
        self.validated = False  # in the present epoch
        self.share = 0.0  # of the present epoch that is done
        self.began = 0.0  # the present step, or validation
        self.warm = False  # whether a step was done since the process began
        self.display: _Display | None = None

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        console = _terminal() if trainer.is_global_zero else None
        self.display = _Display(console) if console else None

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.validated = False
        self.began = time.monotonic()

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        # the highest of all layers
        rate = max(group["lr"] for group in trainer.optimizers[0].param_groups)
        pl_module.log("learning_rate", rate, on_step=True, on_epoch=False)

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        now = time.monotonic()
        batches = int(trainer.num_training_batches)
        self.share = min(1.0, (batch_idx + 1) / batches)
        if self.warm:  # the first compiles, starts processes and fills caches
            images = len(batch[1]) * trainer.world_size
            seconds = now - self.began
            self.forecast.step(seconds, images, trainer.current_epoch, 1 / batches)
            pl_module.log("images_per_s", self.forecast.images_per_s, on_step=True, on_epoch=False)
        self.warm = True
        self.began = now
        if trainer.is_global_zero:
            self._show(trainer, outputs, batch_idx + 1, batches, now)

    def _show(self, trainer: L.Trainer, outputs: Any, done: int, batches: int, now: float) -> None:
        live = self.display is not None and self.display.due(now)
        if not live and (self.display is not None or now < self.next_line):
            return
        rate = max(group["lr"] for group in trainer.optimizers[0].param_groups)
        figures = (
            f"loss {float(outputs['loss']) * trainer.accumulate_grad_batches:.3f}, "
            f"lr {rate:.1e}, {self._pace(trainer)}"
        )
        if self.display is not None:
            self.display.show(self._epoch(trainer), done, batches, figures)
        else:
            self.next_line = now + LINE_S
            self.report(f"{self._epoch(trainer)}, step {done}/{batches}: {figures}")

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.began = time.monotonic()

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if self.display is not None and self.display.due(time.monotonic()):
            batches = int(trainer.num_val_batches[0])
            self.display.show(f"{self._epoch(trainer)}, validation", batch_idx + 1, batches, "")

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.forecast.validation_s = time.monotonic() - self.began
        self.validated = True

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        # of all processes together: each has to ask
        metrics = {key: float(value) for key, value in trainer.callback_metrics.items()}
        if not self.validated:
            return
        top1, best = metrics["val_accuracy"], self.best
        trained = metrics.get("train_loss")  # not known of an epoch resumed behind its last step
        if trainer.is_global_zero:
            self.report(
                f"{self._epoch(trainer)}: "
                f"loss {'' if trained is None else f'{trained:.3f}, '}"
                f"val. {metrics['val_loss']:.3f}, top-1 {top1:.2%}"
                f"{', best' if best.epoch == trainer.current_epoch + 1 else ''}; "
                f"{self._pace(trainer)}"
            )

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._close()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        self._close()

    def _close(self) -> None:
        if self.display is not None:
            self.display.close()
            self.display = None

    def _epoch(self, trainer: L.Trainer) -> str:
        return f"epoch {trainer.current_epoch + 1}/{self.recipe.epochs}"

    def _pace(self, trainer: L.Trainer) -> str:
        forecast, epoch = self.forecast, trainer.current_epoch
        validation = sum(map(float, trainer.num_val_batches)) / trainer.num_training_batches
        done = (epoch + 1, 0.0) if self.validated else (epoch, self.share)
        left = forecast.seconds_left(*done, validation)
        if left is None:
            return "time left not known yet"
        speed = forecast.images_per_s
        digits = 0 if speed >= 100 else 1
        return f"{speed:.{digits}f} images/s, {timedelta(seconds=round(left))} left"


class _Display:
    """A bar on standard error, drawn when it is told to and by no thread of its own: what loads the
    images is forked, and must not find a lock taken."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bar

        self.bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=max(4, min(30, console.width - 76))),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            console=console,
            auto_refresh=False,
            transient=True,
        )
        self.task = self.bar.add_task("", visible=False)
        self.drawn = 0.0
        self.bar.start()
        console.show_cursor(True)  # a process that is killed could not bring it back

    def due(self, now: float) -> bool:
        return now - self.drawn >= _REDRAW_S

    def show(self, title: str, done: int, total: int, figures: str) -> None:
        self.drawn = time.monotonic()
        self.bar.update(
            self.task,
            description=title,
            completed=done,
            total=total,
            figures=figures,
            visible=True,
            refresh=True,
        )

    def close(self) -> None:
        self.bar.stop()


def _terminal() -> Console | None:
    """Standard error, if it is a terminal that can draw a line anew."""
    from rich.console import Console

    console = Console(stderr=True)
    live = sys.stderr.isatty() and console.is_terminal and not console.is_dumb_terminal
    return console if live else None
