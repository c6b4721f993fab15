"""An image's draws follow from its seed alone, as `torch.manual_seed` would have them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2

from mobilevit.data.transforms import Augmentation, drawing_from


def plainly(augmentation: Augmentation, pixels: Tensor, side: int, seed: int) -> Tensor:
    """What runs are on record with."""
    mode = v2.InterpolationMode(augmentation.interpolation)
    steps = [
        v2.RandomResizedCrop(
            side, scale=augmentation.crop_scale, interpolation=mode, antialias=True
        ),
        v2.RandomHorizontalFlip(),
    ]
    if augmentation.rand_augment:
        steps.append(
            v2.RandAugment(
                magnitude=augmentation.rand_augment, interpolation=v2.InterpolationMode.BILINEAR
            )
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return v2.Compose(steps)(pixels)


@pytest.mark.parametrize(
    "augmentation", [Augmentation(), Augmentation((0.5, 1), "bicubic", rand_augment=9)]
)
def test_draws_are_those_of_manual_seed(augmentation: Augmentation) -> None:
    pixels = torch.randint(256, (3, 60, 80), dtype=torch.uint8)
    for seed in (0, 7, 100_003 * 1_000_003 + 5):
        for side in (32, 48):
            with drawing_from(seed):
                drawn = augmentation(pixels, side)
            assert torch.equal(drawn, plainly(augmentation, pixels, side, seed))
        with drawing_from(seed + 1):
            assert not torch.equal(drawn, augmentation(pixels, side))  # or nothing was random


def test_the_generator_is_left_as_it_was() -> None:
    torch.manual_seed(3)
    wanted = torch.rand(4)
    torch.manual_seed(3)
    with pytest.raises(ZeroDivisionError), drawing_from(5):
        torch.rand(1)
        _ = 1 / 0
    assert torch.equal(torch.rand(4), wanted)
