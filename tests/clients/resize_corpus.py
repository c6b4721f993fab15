"""What Pillow makes of small random images, for the clients to be held to.

    python tests/clients/resize_corpus.py build/resizes.bin

A record is, in network byte order: its kind (u8), width and height of an RGB image (u32 each), its
pixels, and by kind

    0  crop height and width (u32 each), crop fraction (f64), kernel (u8: 0 bilinear, 1 bicubic),
       the pixels of the crop
    1  the same up to the kernel, then why it is refused: length (u16) and UTF-8
    2  EXIF's Orientation (u8), width and height of the upright image, its pixels
"""

from __future__ import annotations

import argparse
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from mobilevit import files
from mobilevit.errors import InputError
from mobilevit.preprocessing import Preprocessing, resize_and_crop

_RESIZED, _REFUSED, _TURNED = range(3)
_KERNELS: tuple[Literal["bilinear", "bicubic"], ...] = ("bilinear", "bicubic")


def _image(rng: np.random.Generator, width: int, height: int) -> NDArray[np.uint8]:
    """Noise, or hard edges between black and white, where a bicubic kernel overshoots."""
    pixels = rng.integers(0, 256, (height, width, 3), np.uint8)
    return np.where(pixels < 128, 0, 255).astype(np.uint8) if rng.random() < 0.3 else pixels


def _resize(rng: np.random.Generator) -> bytes:
    record = Preprocessing(
        image_size=(int(rng.integers(32, 97)), int(rng.integers(32, 97))),
        crop_fraction=float(rng.choice([rng.uniform(0.3, 1), 0.875, 0.9, 1])),
        interpolation=_KERNELS[int(rng.integers(2))],
    )
    H, W = record.image_size
    sides = rng.integers(1, 65, 2) if rng.random() < 0.3 else rng.integers(20, 260, 2)
    if rng.random() < 0.1:  # one side is only cropped, or both
        sides = np.array([W, H]) + rng.integers(0, 2, 2) * rng.integers(0, 40, 2)
    return _case(record, _image(rng, *map(int, sides)))


def _case(record: Preprocessing, pixels: NDArray[np.uint8]) -> bytes:
    height, width = pixels.shape[:2]
    (H, W), kernel = record.image_size, _KERNELS.index(record.interpolation)
    asked = pixels.tobytes() + struct.pack(">IIdB", H, W, record.crop_fraction, kernel)
    try:
        kind, answer = _RESIZED, resize_and_crop(Image.fromarray(pixels), record).tobytes()
    except InputError as error:
        said = error.message.encode()
        kind, answer = _REFUSED, struct.pack(">H", len(said)) + said
    return struct.pack(">BII", kind, width, height) + asked + answer


def _turn(rng: np.random.Generator, orientation: int) -> bytes:
    width, height = map(int, rng.integers(1, 40, 2))
    pixels = _image(rng, width, height)
    image = Image.fromarray(pixels)
    image.getexif()[ExifTags.Base.Orientation] = orientation
    upright = ImageOps.exif_transpose(image)
    return (
        struct.pack(">BII", _TURNED, width, height)
        + pixels.tobytes()
        + struct.pack(">BII", orientation, *upright.size)
        + upright.tobytes()
    )


def _records(seed: int, count: int) -> Iterator[bytes]:
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield _resize(rng)
    for narrow in ((1, 3000), (3000, 1), (2, 700)):
        record = Preprocessing(image_size=(256, 192), crop_fraction=0.1)
        yield _case(record, _image(rng, *narrow))
    for orientation in range(10):  # 0 and 9 mean nothing
        for _ in range(3):
            yield _turn(rng, orientation)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--count", type=int, default=500, help="images that are resized")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with files.atomic_file(options.output) as aside, aside.open("wb") as stream:
        stream.writelines(_records(options.seed, options.count))


if __name__ == "__main__":
    main()
