"""Image folders as torch datasets: uint8 (3, H, W), RGB, 0..255, with the index of the class."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from ..images import open_image
from ..preprocessing import Preprocessing
from .image_folder import ImageFolder
from .transforms import eval_transform, train_transform

Item = tuple[Tensor, int]


class EvalDataset(Dataset[Item]):
    """Resized and cropped as the record says; by index."""

    def __init__(self, folder: ImageFolder, preprocessing: Preprocessing) -> None:
        self.folder = folder
        self.transform = eval_transform(preprocessing)

    def __len__(self) -> int:
        return len(self.folder.samples)

    def __getitem__(self, index: int) -> Item:
        return _read(self.folder, index, self.transform)


def item_seed(seed: int, item: int) -> int:
    """Of one image or step of an epoch that has `seed`; no two epochs share any."""
    return seed * 1_000_003 + item


class Draw(NamedTuple):
    """One image as one epoch sees it."""

    image: int  # its index
    side: int  # of the crop, pixels
    seed: int  # of everything random about it


class TrainDataset(Dataset[Item]):
    """Cropped at random; by `Draw`, so that no crop depends on workers or on what came before."""

    def __init__(
        self, folder: ImageFolder, crop_scale: tuple[float, float], interpolation: str
    ) -> None:
        self.folder = folder
        self.crop_scale = crop_scale
        self.interpolation = interpolation

    def __len__(self) -> int:
        return len(self.folder.samples)

    def __getitem__(self, draw: Draw) -> Item:
        transform = train_transform(draw.side, self.crop_scale, self.interpolation)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(draw.seed)
            return _read(self.folder, draw.image, transform)


def _read(folder: ImageFolder, index: int, transform: Callable[[Image.Image], Tensor]) -> Item:
    path, target = folder.samples[index]
    return transform(open_image(path)), target


class EpochSampler(Sampler[Draw]):
    """Every image once, shuffled; all of it follows from the epoch, which is asked for when a pass
    begins, so that a resumed epoch is the one that was interrupted."""

    def __init__(
        self,
        count: int,
        epoch: Callable[[], int],
        side_at: Callable[[int], int],
        seed_at: Callable[[int], int],
    ) -> None:
        self.count = count
        self.epoch = epoch
        self.side_at = side_at
        self.seed_at = seed_at

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Draw]:
        epoch = self.epoch()
        side, seed = self.side_at(epoch), self.seed_at(epoch)
        generator = torch.Generator().manual_seed(seed)
        for index in torch.randperm(self.count, generator=generator).tolist():
            yield Draw(index, side, item_seed(seed, index))
