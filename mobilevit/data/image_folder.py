"""A folder of photos, one subfolder per class."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..bundle import ClassSummary, hash_files
from ..capture import captured
from ..errors import DataError, InputError, reason
from ..images import open_image

Item = TypeVar("Item")

_TOLD = 10  # files left out that are named
PARTS = ("train", "val")  # names of folders that say nothing of the data
SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".avif", ".tif", ".tiff", ".ppm", ".gif"}


@dataclass(frozen=True)
class Skipped:
    """A file that is not a readable image, and why, in a sentence that names it."""

    path: Path
    reason: str


@dataclass(frozen=True)
class ImageFolder:
    """Image files with the index of their class, and what was left out."""

    root: Path
    classes: tuple[str, ...]  # names of the subfolders, sorted
    samples: tuple[tuple[Path, int], ...]
    skipped: tuple[Skipped, ...]

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def labels(self) -> list[str]:
        """For people, where no other are given."""
        return list(self.classes)


def class_folders(root: Path) -> tuple[str, ...]:
    """Names of the subfolders, sorted; their images are not looked at.

    Raises:
        DataError: there are none, or `root` is missing.
    """
    if not root.is_dir():
        raise DataError(
            f"there is no folder `{root}`", "give a folder with one subfolder per class"
        )
    found = sorted(p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not found:
        raise DataError(f"`{root}` has no class folders", "put each class's images in a subfolder")
    return tuple(found)


def scan(root: Path, classes: tuple[str, ...] | None = None) -> ImageFolder:
    """List the images below `root/CLASS/`, each opened once to see that it can be decoded.

    Args:
        root: the folder of class folders.
        classes: names and order to keep, so that a validation folder is indexed like the training
            folder; by default the sorted names of the subfolders.

    Raises:
        DataError: the folder is missing or empty, a class has no readable image, or a class of
            the folder is not among `classes`.
    """
    found = class_folders(root)
    if classes is None:
        classes = found
    elif unknown := sorted(set(found) - set(classes)):
        raise DataError(
            f"`{root / unknown[0]}` is not a class of the model",
            f"its classes are {', '.join(classes)}",
        )
    files = [
        (path, classes.index(name))
        for name in found
        for path in _files(root / name)
        if path.is_file() and not path.name.startswith(".")
    ]
    with captured(), ThreadPoolExecutor() as pool:  # decoders talk about odd files
        reasons = list(pool.map(lambda sample: _unreadable(sample[0]), files))
    samples = tuple(s for s, reason in zip(files, reasons, strict=True) if reason is None)
    skipped = tuple(
        Skipped(path, reason)
        for (path, _), reason in zip(files, reasons, strict=True)
        if reason is not None
    )
    filled = {target for _, target in samples}
    for index, name in enumerate(classes):
        if name in found and index not in filled:
            raise DataError(
                f"class `{name}` has no readable image in `{root / name}`",
                "add images or remove the folder",
            )
    return ImageFolder(root, classes, samples, skipped)


def _files(folder: Path) -> list[Path]:
    """Sorted.

    Raises:
        DataError: a folder in it cannot be listed, which `rglob` would pass over in silence.
    """

    def refuse(error: OSError) -> None:
        raise DataError(
            f"`{error.filename}` cannot be listed: {error.strerror}", "allow it, or remove it"
        ) from error

    found = os.walk(folder, onerror=refuse)
    return sorted(Path(place) / name for place, _, names in found for name in names)


def _unreadable(path: Path) -> str | None:
    """Why `path` cannot be used, or None if it can."""
    if path.suffix.lower() not in SUFFIXES:
        return f"`{path}` is not an image file"
    try:
        open_image(path)
    except InputError as error:
        return error.message
    return None


def evenly_spread(items: Sequence[Item], count: int) -> list[Item]:
    """`count` of the items, at equal distances from the first on; all where there are fewer."""
    step = max(1.0, len(items) / count)
    return [items[int(i * step)] for i in range(min(count, len(items)))]


def summarize(folder: ImageFolder) -> ClassSummary:
    """Name, counts and hash of the images, for the records of what was made with them."""
    files = {path.relative_to(folder.root).as_posix(): path for path, _ in folder.samples}
    counts = Counter(target for _, target in folder.samples)
    name = folder.root.name
    if name in PARTS:
        name = f"{folder.root.resolve().parent.name}/{name}"
    return ClassSummary(
        name=name,
        images=len(folder.samples),
        classes={folder.classes[target]: counts[target] for target in sorted(counts)},
        sha256=hash_files(files)[0],
    )


def split(folder: ImageFolder, fraction: float, seed: int) -> tuple[ImageFolder, ImageFolder]:
    """Set aside `fraction` of each class, at least one image, for validation.

    Raises:
        DataError: a class has a single image.
    """
    generator = random.Random(seed)
    train: list[tuple[Path, int]] = []
    held_out: list[tuple[Path, int]] = []
    for index, name in enumerate(folder.classes):
        own = [sample for sample in folder.samples if sample[1] == index]
        if len(own) < 2:
            raise DataError(
                f"class `{name}` has one image, and training needs one more to validate on",
                "add images, or provide `train/` and `val/` folders",
            )
        generator.shuffle(own)
        count = max(1, round(len(own) * fraction))
        held_out += own[:count]
        train += own[count:]
    return (
        ImageFolder(folder.root, folder.classes, tuple(train), folder.skipped),
        ImageFolder(folder.root, folder.classes, tuple(held_out), ()),
    )


def skipped_lines(skipped: Sequence[Skipped]) -> Iterator[str]:
    """For a person: the first of what was left out, and why."""
    for item in skipped[:_TOLD]:
        yield f"skipped: {item.reason}"
    if len(skipped) > _TOLD:
        yield f"and {len(skipped) - _TOLD} more"


def training_folder(data: Path) -> Path:
    """`data/train`, or `data` where that has the class folders themselves."""
    return data / "train" if (data / "train").is_dir() else data


def read_folders(
    data: Path, val_fraction: float, seed: int, report: Callable[[str], None]
) -> tuple[ImageFolder, ImageFolder]:
    """Images to train on, and to validate on.

    Args:
        data: a folder with `train/` and `val/`, or with the class folders themselves.
        val_fraction: held out of the training images where there is no `val/`.
        seed: of which.
        report: is given lines on what was found and what was left out.

    Raises:
        DataError: nothing to train on.
    """
    train_root = training_folder(data)
    if train_root != data:
        train_folder = scan(train_root)
        if (data / "val").is_dir():
            val_folder = scan(data / "val", train_folder.classes)
        else:
            train_folder, val_folder = split(train_folder, val_fraction, seed)
    else:
        train_folder, val_folder = split(scan(train_root), val_fraction, seed)
    skipped = train_folder.skipped + val_folder.skipped
    for line in skipped_lines(skipped):
        report(line)
    report(
        f"{len(train_folder.samples)} images to train on, {len(val_folder.samples)} to validate "
        f"on; classes: {len(train_folder.classes)}; files skipped: {len(skipped)}"
    )
    return train_folder, val_folder


def read_label_names(path: Path, classes: tuple[str, ...]) -> list[str]:
    """Readable labels for class folders.

    Args:
        path: JSON, `{"folder": "label", …}`, or ImageNet's index `{"0": ["folder", "label"], …}`.
        classes: the class folders, in order.

    Raises:
        DataError: the file cannot be read or does not name a class.
    """
    try:
        content = json.loads(path.read_text())
        if not isinstance(content, dict):
            raise ValueError("it is not an object")
        pairs = (v if isinstance(v, list) else [k, v] for k, v in content.items())
        names = {str(folder): str(label) for folder, label in pairs}
    except (OSError, ValueError) as error:
        raise DataError(
            f"`{path}` is not a table of labels: {reason(error)}",
            'expected JSON {"folder": "label", …}',
        ) from error
    for name in classes:
        if name not in names:
            raise DataError(f"`{path}` has no label for class `{name}`", "add it")
    return [names[name].replace("_", " ") for name in classes]
