"""An image folder as a torch dataset."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from ..preprocessing import to_rgb
from .image_folder import ImageFolder


class ImageDataset(Dataset[tuple[Tensor, int]]):
    """Samples of an `ImageFolder` through a transform. (uint8 (3, H, W), class index)"""

    def __init__(self, folder: ImageFolder, transform: Callable[[Image.Image], Tensor]) -> None:
        self.samples = folder.samples
        self.transform = transform

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        path, target = self.samples[index]
        with Image.open(path) as image:
            return self.transform(to_rgb(image)), target
