"""From photo pixels to probabilities: what is exported, and what every artifact is held against."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .preprocessing import Preprocessing, normalize


class ClassifierGraph(nn.Module):
    """The model with step 4 of its preprocessing before it and softmax after it.

    Both stay in float32 in every precision; the model computes in the type of its weights.

    image: float32 (B, 3, H, W), RGB, 0..255 -> probabilities: float32 (B, classes), 0..1
    """

    def __init__(self, model: nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.model = model
        self.preprocessing = preprocessing

    def forward(self, image: Tensor) -> Tensor:
        x = normalize(image, self.preprocessing)
        logits = self.model(x.to(next(self.model.parameters()).dtype))
        return torch.softmax(logits.float(), dim=-1)
