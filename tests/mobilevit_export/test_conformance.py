"""The conformance set: exact for this client, near for other kernels, and far for mistakes."""

from __future__ import annotations

from collections.abc import Callable
from math import floor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from mobilevit.bundle import ConformanceRecord, PixelTolerance, read_manifest
from mobilevit.check import check_bundle
from mobilevit.images import open_image
from mobilevit.preprocessing import Preprocessing, resize_and_crop
from mobilevit_export.conformance import write_conformance

Pixels = NDArray[np.uint8]
RECORD = Preprocessing(image_size=(128, 128))
EXIF = ("exif-3", "exif-5", "exif-6", "exif-8")
# too few pixels in one direction for geometry or kernel to show
NARROW = ("tiny", "one-wide", "one-high")


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, ConformanceRecord]]:
    folder = tmp_path_factory.mktemp("conformance")
    return {
        Path(case.file).stem: (folder / case.file, case)
        for case in write_conformance(folder, RECORD)
    }


def expected(case: tuple[Path, ConformanceRecord]) -> Pixels:
    path, record = case
    with Image.open(path.with_name(Path(record.pixels).name)) as image:
        return np.asarray(image)


def within(given: Pixels, wanted: Pixels, tolerance: PixelTolerance) -> bool:
    difference = np.abs(given.astype(np.int16) - wanted)
    return bool(
        difference.max() <= tolerance.max_difference
        and difference.mean() <= tolerance.mean_difference
    )


def resized(
    image: Image.Image, kernel: Image.Resampling, fraction: float = RECORD.crop_fraction
) -> Pixels:
    """Steps 2 and 3 with another kernel, or another margin."""
    H, W = RECORD.image_size
    factor = max(H / image.height, W / image.width) / fraction
    width, height = (max(128, floor(side * factor + 0.5)) for side in image.size)
    left, top = (width - W) // 2, (height - H) // 2
    whole = image.resize((width, height), kernel)
    return np.asarray(whole.crop((left, top, left + W, top + H)))


def test_it_has_every_kind(cases: dict[str, tuple[Path, ConformanceRecord]]) -> None:
    modes = set()
    for path, record in cases.values():
        with Image.open(path) as image:
            modes.add(image.mode)
        assert expected((path, record)).shape == (128, 128, 3)
    assert modes == {"RGB", "RGBA", "L", "P", "I;16"}
    assert {*EXIF, *NARROW, "landscape", "portrait", "rgb-16", "gray-16"} <= cases.keys()


def test_this_client_gives_the_exact_pixels(
    cases: dict[str, tuple[Path, ConformanceRecord]],
) -> None:
    for path, record in cases.values():
        pixels = resize_and_crop(open_image(path), RECORD)
        assert within(pixels, expected((path, record)), record.same_kernel), record.file


@pytest.mark.parametrize("kernel", ["BICUBIC", "LANCZOS", "HAMMING", "BILINEAR"])
def test_other_good_kernels_are_within_their_tolerance(
    cases: dict[str, tuple[Path, ConformanceRecord]], kernel: str
) -> None:
    for path, record in cases.values():
        pixels = resized(open_image(path), Image.Resampling[kernel])
        assert within(pixels, expected((path, record)), record.other_kernel), record.file


MISTAKES: dict[str, Callable[[Image.Image], Pixels]] = {
    "nearest neighbour": lambda image: resized(image, Image.Resampling.NEAREST),
    "blue first": lambda image: resized(image, Image.Resampling.BILINEAR)[..., ::-1],
    "no margin": lambda image: resized(image, Image.Resampling.BILINEAR, 1.0),
    "stretched": lambda image: np.asarray(image.resize((128, 128), Image.Resampling.BILINEAR)),
    "mirrored": lambda image: resized(ImageOps.mirror(image), Image.Resampling.BILINEAR),
    "moved by 4 pixels": lambda image: np.roll(resized(image, Image.Resampling.BILINEAR), 4, 1),
    "brighter": lambda image: resized(image.point(lambda v: v * 1.05), Image.Resampling.BILINEAR),
}


@pytest.mark.parametrize("mistake", list(MISTAKES))
def test_what_apps_get_wrong_is_out_of_tolerance(
    cases: dict[str, tuple[Path, ConformanceRecord]], mistake: str
) -> None:
    for name in ("landscape", "portrait", "large"):
        path, record = cases[name]
        pixels = MISTAKES[mistake](open_image(path))
        assert not within(pixels, expected((path, record)), record.other_kernel), name


@pytest.mark.parametrize("name", EXIF)
def test_an_orientation_that_is_ignored_is_out_of_tolerance(
    cases: dict[str, tuple[Path, ConformanceRecord]], name: str
) -> None:
    path, record = cases[name]
    with Image.open(path) as image:
        pixels = resized(image.convert("RGB"), Image.Resampling.BILINEAR)
    assert not within(pixels, expected((path, record)), record.other_kernel)


def test_16_bits_read_as_8_are_out_of_tolerance(
    cases: dict[str, tuple[Path, ConformanceRecord]],
) -> None:
    """The lower byte taken for the upper one."""
    path, record = cases["gray-16"]
    with Image.open(path) as image:
        lower = Image.fromarray((np.asarray(image) & 255).astype(np.uint8)).convert("RGB")
    pixels = resized(lower, Image.Resampling.BILINEAR)
    assert not within(pixels, expected((path, record)), record.other_kernel)


def test_verify_names_a_client_whose_preprocessing_differs(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mobilevit.check as check

    monkeypatch.setattr(check, "runtimes_for", lambda artifact: [])
    assert not [c for c in check_bundle(bundle) if c.faults]
    bicubic = read_manifest(bundle).preprocessing.model_copy(update={"interpolation": "bicubic"})
    monkeypatch.setattr(
        check, "resize_and_crop", lambda image, record: resize_and_crop(image, bicubic)
    )
    faults = {c.subject: c.faults for c in check_bundle(bundle) if c.faults}
    assert "golden/preprocessing/landscape.png" in faults
    assert "levels on average" in faults["golden/preprocessing/landscape.png"][0]
