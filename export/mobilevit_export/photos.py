"""Photos to compare on: the user's, or crops of those that installed packages bring."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

from mobilevit.data.image_folder import evenly_spread
from mobilevit.errors import DataError, InputError, MissingDependencyError
from mobilevit.images import open_image

# colour photos inside the wheels of scikit-image (public domain or CC0) and scikit-learn (CC BY)
_PACKAGED = {
    "skimage": ("data", ("coffee.png", "chelsea.png", "astronaut.png", "rocket.jpg")),
    "sklearn": ("datasets/images", ("china.jpg", "flower.jpg")),
}
_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}
# parts of a photo, as fractions (left, top, right, bottom): the whole, then what it is made of
_CROPS = (
    (0.0, 0.0, 1.0, 1.0),
    (0.0, 0.0, 0.6, 0.6),
    (0.4, 0.0, 1.0, 0.6),
    (0.0, 0.4, 0.6, 1.0),
    (0.4, 0.4, 1.0, 1.0),
    (0.2, 0.2, 0.8, 0.8),
    (0.0, 0.1, 0.9, 1.0),
    (0.1, 0.0, 1.0, 0.9),
    (0.35, 0.35, 0.65, 0.65),
    (0.1, 0.3, 0.5, 0.7),
    (0.5, 0.3, 0.9, 0.7),
)


@dataclass(frozen=True)
class Photo:
    """An RGB image and where it is from."""

    name: str
    image: Image.Image


def packaged_photo(name: str) -> Path:
    """Path of a photo inside an installed package.

    Raises:
        MissingDependencyError: the package is not installed.
    """
    package = next(p for p, (_, names) in _PACKAGED.items() if name in names)
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise MissingDependencyError(package, "export")
    return Path(spec.origin).parent / _PACKAGED[package][0] / name


def packaged_photos(count: int) -> list[Photo]:
    """`count` crops of the packaged photos, mirrored once all crops are used.

    Raises:
        MissingDependencyError: a package is not installed.
        DataError: more are asked for than there are.
    """
    names = [name for _, own in _PACKAGED.values() for name in own]
    available = len(names) * len(_CROPS) * 2
    if count > available:
        raise DataError(
            f"{count} photos are asked for, and {available} come with the packages",
            "give a folder of your own with `--photos`",
        )
    photos: list[Photo] = []
    for mirrored in (False, True):
        for number in range(len(_CROPS)):
            for name in names[: count - len(photos)]:
                image = packaged_part(name, number)
                if mirrored:
                    image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
                stem = f"{Path(name).stem}-{number}{'-mirrored' if mirrored else ''}"
                photos.append(Photo(stem, image))
    return photos


def packaged_part(name: str, number: int) -> Image.Image:
    """Part `number` of a packaged photo, RGB; 0 is the whole.

    Raises:
        MissingDependencyError: the package is not installed.
    """
    image = _packaged_image(name)
    left, top, right, bottom = _CROPS[number]
    width, height = image.size
    return image.crop(
        (round(left * width), round(top * height), round(right * width), round(bottom * height))
    )


@cache
def _packaged_image(name: str) -> Image.Image:
    return open_image(packaged_photo(name))


def folder_photos(folder: Path, count: int) -> list[Photo]:
    """`count` photos below `folder`, evenly spread over its files in sorted order.

    Files that are not images are passed over.

    Raises:
        DataError: no such folder, or not one readable image in it.
    """
    if not folder.is_dir():
        raise DataError(f"there is no folder `{folder}`", "give a folder of photos")
    files = sorted(
        p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES and not p.name.startswith(".")
    )
    photos = list(_readable(evenly_spread(files, count), folder))
    if not photos:
        raise DataError(f"`{folder}` has no readable photo", "give a folder of photos")
    return photos


def _readable(files: list[Path], folder: Path) -> Iterator[Photo]:
    for path in files:
        try:
            yield Photo(path.relative_to(folder).as_posix(), open_image(path))
        except InputError:
            continue
