"""The moving average of the weights, which is what is validated and saved."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor


class MovingAverage(WeightAveraging):
    """Exponential, with a memory that grows with the steps taken up to `decay`, so that a short run
    is not dominated by its first weights: the share of the newest is max(1 - decay, 9 / (10 + n)).
    """

    def __init__(self, decay: float) -> None:
        super().__init__(multi_avg_fn=self.average)
        self.decay = decay

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        # Lightning moves the module later, and the average would stay behind on the CPU
        pl_module.to(trainer.strategy.root_device)
        super().setup(trainer, pl_module, stage)

    @torch.no_grad()
    def average(self, averaged: Any, current: Any, steps: Tensor | int) -> None:
        """Bring `averaged` up to date; tensors of one device and type each. Counts are copied."""
        if not averaged[0].is_floating_point():
            torch._foreach_copy_(averaged, current)
            return
        n = torch.as_tensor(steps, dtype=torch.float32)  # stays where it is: no wait for a GPU
        share = (9 / (10 + n)).clamp(min=1 - self.decay)
        change = torch._foreach_sub(current, averaged)
        torch._foreach_mul_(change, share)
        torch._foreach_add_(averaged, change)
