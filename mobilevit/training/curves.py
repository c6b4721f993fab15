"""The learning curves of a run as a picture, from its `metrics.csv`."""

from __future__ import annotations

from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import lightning as L
from lightning.pytorch.callbacks import Callback

from ..drawing import BLUE, DPI, GREEN, GREY, RED, save_png, without_frame
from ..errors import MissingDependencyError
from .logs import METRICS_FILE, read_metrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CURVES_FILE = "curves.png"

_MARKED = 40  # points of a line, up to which each has a mark

Points = tuple[list[float], list[float]]  # x, y


class Curves(Callback):
    """Draws the curves into the run's folder when it ends, however it ends.

    Raises:
        MissingDependencyError: it could not, at the end.
    """

    def __init__(self, out: Path) -> None:
        if find_spec("matplotlib") is None:
            raise MissingDependencyError("matplotlib", "train")
        self.out = out

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._draw(trainer)

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        self._draw(trainer)

    def _draw(self, trainer: L.Trainer) -> None:
        batches = trainer.num_training_batches
        if trainer.is_global_zero and isfinite(batches):  # else it did not begin
            steps = -(-int(batches) // trainer.accumulate_grad_batches)
            draw_curves(self.out / METRICS_FILE, steps, self.out / CURVES_FILE)


def draw_curves(metrics: Path, steps: int, path: Path) -> None:
    """Write a PNG: loss, validation accuracy and learning rate against epochs. Nothing is written
    where no step was logged.

    Args:
        metrics: `metrics.csv` of the run.
        steps: of an epoch.

    Raises:
        InputError: the file cannot be written.
    """
    rows = read_metrics(metrics)
    if not rows:
        return
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    figure = Figure(figsize=(7.5, 8), dpi=DPI, layout="constrained")
    rates = curve_points(rows, "learning_rate", steps)  # a run of a few steps logs none
    heights = (3, 3, 1) if rates[0] else (3, 3)
    panels = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    losses, accuracy = panels[:2]
    _line(losses, curve_points(rows, "loss", steps), GREY, "of single steps", width=1.0)
    _line(losses, curve_points(rows, "train_loss", steps), BLUE, "training")
    _line(losses, curve_points(rows, "val_loss", steps), RED, "validation")
    losses.set_ylabel("loss")
    losses.legend(frameon=False, fontsize=9)
    measured = curve_points(rows, "val_accuracy", steps)
    _line(accuracy, measured, RED, "validation")
    accuracy.set_ylabel("top-1")
    accuracy.yaxis.set_major_formatter(PercentFormatter(1))  # as many digits as it takes
    if measured[1]:
        best = max(measured[1])
        epochs = [x for x, y in zip(*measured, strict=True) if y == best]
        text = f"best: {best:.2%}, epoch {epochs[-1]:.0f}"
        accuracy.set_title(text, loc="left", fontsize=10)
    if rates[0]:
        _line(panels[2], rates, GREEN, "", width=1.0)
        panels[2].set_ylabel("learning rate")
        panels[2].set_ylim(bottom=0)
    panels[-1].set_xlabel("epochs")
    panels[-1].set_xlim(left=0)
    for axes in panels:
        axes.grid(color="#e4e4e4", linewidth=0.6)
        axes.set_axisbelow(True)
        without_frame(axes)
    save_png(figure, path)


def curve_points(rows: list[dict[str, str]], column: str, steps: int) -> Points:
    """Epochs, and what the rows that have the column have in it.

    Args:
        steps: of an epoch. A figure of a step is known when the step is done.
    """
    known = [row for row in rows if row.get(column)]
    return [(int(row["step"]) + 1) / steps for row in known], [float(row[column]) for row in known]


def _line(axes: Axes, points: Points, colour: str, label: str, width: float = 1.8) -> None:
    marker = "o" if len(points[0]) <= _MARKED else ""  # a single one would not be seen
    axes.plot(*points, color=colour, label=label, marker=marker, markersize=3.5, linewidth=width)
