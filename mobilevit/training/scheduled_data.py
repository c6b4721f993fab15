"""What batches of images have in common, wherever the images come from."""

from __future__ import annotations

import signal
from typing import Any

import lightning as L
import torch
from torch.utils.data import DataLoader

from ..data.schedule import Schedule
from ..preprocessing import Preprocessing
from .recipe import Recipe

_GRACE = 60  # seconds that a worker outlives a signal to end


def ignore_signals(worker: int) -> None:
    """For the processes that load images: Ctrl-C, a job's end and `timeout` reach them besides the
    process that trains, which is to finish its step first, and ends them then."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: signal.alarm(_GRACE))


class ScheduledData(L.LightningDataModule):
    """Batches of (uint8 (B, 3, H, W), int64 (B,)), as the recipe's schedule has them; for training
    with the numbers of the images besides, (B,)."""

    def __init__(
        self, count: int, recipe: Recipe, preprocessing: Preprocessing, workers: int
    ) -> None:
        """`count`: images to train on."""
        super().__init__()
        self.count = count
        self.begin_at = 0  # steps that were taken before this start
        self.recipe = recipe
        self.preprocessing = preprocessing
        self.workers = workers

    def schedule(self, processes: int) -> Schedule:
        recipe = self.recipe
        return Schedule(
            images=self.count,
            batch_size=recipe.batch_size,
            image_size=recipe.image_size,
            multi_scale=recipe.multi_scale,
            size_at=recipe.size_at,
            seed_at=recipe.seed_at,
            parts=processes * recipe.accumulate,
        )

    def position(self) -> int:
        """Batches of this process since training began.

        Lightning has the workers of a loader begin before it restores how many steps were taken.
        """
        step = self.trainer.global_step if self.trainer else 0
        return max(step, self.begin_at) * self.recipe.accumulate

    def place(self) -> tuple[int, int]:
        """This process's number, and how many there are."""
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def val_dataloader(self) -> DataLoader[Any]:
        return self.val_loader(*self.place())

    def val_loader(self, rank: int, processes: int) -> DataLoader[Any]:
        """Of the part of the images to validate on that process `rank` of `processes` has."""
        raise NotImplementedError

    def val_batch_size(self) -> int:
        """Images that a process validates on at a time: what it trains on at a time fits."""
        return max(1, self.recipe.batch_size // (self.place()[1] * self.recipe.accumulate))

    def nothing(self) -> DataLoader[Any]:
        """One batch without images: what a process validates on that has no share, and which must
        go through the same as the others."""
        side = self.preprocessing.image_size
        pixels = torch.empty(0, 3, *side, dtype=torch.uint8)
        empty: Any = [(pixels, torch.empty(0, dtype=torch.int64))]
        return DataLoader(empty, batch_size=None)
