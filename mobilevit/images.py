"""From whatever holds an image to an upright RGB one, or an error that says why not."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from .errors import InputError
from .preprocessing import MAX_PIXELS, to_rgb

ImageSource = str | Path | bytes | bytearray | memoryview | Image.Image | NDArray[Any]

# what people's photos come as; Pillow's other decoders are not reached, some of them run programs
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "BMP", "GIF", "TIFF", "PPM")

# what Pillow lets through on damaged files, as tests/fuzz found in 13.0
_DECODER_ERRORS = (
    OSError,  # most decoders: cut off, or broken
    SyntaxError,  # PNG: a broken chunk; EXIF without its header
    ValueError,  # PPM: a token that is no number; PNG: too much text
    TypeError,  # TIFF: a fraction where a whole number belongs; PNG: text where bytes belong
    AttributeError,  # AVIF: EXIF that Pillow reads but cannot write again
    AssertionError,  # PNG: a palette's transparency without the palette
    RuntimeError,  # AVIF: whatever libavif reports
    MemoryError,  # any: a row of more bits than an int counts
    struct.error,  # EXIF that ends in its header
    Image.DecompressionBombError,
    Warning,  # where the user has made warnings errors
)

# A file of a few bytes can promise an image that takes a minute to decode. Larger ones than this
# must have some bytes to show for it: photos as AVIF of quality 10 have a byte for 80 pixels, a
# single colour as PNG has one for 340, and WebP can put 10^8 pixels into 38 bytes.
_LARGE = 1 << 24  # pixels
_PIXELS_A_BYTE = 400


def open_image(source: ImageSource) -> Image.Image:
    """An upright RGB image of 8 bits a channel.

    Args:
        source: a path; the bytes of a file; a Pillow image; or a uint8 array (H, W) of gray,
            (H, W, 3) of RGB or (H, W, 4) of RGBA, 0..255.

    Raises:
        InputError: it is missing, empty, cut off, not an image, too large, or of a kind whose
            colours are not defined.
    """
    if isinstance(source, np.ndarray):
        return to_rgb(_from_array(source))
    if isinstance(source, Image.Image):
        return _decoded(source, "the image")
    if isinstance(source, bytes | bytearray | memoryview):
        content = bytes(source)
        return _decoded_file(io.BytesIO(content), len(content), "the image")
    if not isinstance(source, str | Path):
        raise InputError(
            f"a `{type(source).__name__}` is not an image",
            "give a path, the bytes of a file, a Pillow image or a NumPy array",
        )
    path = Path(source)
    try:
        if path.exists() and not path.is_file():  # opening a pipe would wait for its other end
            raise InputError(f"`{path}` is not a file", "check the path")
        with path.open("rb") as stream:
            return _decoded_file(stream, path.stat().st_size, f"`{path}`")
    except FileNotFoundError:
        raise InputError(f"there is no image `{path}`", "check the path") from None
    except (OSError, ValueError) as error:  # no permission, a null byte
        raise InputError(f"`{path}` cannot be read: {error}", "check the path") from error


def _decoded_file(stream: Any, size: int, name: str) -> Image.Image:
    if size == 0:
        raise InputError(f"{name} is empty", "give a JPEG, PNG or WebP file")
    try:
        with Image.open(stream, formats=FORMATS) as image:
            pixels = image.width * image.height
            if pixels > max(_LARGE, size * _PIXELS_A_BYTE):
                raise InputError(
                    f"{name} is {image.width}x{image.height} pixels in {size} bytes, "
                    "as no photo is",
                    "give a smaller image",
                )
            return _decoded(image, name)
    except UnidentifiedImageError:
        raise InputError(
            f"{name} is not an image that can be read here", f"readable are {', '.join(FORMATS)}"
        ) from None
    except _DECODER_ERRORS as error:
        raise _damaged(name, error) from error


def _decoded(image: Image.Image, name: str) -> Image.Image:
    if image.width * image.height > MAX_PIXELS:
        raise InputError(
            f"{name} is {image.width}x{image.height} pixels, more than {MAX_PIXELS / 1e6:.0f} "
            "million",
            "give a smaller image",
        )
    try:
        return to_rgb(image)
    except _DECODER_ERRORS as error:
        raise _damaged(name, error) from error


def _damaged(name: str, error: BaseException) -> InputError:
    reason = str(error).strip().rstrip(".") or type(error).__name__
    return InputError(f"{name} cannot be decoded: {reason}", "give an intact image")


def _from_array(array: NDArray[Any]) -> Image.Image:
    gray = array.ndim == 2
    if array.dtype != np.uint8 or not (gray or (array.ndim == 3 and array.shape[2] in (3, 4))):
        raise InputError(
            f"an array {array.dtype} {array.shape} is not an image",
            "give uint8 (H, W), (H, W, 3) in RGB or (H, W, 4) in RGBA, 0..255",
        )
    return Image.fromarray(array)
