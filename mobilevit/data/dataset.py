"""Image folders as torch datasets: uint8 (3, H, W), RGB, 0..255, with the index of the class."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..errors import InputError
from ..images import open_image
from ..preprocessing import Preprocessing
from .image_folder import ImageFolder
from .schedule import Draw
from .transforms import Augmentation, drawing_from, eval_transform

Item = tuple[Tensor, int]
TrainItem = tuple[Tensor, int, int]  # and the index of the image


class EvalDataset(Dataset[Item]):
    """Resized and cropped as the record says; by index."""

    def __init__(self, folder: ImageFolder, preprocessing: Preprocessing) -> None:
        self.folder = folder
        self.transform = eval_transform(preprocessing)

    def __len__(self) -> int:
        return len(self.folder.samples)

    def __getitem__(self, index: int) -> Item:
        path, target = self.folder.samples[index]
        return self.transform(open_image(path)), target


class TrainDataset(Dataset[TrainItem]):
    """Augmented at random; by `Draw`, so that no crop depends on workers or on what came before.

    Args:
        read: index -> uint8 (3, H, W), the decoded image.
        targets: index of the class of each image.
    """

    def __init__(
        self,
        read: Callable[[int], Tensor],
        targets: list[int],
        augmentation: Augmentation,
    ) -> None:
        self.read = read
        self.targets = targets
        self.augmentation = augmentation

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, draw: Draw) -> TrainItem:
        with drawing_from(draw.seed):
            pixels = self.augmentation(self.read(draw.image), draw.side)
        return pixels, self.targets[draw.image], draw.image


class DecodedFiles:
    """Reads an image of a folder from its file each time. index -> uint8 (3, H, W)"""

    def __init__(self, folder: ImageFolder) -> None:
        self.folder = folder

    def __call__(self, index: int) -> Tensor:
        pixels = np.array(open_image(self.folder.samples[index][0]))  # [H, W, 3]
        return torch.from_numpy(pixels).permute(2, 0, 1)  # [3, H, W]


class DecodedMemory:
    """Holds all images of a folder decoded. index -> uint8 (3, H, W)

    Raises:
        InputError: they need more than `room` bytes.
    """

    def __init__(self, folder: ImageFolder, room: int) -> None:
        read = DecodedFiles(folder)
        self.images: list[Tensor] = []
        held = 0
        with ThreadPoolExecutor() as pool:
            for pixels in pool.map(read, range(len(folder.samples))):
                held += pixels.numel()
                if held > room:
                    raise InputError(
                        f"the decoded images of `{folder.root}` take more than "
                        f"{room / 2**30:.1f} GiB of memory",
                        "leave out `--cache`, or make the images smaller",
                    )
                self.images.append(pixels)

    def __call__(self, index: int) -> Tensor:
        return self.images[index]
