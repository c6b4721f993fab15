"""Batches of images in folders."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.data import DataLoader

from ..data.dataset import DecodedFiles, DecodedMemory, EvalDataset, TrainDataset
from ..data.image_folder import ImageFolder
from ..data.schedule import BatchSampler, ShareSampler
from ..data.transforms import Augmentation
from ..preprocessing import Preprocessing
from .recipe import Recipe
from .scheduled_data import ScheduledData, ignore_signals


class FolderData(ScheduledData):
    """Decoded anew each time, or kept in memory."""

    def __init__(
        self,
        train: ImageFolder,
        val: ImageFolder,
        recipe: Recipe,
        preprocessing: Preprocessing,
        workers: int,
        cache: int = 0,
    ) -> None:
        """`cache`: bytes of memory that decoded training images may take; 0: read from files."""
        super().__init__(len(train), recipe, preprocessing, workers)
        self.train_folder = train
        self.val_folder = val
        self.read = DecodedMemory(train, cache) if cache else DecodedFiles(train)

    def train_dataloader(self) -> DataLoader[Any]:
        recipe, (rank, processes) = self.recipe, self.place()
        dataset = TrainDataset(
            self.read,
            [target for _, target in self.train_folder.samples],
            Augmentation(recipe.crop_scale, recipe.interpolation, recipe.rand_augment),
        )
        return DataLoader(
            dataset,
            batch_sampler=BatchSampler(self.schedule(processes), rank, processes, self.position),
            num_workers=self.workers,
            worker_init_fn=ignore_signals,
            persistent_workers=self.workers > 0,
            pin_memory=torch.cuda.is_available(),
        )

    def val_loader(self, rank: int, processes: int) -> DataLoader[Any]:
        dataset = EvalDataset(self.val_folder, self.preprocessing)
        share = ShareSampler(len(dataset), rank, processes)
        if not len(share):
            return self.nothing()
        return DataLoader(
            dataset,
            batch_size=self.val_batch_size(),
            sampler=share,
            num_workers=self.workers,
            worker_init_fn=ignore_signals,
            pin_memory=torch.cuda.is_available(),
        )
