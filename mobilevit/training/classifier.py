"""The Lightning module of image classification: model, loss and optimizer."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy
from torchvision.transforms import v2

from ..data.seeds import seed_of
from ..preprocessing import Preprocessing, normalize
from .allocator import keep_freed_memory
from .initial import head_of
from .optimizer import learning_rate_factor, parameter_groups
from .recipe import Recipe
from .teacher import Teacher, answer_images, distillation_loss


class Classifier(L.LightningModule):
    """A model, its loss and its optimizer."""

    def __init__(
        self,
        model: nn.Module,
        recipe: Recipe,
        preprocessing: Preprocessing,
        num_classes: int,
        teacher: Teacher | None = None,
        teacher_classes: int = 0,
    ) -> None:
        super().__init__()
        self.model = model
        self.recipe = recipe
        self.preprocessing = preprocessing
        self.num_classes = num_classes
        self.teacher = teacher
        self.val_accuracy = MulticlassAccuracy(num_classes, average="micro")
        self.val_loss = MeanMetric()  # `log` by itself rounds the images of a process in the mean
        self.second_head: nn.Linear | None = None
        if recipe.distillation_head and teacher is not None:
            head = model.get_submodule(head_of(model))
            assert isinstance(head, nn.Linear)
            self.second_head = nn.Linear(head.in_features, teacher_classes)
            nn.init.trunc_normal_(self.second_head.weight, std=0.02)
            head.register_forward_pre_hook(self._keep_features)
        self.mix = _mix(recipe, num_classes)
        self.train()

    def _keep_features(self, head: nn.Module, inputs: tuple[Tensor]) -> None:
        self.features = inputs[0]  # (B, C), what both heads see

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W), 0..255 -> logits (B, classes)"""
        x = normalize(pixels.float(), self.preprocessing)
        return self.model(x.contiguous(memory_format=torch.channels_last))

    def on_fit_start(self) -> None:
        if self.teacher is not None:
            self.teacher.to(self.device)
            if self.recipe.teacher_view == "image":
                self.answers = self._ask(self.teacher)
        if self.device.type == "cpu":
            keep_freed_memory()
        if self.recipe.compile:
            self.model.compile()

    def _ask(self, teacher: Teacher) -> Tensor:
        """What the teacher says of all training images, by index; each process gives a share."""
        folder = self.trainer.datamodule.train_folder  # type: ignore[attr-defined]
        share = range(self.global_rank, len(folder.samples), self.trainer.world_size)
        answers = answer_images(teacher, folder, share, self.device)
        return self.trainer.strategy.reduce(answers, reduce_op="sum")

    def train(self, mode: bool = True) -> Classifier:
        super().train(mode)
        if mode and self.recipe.freeze_backbone:  # its running statistics stay, too
            self.model.eval()
            for module in self.model.children():
                if isinstance(module, nn.Dropout):  # the head's
                    module.train()
        return self

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Dropout, too, follows from epoch, step and process alone, whatever ran before."""
        seed = self.recipe.seed_at(self.current_epoch)
        torch.manual_seed(seed_of(seed, batch_idx, self.global_rank))

    def training_step(self, batch: tuple[Tensor, Tensor, Tensor], index: int) -> Tensor:
        loss = self.loss(*batch)
        self.log("loss", loss, prog_bar=True, on_step=True, on_epoch=False)
        self.log("train_loss", loss, on_step=False, on_epoch=True, sync_dist=True)
        return loss

    def loss(self, pixels: Tensor, target: Tensor, images: Tensor) -> Tensor:
        """Of uint8 (B, 3, H, W), the classes (B,) and the indices of the images (B,)."""
        recipe = self.recipe
        if self.mix is not None:
            pixels, target = self.mix(pixels.float(), target)  # the latter now (B, classes)
        logits = self(pixels)
        loss = F.cross_entropy(logits, target, label_smoothing=recipe.label_smoothing)
        if self.teacher is not None:
            if self.second_head is not None:
                logits = self.second_head(self.features)
            whole = recipe.teacher_view == "image"
            answers = self.answers[images].float() if whole else self.teacher(pixels)
            taught = distillation_loss(logits.float(), answers, recipe)
            loss = (1 - recipe.distillation_weight) * loss + recipe.distillation_weight * taught
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        pixels, target = batch
        if len(target):  # where there are more processes than images, one may have none
            logits = self(pixels)
            self.val_accuracy(logits, target)
            self.val_loss(F.cross_entropy(logits, target), len(target))
        self.log("val_loss", self.val_loss)
        self.log("val_accuracy", self.val_accuracy, prog_bar=True)

    def configure_optimizers(self) -> Any:
        groups = parameter_groups(self.model, self.recipe)
        if self.second_head is not None:
            groups.append({"params": list(self.second_head.parameters())})
        recipe = self.recipe
        optimizer = torch.optim.AdamW(
            groups, lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        factor = learning_rate_factor(recipe, int(self.trainer.estimated_stepping_batches))
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }


def _mix(recipe: Recipe, num_classes: int) -> Any:
    """Mixup and CutMix of a batch, with one of them at random where both are wanted."""
    mixes: list[Any] = []
    if recipe.mixup:
        mixes.append(v2.MixUp(alpha=recipe.mixup, num_classes=num_classes))
    if recipe.cutmix:
        mixes.append(v2.CutMix(alpha=recipe.cutmix, num_classes=num_classes))
    return v2.RandomChoice(mixes) if mixes else None
