"""What images go through on their way into a batch, as uint8 tensors (3, H, W), RGB, 0..255."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2

from ..preprocessing import Preprocessing, resize_and_crop


@contextmanager
def drawing_from(seed: int) -> Iterator[None]:
    """Have torch's generator draw as after `torch.manual_seed(seed)`, and leave it as it was.

    `torch.random.fork_rng` and `torch.manual_seed` do so for the generators of every device, which
    takes several times as long.
    """
    generator = torch.default_generator
    before = generator.get_state()
    generator.manual_seed(seed)
    try:
        yield
    finally:
        generator.set_state(before)


@dataclass(frozen=True)
class Augmentation:
    """A random part of the image as a square, mirrored half the time, then RandAugment."""

    crop_scale: tuple[float, float] = (0.25, 1.0)  # of the area
    interpolation: str = "bilinear"
    rand_augment: int = 0  # magnitude of 30, of two operations; 0 for none

    def __call__(self, pixels: Tensor, side: int) -> Tensor:
        """uint8 (3, H, W) -> uint8 (3, side, side); random, by torch's generator"""
        return _steps(self, side)(pixels)


@lru_cache(maxsize=64)  # to make them takes a tenth of the time that an image takes
def _steps(augmentation: Augmentation, side: int) -> Callable[[Tensor], Tensor]:
    mode = v2.InterpolationMode(augmentation.interpolation)
    scale = augmentation.crop_scale
    steps: list[Callable[[Tensor], Tensor]] = [
        v2.RandomResizedCrop(side, scale=scale, interpolation=mode, antialias=True),
        v2.RandomHorizontalFlip(),
    ]
    if augmentation.rand_augment:
        bilinear = v2.InterpolationMode.BILINEAR  # it turns tensors by no better
        steps.append(v2.RandAugment(magnitude=augmentation.rand_augment, interpolation=bilinear))
    return v2.Compose(steps)


def eval_transform(record: Preprocessing) -> Callable[[Image.Image], Tensor]:
    """Resize and centre crop, as the record says."""

    def transform(image: Image.Image) -> Tensor:
        pixels = resize_and_crop(image, record)  # [H, W, 3]
        return torch.from_numpy(pixels.transpose(2, 0, 1).copy())  # [3, H, W]

    return transform
