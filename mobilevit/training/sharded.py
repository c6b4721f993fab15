"""Batches of images in shards."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.data import DataLoader

from ..data.shard_batches import EncodedEval, EncodedTrain, ShardBatches, ShardShare
from ..data.shards import ShardSet
from ..data.transforms import Augmentation
from ..preprocessing import Preprocessing
from .recipe import Recipe
from .scheduled_data import ScheduledData, ignore_signals


class ShardedData(ScheduledData):
    """Read by this process from beginning to end, decoded by its workers."""

    def __init__(
        self,
        train: ShardSet,
        val: ShardSet,
        recipe: Recipe,
        preprocessing: Preprocessing,
        workers: int,
    ) -> None:
        super().__init__(len(train), recipe, preprocessing, workers)
        self.train_set = train
        self.val_set = val

    def train_dataloader(self) -> DataLoader[Any]:
        recipe, (rank, processes) = self.recipe, self.place()
        augmentation = Augmentation(recipe.crop_scale, recipe.interpolation, recipe.rand_augment)
        return DataLoader(
            EncodedTrain(augmentation),
            batch_sampler=ShardBatches(
                self.train_set, self.schedule(processes), rank, processes, self.position
            ),
            num_workers=self.workers,
            worker_init_fn=ignore_signals,
            persistent_workers=self.workers > 0,
            pin_memory=torch.cuda.is_available(),
        )

    def val_loader(self, rank: int, processes: int) -> DataLoader[Any]:
        share = ShardShare(self.val_set, self.val_batch_size(), rank, processes)
        if not len(share):
            return self.nothing()
        return DataLoader(
            EncodedEval(self.preprocessing),
            batch_sampler=share,
            num_workers=self.workers,
            worker_init_fn=ignore_signals,
            pin_memory=torch.cuda.is_available(),
        )
