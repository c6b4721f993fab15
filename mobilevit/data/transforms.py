"""From a Pillow image to the uint8 tensor a batch is made of. (3, H, W), RGB, 0..255"""

from __future__ import annotations

from collections.abc import Callable

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2

from ..preprocessing import Preprocessing, resize_and_crop


def train_transform(
    size: int, crop_scale: tuple[float, float], interpolation: str
) -> Callable[[Image.Image], Tensor]:
    """A random part of the image, `crop_scale` of its area, as a square; mirrored half the time."""
    mode = v2.InterpolationMode(interpolation)
    return v2.Compose(
        [
            v2.RandomResizedCrop(size, scale=crop_scale, interpolation=mode),
            v2.RandomHorizontalFlip(),
            v2.PILToTensor(),
        ]
    )


def eval_transform(record: Preprocessing) -> Callable[[Image.Image], Tensor]:
    """Resize and centre crop, as the record says."""

    def transform(image: Image.Image) -> Tensor:
        pixels = resize_and_crop(image, record)  # [H, W, 3]
        return torch.from_numpy(pixels.transpose(2, 0, 1).copy())  # [3, H, W]

    return transform
