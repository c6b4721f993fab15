"""The Lightning module and data module of image classification."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi
from typing import Any

import lightning as L
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchmetrics.classification import MulticlassAccuracy

from ..data.dataset import EpochSampler, EvalDataset, TrainDataset, item_seed
from ..data.image_folder import ImageFolder
from ..preprocessing import Preprocessing, normalize
from .recipe import Recipe


class ClassificationData(L.LightningDataModule):
    """Batches of (uint8 (B, 3, H, W), int64 (B,)); the size of training crops follows the epoch."""

    def __init__(
        self,
        train: ImageFolder,
        val: ImageFolder,
        recipe: Recipe,
        preprocessing: Preprocessing,
        workers: int,
    ) -> None:
        super().__init__()
        self.train_folder = train
        self.val_folder = val
        self.recipe = recipe
        self.preprocessing = preprocessing
        self.workers = workers

    def train_dataloader(self) -> DataLoader[Any]:
        recipe = self.recipe
        dataset = TrainDataset(self.train_folder, recipe.crop_scale, recipe.interpolation)
        return DataLoader(
            dataset,
            batch_size=min(recipe.batch_size, len(dataset)),
            sampler=EpochSampler(len(dataset), self._epoch, recipe.size_at, recipe.seed_at),
            drop_last=True,
            num_workers=self.workers,
        )

    def _epoch(self) -> int:
        return self.trainer.current_epoch if self.trainer else 0

    def val_dataloader(self) -> DataLoader[Any]:
        return DataLoader(
            EvalDataset(self.val_folder, self.preprocessing),
            batch_size=self.recipe.batch_size,
            num_workers=self.workers,
        )


class Classifier(L.LightningModule):
    """A model, its loss and its optimizer."""

    def __init__(
        self, model: nn.Module, recipe: Recipe, preprocessing: Preprocessing, num_classes: int
    ) -> None:
        super().__init__()
        self.model = model
        self.recipe = recipe
        self.preprocessing = preprocessing
        self.val_accuracy = MulticlassAccuracy(num_classes, average="micro")

    def forward(self, pixels: Tensor) -> Tensor:
        """uint8 (B, 3, H, W), 0..255 -> logits (B, classes)"""
        x = normalize(pixels.float(), self.preprocessing)
        return self.model(x.contiguous(memory_format=torch.channels_last))

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Dropout, too, follows from the epoch and the step alone, whatever ran before."""
        seed = item_seed(self.recipe.seed_at(self.current_epoch), batch_idx)
        torch.manual_seed(seed + self.global_rank)

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        pixels, target = batch
        loss = F.cross_entropy(self(pixels), target, label_smoothing=self.recipe.label_smoothing)
        self.log("loss", loss, prog_bar=True, on_step=True, on_epoch=False)
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        pixels, target = batch
        logits = self(pixels)
        self.val_accuracy(logits, target)
        self.log("val_loss", F.cross_entropy(logits, target), batch_size=len(target))
        self.log("val_accuracy", self.val_accuracy, prog_bar=True)

    def configure_optimizers(self) -> Any:
        recipe = self.recipe
        optimizer = torch.optim.AdamW(
            self.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        total = int(self.trainer.estimated_stepping_batches)
        factor = self.learning_rate_factor(total)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }

    def learning_rate_factor(self, total: int) -> Callable[[int], float]:
        """Step -> share of the recipe's learning rate, over `total` steps."""
        recipe = self.recipe
        warmup = round(total * min(recipe.warmup_epochs / recipe.epochs, 0.5))
        low = recipe.min_learning_rate / recipe.learning_rate

        def factor(step: int) -> float:
            if step < warmup:
                return 0.1 + 0.9 * step / warmup
            progress = (step - warmup) / max(1, total - warmup)
            return low + (1 - low) * 0.5 * (1 + cos(pi * min(1.0, progress)))

        return factor
