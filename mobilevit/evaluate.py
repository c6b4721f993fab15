"""Top-1 and top-5 on a folder of photos, of a checkpoint or of every artifact of a bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .data.image_folder import ImageFolder, scan
from .errors import DataError
from .prediction import Pixels, predict
from .preprocessing import Preprocessing, to_pixels
from .runtimes import Session


@dataclass(frozen=True)
class Accuracy:
    """Shares of the images, 0..1."""

    name: str  # of the checkpoint, or artifact and runtime
    images: int
    top1: float
    top5: float


def open_folder(data: Path, classes: Sequence[str], count: int) -> ImageFolder:
    """The photos of `data`, or of `data/val` where there is one, indexed as the model's outputs.

    Args:
        data: folder of class folders.
        classes: their names in the order of the outputs; where they are not known, the folder
            must have `count` class folders, which are taken in sorted order.

    Raises:
        DataError: missing, empty, or with other classes than the model's.
    """
    root = data / "val" if (data / "val").is_dir() else data
    if classes:
        return scan(root, tuple(classes))
    folder = scan(root)
    if len(folder.classes) != count:
        raise DataError(
            f"`{root}` has {len(folder.classes)} class folders, the model has {count} outputs",
            "give the validation folder of the data it was trained on",
        )
    return folder


def batches(
    folder: ImageFolder, preprocessing: Preprocessing, size: int
) -> Iterator[tuple[Pixels, NDArray[np.int64]]]:
    """uint8 (B, 3, H, W) with class indices (B,), in order, decoded by threads."""

    def read(path: Path) -> Pixels:
        with Image.open(path) as image:
            return to_pixels(image, preprocessing)

    with ThreadPoolExecutor() as pool:
        for start in range(0, len(folder.samples), size):
            part = folder.samples[start : start + size]
            pixels = np.stack(list(pool.map(read, (path for path, _ in part))))
            yield pixels, np.array([target for _, target in part])


def accuracy(
    name: str,
    session: Session,
    folder: ImageFolder,
    preprocessing: Preprocessing,
    progress: Callable[[int], None] = lambda done: None,
) -> Accuracy:
    """Run every photo. `progress` is told how many are done."""
    top1 = top5 = done = 0
    for pixels, targets in batches(folder, preprocessing, size=64):
        order = np.argsort(-predict(session, pixels), axis=1, kind="stable")[:, :5]  # [B, 5]
        hits = order == targets[:, None]
        top1 += int(hits[:, 0].sum())
        top5 += int(hits.any(axis=1).sum())
        done += len(targets)
        progress(done)
    return Accuracy(name, done, top1 / done, top5 / done)
