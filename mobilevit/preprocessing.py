"""The one description of what happens to an image before the network.

Training's validation transform, the exported graph and every client follow the same record.
The exact steps:

1. orient by EXIF, convert to RGB, 8 bits: of 16 bits the upper 8 are kept, gray goes into each
   channel, alpha is dropped and the colours beside it stay as stored; profiles are not applied;
2. resize by `max(H / height, W / width) / crop_fraction`, each side to
   `max(crop side, floor(side * factor + 0.5))`, antialiased (Pillow's `Image.resize`);
3. crop `(H, W)` at `((height - H) // 2, (width - W) // 2)`;
4. `x * scale`, then `(x - mean) / std` per channel, in float32.

Steps 1 to 3 belong to the client, step 4 to the exported graph.
"""

from __future__ import annotations

from math import floor
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from PIL import ExifTags, Image
from pydantic import BaseModel, ConfigDict, Field

from .errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_SIDE = 32  # the networks halve five times
MAX_SIDE = 4096
MAX_PIXELS = 178_956_970  # of an image, before and after resizing; where Pillow itself refuses

Side = Annotated[int, Field(ge=MIN_SIDE, le=MAX_SIDE)]
Triple = tuple[float, float, float]

# what each value of EXIF's Orientation asks for; 1 is upright already
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_RESAMPLE = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


class Preprocessing(BaseModel):
    """From a photo to the tensor the network sees."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    image_size: tuple[Side, Side]  # (H, W) of the crop, pixels
    crop_fraction: float = Field(default=0.9, ge=0.01, le=1)
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    channels: Literal["rgb"] = "rgb"
    scale: float = Field(default=1 / 255, gt=0)
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)

    def at_size(self, image_size: tuple[int, int]) -> Preprocessing:
        """The same record for another (H, W)."""
        return Preprocessing.model_validate({**self.model_dump(), "image_size": image_size})


def to_rgb(image: Image.Image) -> Image.Image:
    """Step 1: upright, RGB, 8 bits per channel.

    Raises:
        InputError: it has no pixels, or pixels without a defined range.
    """
    if 0 in image.size:
        raise InputError(f"an image of {image.width}x{image.height} pixels has nothing in it")
    if image.mode in ("I", "F"):
        raise InputError(
            f"pixels of mode `{image.mode}` (32 bits) have no defined range",
            "convert the image to 8 or 16 bits a channel",
        )
    image.load()  # a PNG may have its EXIF after the pixels
    # Pillow's `exif_transpose` also writes the other tags anew, and fails on those it cannot write
    turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    if turn is not None:
        image = image.transpose(turn)
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    try:
        rgb = image.convert("RGB")
    except ValueError:
        raise InputError(f"pixels of mode `{image.mode}` cannot be converted to RGB") from None
    rgb.info = {}  # what says how to turn it among that: it is upright now
    return rgb


def resize_and_crop(image: Image.Image, record: Preprocessing) -> NDArray[np.uint8]:
    """Steps 1 to 3. Any image -> uint8 (H, W, 3), RGB, 0..255

    Raises:
        InputError: see `to_rgb`; or it is so narrow that it would be resized to too many pixels.
    """
    image = to_rgb(image)
    H, W = record.image_size
    factor = max(H / image.height, W / image.width) / record.crop_fraction
    height = max(H, floor(image.height * factor + 0.5))
    width = max(W, floor(image.width * factor + 0.5))
    if height * width > MAX_PIXELS:
        raise InputError(
            f"an image of {image.width}x{image.height} pixels is too narrow: its shorter side "
            f"would be enlarged {factor:.0f} times",
            "crop it first",
        )
    image = image.resize((width, height), _RESAMPLE[record.interpolation])
    top, left = (height - H) // 2, (width - W) // 2
    return np.asarray(image.crop((left, top, left + W, top + H)))


def normalize(pixels: Any, record: Preprocessing) -> Any:
    """Step 4, for a float torch tensor or NumPy array (..., 3, H, W), 0..255. Same shape."""
    x = pixels * record.scale
    if record.mean == (0.0, 0.0, 0.0) and record.std == (1.0, 1.0, 1.0):
        return x
    mean, std = (np.array(v, np.float32).reshape(3, 1, 1) for v in (record.mean, record.std))
    if not isinstance(x, np.ndarray):
        mean, std = x.new_tensor(mean), x.new_tensor(std)
    return (x - mean) / std
