"""What images go through on their way into a batch, as uint8 tensors (3, H, W), RGB, 0..255."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2

from ..preprocessing import Preprocessing, resize_and_crop


@dataclass(frozen=True)
class Augmentation:
    """A random part of the image as a square, mirrored half the time, then RandAugment."""

    crop_scale: tuple[float, float] = (0.25, 1.0)  # of the area
    interpolation: str = "bilinear"
    rand_augment: int = 0  # magnitude of 30, of two operations; 0 for none

    def __call__(self, pixels: Tensor, side: int) -> Tensor:
        """uint8 (3, H, W) -> uint8 (3, side, side); random, by torch's generator"""
        mode = v2.InterpolationMode(self.interpolation)
        steps: list[Callable[[Tensor], Tensor]] = [
            v2.RandomResizedCrop(side, scale=self.crop_scale, interpolation=mode, antialias=True),
            v2.RandomHorizontalFlip(),
        ]
        if self.rand_augment:
            steps.append(v2.RandAugment(magnitude=self.rand_augment, interpolation=mode))
        return v2.Compose(steps)(pixels)


def eval_transform(record: Preprocessing) -> Callable[[Image.Image], Tensor]:
    """Resize and centre crop, as the record says."""

    def transform(image: Image.Image) -> Tensor:
        pixels = resize_and_crop(image, record)  # [H, W, 3]
        return torch.from_numpy(pixels.transpose(2, 0, 1).copy())  # [3, H, W]

    return transform
