"""The graph behind an input as platforms hand out images: interleaved pixels."""

from __future__ import annotations

from torch import Tensor, nn


class PixelInput(nn.Module):
    """image: uint8 or float32 (B, H, W, 3), RGB, 0..255 -> what `classifier` gives for it."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, image: Tensor) -> Tensor:
        x = image.permute(0, 3, 1, 2)  # [B, H, W, 3] -> [B, 3, H, W]
        return self.classifier(x.float())
