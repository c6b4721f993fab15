"""What a run writes down as it goes: `metrics.csv`, and events for TensorBoard.

Steps and epochs are counted from 0 in both, as Lightning does. A run that is resumed takes back
what was written of the steps it does again.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only

from ..files import atomic_file

METRICS_FILE = "metrics.csv"
TENSORBOARD_FOLDER = "tensorboard"

COLUMNS = (
    "epoch",
    "step",
    "images_per_s",
    "learning_rate",
    "loss",
    "train_loss",
    "val_loss",
    "val_accuracy",
)


def loggers(out: Path) -> list[Logger]:
    """Those of the run in folder `out`; without TensorBoard's where that is not installed."""
    used: list[Logger] = [MetricsFile(out / METRICS_FILE)]
    if find_spec("tensorboard"):
        used.append(Events(out, name="", version=TENSORBOARD_FOLDER))
    return used


class Events(TensorBoardLogger):
    """TensorBoard's; of a run that is resumed it shows no step twice."""

    begun = False

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if step and not self.begun:
            from tensorboard.compat.proto.event_pb2 import Event, SessionLog

            start = SessionLog(status=SessionLog.START)  # hides what is there of later steps
            self.experiment.file_writer.add_event(Event(step=step, session_log=start))
        self.begun = True
        super().log_metrics(metrics, step)


class MetricsFile(Logger):
    """A CSV with a row for every step that is logged; what an epoch ends with is in the row of its
    last step. Each row is in the file as soon as it is known.

    Args:
        path: of the file, which is made with its first row; of one that is there, the rows before
            the first step logged are kept.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.row: dict[str, Any] = {}
        self.start = -1  # where `row` begins in the file; -1: nothing was logged yet

    @property
    def name(self) -> str:
        return ""

    @property
    def version(self) -> str:
        return ""

    @rank_zero_only
    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """They are in the recipe."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        assert step is not None  # Lightning's trainer always has one
        if self.start < 0 or not self.path.is_file():
            self._begin(step)
        if step != self.row.get("step"):
            self.row = {}
            self.start = self.path.stat().st_size
        known = {key: _text(key, value) for key, value in metrics.items() if key in COLUMNS}
        self.row |= {**known, "step": step}
        with self.path.open("r+", newline="") as file:
            file.seek(self.start)
            csv.DictWriter(file, COLUMNS).writerow(self.row)  # the same row, with more in it
            file.truncate()

    def _begin(self, step: int) -> None:
        kept = [row for row in read_metrics(self.path) if int(row["step"]) < step]
        with atomic_file(self.path) as aside, aside.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(kept)
        self.row = {}


def _text(key: str, value: float) -> str:
    return f"{value:.0f}" if key == "epoch" else f"{value:.6g}"


def read_metrics(path: Path) -> list[dict[str, str]]:
    """The rows of a `metrics.csv`, by column; without one that was cut off, as when the power went.
    No rows where there is no file."""
    if not path.is_file():
        return []
    lines = path.read_text().splitlines(keepends=True)
    whole = lines if not lines or lines[-1].endswith("\n") else lines[:-1]
    rows = csv.DictReader(line.rstrip("\r\n") for line in whole)
    return [row for row in rows if row.get("step", "").isdigit() and row.get("epoch", "").isdigit()]
