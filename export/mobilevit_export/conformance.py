"""The preprocessing conformance set: images of every kind a phone meets, and the exact pixels that
reach the network.

Every client runs it: this one, which must give the very pixels, and those on phones, which may
resize with the kernel of their platform and must come near.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from mobilevit.bundle import (
    CONFORMANCE_FOLDER,
    ConformanceRecord,
    PixelTolerance,
    hash_artifact,
)
from mobilevit.images import open_image
from mobilevit.preprocessing import Preprocessing, resize_and_crop

from .photos import packaged_part

_ORIENTATION = 0x0112  # EXIF's tag
_LOSSLESS = PixelTolerance(max_difference=0, mean_difference=0)
# decoders of JPEG may round differently, in the last place before the conversion to RGB
_JPEG = PixelTolerance(max_difference=4, mean_difference=0.5)

Write = Callable[[Image.Image, Path], None]


def _plain(image: Image.Image, path: Path) -> None:
    image.save(path)


def _photograph(image: Image.Image, path: Path) -> None:
    image.save(path, quality=90, subsampling=0)


def _turned(orientation: int) -> Write:
    def write(image: Image.Image, path: Path) -> None:
        exif = Image.Exif()
        exif[_ORIENTATION] = orientation
        image.save(path, quality=90, subsampling=0, exif=exif)

    return write


def _gray(image: Image.Image, path: Path) -> None:
    image.convert("L").save(path)


def _gray_16(image: Image.Image, path: Path) -> None:
    upper = np.asarray(image.convert("L")).astype(np.uint16) << 8
    Image.fromarray(upper | _noise(upper.shape)).save(path)


def _rgb_16(image: Image.Image, path: Path) -> None:
    """Pillow reads a PNG of 16 bits a channel and does not write one."""
    upper = np.asarray(image).astype(np.uint16) << 8
    samples = (upper | _noise(upper.shape)).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in samples)  # 0: no filter
    header = struct.pack(">IIBBBBB", image.width, image.height, 16, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in chunks
        )
    )


def _noise(shape: tuple[int, ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint16]]:
    """Lower bytes, which must not matter."""
    return np.random.default_rng(0).integers(0, 256, shape, np.uint16)


def _alpha(image: Image.Image, path: Path) -> None:
    """From half to fully opaque: what premultiplies alpha can still find the colours."""
    ramp = np.linspace(128, 255, image.width).round().astype(np.uint8)
    image.putalpha(Image.fromarray(np.broadcast_to(ramp, (image.height, image.width)).copy()))
    image.save(path)


def _palette(image: Image.Image, path: Path) -> None:
    image.quantize(32).save(path)


@dataclass(frozen=True)
class _Case:
    name: str
    tests: str
    size: tuple[int, int]  # (width, height)
    write: Write
    # Mean and largest difference of other kernels, in levels. Bicubic, Lanczos and Hamming were
    # measured to differ from antialiased bilinear by up to 3.6 and 62, for crops of 64 to 320
    # pixels. The nearest neighbour differs by 79 and more somewhere; a photo whose orientation is
    # ignored, whose channels are swapped, or which is stretched, by 20 and more on average.
    other_kernel: tuple[float, float] = (4.0, 70)


_CASES = (
    _Case("landscape.png", "landscape, odd sides", (171, 113), _plain),
    _Case("portrait.png", "portrait, odd sides", (71, 107), _plain),
    # here the kernel must average: bilinear without that differs by 3.4 and 115 at 128 pixels
    _Case("large.jpg", "a photo larger than the crop", (640, 426), _photograph, (3, 64)),
    _Case("tiny.png", "enlarged many times", (7, 5), _plain, (6, 64)),
    _Case("one-wide.png", "1 pixel wide", (1, 60), _plain),
    _Case("one-high.png", "1 pixel high", (60, 1), _plain),
    _Case("gray.png", "gray, 8 bits", (80, 60), _gray),
    _Case("gray-16.png", "gray, 16 bits: the upper 8 are kept", (72, 54), _gray_16),
    _Case("rgb-16.png", "RGB, 16 bits a channel: the upper 8 are kept", (64, 48), _rgb_16),
    _Case("alpha.png", "alpha is dropped, colours stay as stored", (72, 54), _alpha),
    _Case("palette.png", "a palette of 32 colours", (80, 60), _palette),
    _Case("exif-3.jpg", "EXIF orientation 3: turn by 180 degrees", (72, 54), _turned(3)),
    _Case("exif-5.jpg", "EXIF orientation 5: mirror and turn", (72, 54), _turned(5)),
    _Case("exif-6.jpg", "EXIF orientation 6: turn clockwise", (72, 54), _turned(6)),
    _Case("exif-8.jpg", "EXIF orientation 8: turn anticlockwise", (72, 54), _turned(8)),
)


def write_conformance(bundle: Path, preprocessing: Preprocessing) -> tuple[ConformanceRecord, ...]:
    """Write the set into `bundle`'s golden folder. Every image is made from one photo.

    Raises:
        MissingDependencyError: the package the photo is in is not installed.
    """
    folder = bundle / CONFORMANCE_FOLDER
    folder.mkdir(parents=True)
    records = []
    photo = packaged_part("coffee.png", 0)
    for case in _CASES:
        source = folder / case.name
        case.write(photo.resize(case.size, Image.Resampling.LANCZOS), source)
        crop = folder / f"{source.stem}.pixels.png"
        pixels = resize_and_crop(open_image(source), preprocessing)
        Image.fromarray(pixels).save(crop, optimize=True)
        mean, largest = case.other_kernel
        records.append(
            ConformanceRecord(
                file=source.relative_to(bundle).as_posix(),
                sha256=hash_artifact(source)[0],
                pixels=crop.relative_to(bundle).as_posix(),
                pixels_sha256=hash_artifact(crop)[0],
                tests=case.tests,
                same_kernel=_JPEG if source.suffix == ".jpg" else _LOSSLESS,
                other_kernel=PixelTolerance(max_difference=largest, mean_difference=mean),
            )
        )
    return tuple(records)
