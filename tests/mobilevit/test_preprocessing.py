"""The steps from a photo to pixels, for any size and any kind of image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError
from torchvision.transforms import v2

from mobilevit.preprocessing import Preprocessing, normalize, resize_and_crop, to_rgb
from mobilevit_export.photos import packaged_photo

sides = st.integers(1, 300)


def noise(height: int, width: int) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels)


@given(height=sides, width=sides, H=st.integers(32, 96), W=st.integers(32, 96))
@settings(max_examples=60, deadline=None)
def test_every_size_gives_the_asked_for_crop(height: int, width: int, H: int, W: int) -> None:
    pixels = resize_and_crop(noise(height, width), Preprocessing(image_size=(H, W)))
    assert pixels.shape == (H, W, 3)
    assert pixels.dtype == np.uint8


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("photo", ["china.jpg", "rocket.jpg", "chelsea.png"])
def test_it_is_torchvisions_resize_and_centre_crop(photo: str, interpolation: str) -> None:
    record = Preprocessing(image_size=(224, 224), crop_fraction=0.875, interpolation=interpolation)
    with Image.open(packaged_photo(photo)) as image:
        rgb = to_rgb(image)
    shorter = 256  # 224 / 0.875
    factor = shorter / min(rgb.size)
    exact = [int(side * factor + 0.5) for side in (rgb.height, rgb.width)]
    resized = v2.functional.resize(rgb, exact, v2.InterpolationMode(interpolation))
    top, left = (exact[0] - 224) // 2, (exact[1] - 224) // 2
    expected = v2.functional.crop(resized, top, left, 224, 224)
    assert np.array_equal(resize_and_crop(rgb, record), np.asarray(expected))


def test_an_image_of_the_crops_size_is_not_resampled_without_margin() -> None:
    image = noise(64, 64)
    record = Preprocessing(image_size=(64, 64), crop_fraction=1.0)
    assert np.array_equal(resize_and_crop(image, record), np.asarray(image))


def test_exif_orientation_is_applied() -> None:
    image = noise(40, 60)
    turned = image.copy()
    turned.getexif()[0x0112] = 6  # rotate 90 clockwise to show
    upright = to_rgb(turned)
    assert upright.size == (40, 60)
    assert np.array_equal(np.asarray(upright), np.rot90(np.asarray(image), -1))


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1", "I;16"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    image = noise(40, 50)
    if mode == "I;16":
        gray = np.asarray(image.convert("L"))
        image = Image.fromarray((gray.astype(np.uint16) << 8) | 255)
        assert np.array_equal(np.asarray(to_rgb(image))[..., 0], gray)
    else:
        image = image.convert(mode)
    assert to_rgb(image).mode == "RGB"


def test_normalize_is_the_same_for_torch_and_numpy() -> None:
    record = Preprocessing(image_size=(32, 32), mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 32, 32)).astype(np.float32)
    expected = (pixels / 255 - np.reshape(record.mean, (3, 1, 1))) / np.reshape(
        record.std, (3, 1, 1)
    )
    np.testing.assert_allclose(normalize(pixels, record), expected, rtol=1e-5, atol=1e-6)
    given = normalize(torch.from_numpy(pixels), record).numpy()
    np.testing.assert_allclose(given, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "fields",
    [
        {"image_size": (31, 64)},
        {"image_size": (64, 5000)},
        {"image_size": (64, 64), "interpolation": "nearest"},
        {"image_size": (64, 64), "channels": "bgr"},
        {"image_size": (64, 64), "crop_fraction": 0.0},
        {"image_size": (64, 64), "croping": 1},
    ],
)
def test_a_wrong_record_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Preprocessing.model_validate(fields)
