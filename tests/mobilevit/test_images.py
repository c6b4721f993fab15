"""Images as they come from outside: every kind, damaged or made to exhaust."""

from __future__ import annotations

import io
import os
import struct
import time
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from mobilevit import images
from mobilevit.errors import InputError
from mobilevit.images import open_image
from mobilevit.preprocessing import Preprocessing, resize_and_crop, to_rgb
from tests.fuzz.seeds import (
    DESCRIPTION,
    ORIENTATION,
    encoded,
    exif,
    image_files,
    photo,
    png,
    png_header,
    run_length_bmp,
)

FILES = image_files()
REFUSED = {"floats.tif", "floats.pfm", "ascii.pgm"}  # 32 bits a pixel, without a range

_PIXELS = (b"IDAT", zlib.compress(bytes(8 * 25)))
_END = (b"IEND", b"")


def small_png(*chunks: tuple[bytes, bytes]) -> bytes:
    return png(png_header(8, 8), *chunks, _PIXELS, _END)


def truncated_gif(width: int, height: int) -> bytes:
    size = struct.pack("<HH", width, height)
    return (
        b"GIF89a" + size + b"\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0" + size + b"\0\x02\x02\x44\x01\0;"
    )


def with_size(kind: str, width: int, height: int) -> bytes:
    """A file of under 2 KB whose header says that it is this large."""
    if kind == "PNG":
        return png(png_header(width, height), (b"IDAT", zlib.compress(bytes(99))), _END)
    if kind == "BMP":
        return run_length_bmp(width, height, b"\x01\x01\0\0")  # a pixel, and the end of the row
    if kind == "GIF":
        return truncated_gif(width, height)
    if kind == "PPM":
        return b"P6\n%d %d\n255\nabc" % (width, height)
    if kind == "JPEG":
        data = bytearray(encoded(photo(), "JPEG", progressive=True))
        struct.pack_into(">HH", data, data.find(b"\xff\xc2") + 5, height, width)
    elif kind == "WEBP":
        data = bytearray(encoded(photo(), "WEBP", exif=exif()))  # with a header of its own
        data[24:30] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    elif kind == "AVIF":
        data = bytearray(encoded(photo(), "AVIF"))
        struct.pack_into(">II", data, data.find(b"ispe") + 8, width, height)
    else:
        data = bytearray(encoded(photo().convert("1"), "TIFF", compression="group4"))
        for tag, side in ((256, width), (257, height)):
            struct.pack_into("<HII", data, data.find(struct.pack("<H", tag), 8) + 2, 4, 1, side)
    return bytes(data)


@pytest.mark.parametrize("name", FILES)
def test_every_kind_is_read(name: str) -> None:
    if name in REFUSED:
        with pytest.raises(InputError, match="no defined range"):
            open_image(FILES[name])
        return
    image = open_image(FILES[name])
    assert image.mode == "RGB"
    assert resize_and_crop(image, Preprocessing(image_size=(32, 32))).shape == (32, 32, 3)


@given(
    name=st.sampled_from(sorted(FILES)),
    cut=st.integers(0, 3000),
    changes=st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), max_size=8),
)
@settings(max_examples=400, deadline=None)
def test_damage_gives_an_image_or_our_error(
    name: str, cut: int, changes: list[tuple[int, int]]
) -> None:
    data = bytearray(FILES[name])
    for place, value in changes:
        data[place % len(data)] = value
    try:
        image = open_image(bytes(data[: max(1, len(data) - cut)] if cut % 2 else data))
    except InputError as error:
        assert error.message
        assert "\n" not in error.message
    else:
        assert image.mode == "RGB"


def with_fraction_for_text(data: bytes) -> bytes:
    """The same file, whose EXIF says that the description is a fraction."""
    text, fraction = (struct.pack(">HHI", DESCRIPTION, *kind) for kind in ((2, 8), (5, 1)))
    assert text in data
    return data.replace(text, fraction)


def with_tags(tags: bytes) -> bytes:
    return small_png((b"eXIf", tags))


# what fuzzing found, one for each type of error that Pillow lets through
FOUND = {
    "OSError": FILES["rgb.jpg"][:300],
    "SyntaxError": with_tags(b"I"),
    "ValueError": b"P3\n2 2\n255\n1 2 3 x",
    "TypeError": small_png((b"tEXt", b'xmp\0tiff:Orientation="6')),
    "AttributeError": with_fraction_for_text(FILES["rgb.avif"]),
    "AssertionError": png(
        png_header(8, 8, colour=3),
        (b"tRNS", b"\xff\0"),
        (b"IDAT", zlib.compress(bytes(8 * 9))),
        _END,
    ),
    "RuntimeError": FILES["rgb.avif"].replace(b"av01", b"av02"),
    "MemoryError": png(png_header(100_000_000, 1), (b"IDAT", bytes(300_000)), _END),
    "error": with_tags(b"II*\0"),
    "DecompressionBombError": with_size("PNG", 60_000, 60_000),
}


@pytest.mark.parametrize("kind", FOUND)
def test_each_error_of_pillow_becomes_ours(kind: str) -> None:
    with pytest.raises(InputError) as caught:
        open_image(FOUND[kind])
    cause = caught.value.__cause__
    assert type(cause).__name__ == kind
    assert isinstance(cause, images._DECODER_ERRORS)


def test_the_list_of_errors_is_what_was_found() -> None:
    listed = {error.__name__ for error in images._DECODER_ERRORS}
    assert listed == {*FOUND, "Warning"}


def test_a_warning_made_an_error_is_ours() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputError, match="exceeds limit"):
            open_image(png(png_header(10_000, 10_000), (b"IDAT", bytes(300_000)), _END))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("kind", images.FORMATS)
def test_a_small_file_with_a_huge_image_is_refused_at_once(kind: str) -> None:
    for side in (13_000, 60_000):
        start = time.perf_counter()
        with pytest.raises(InputError):
            open_image(with_size(kind, side, side))
        assert time.perf_counter() - start < 2


def test_a_large_image_of_one_colour_is_read() -> None:
    """Control of the bound on pixels a byte: the most that a whole PNG reaches."""
    assert open_image(encoded(Image.new("RGB", (4500, 4000), "red"), "PNG")).size == (4500, 4000)


def test_the_worst_that_is_let_through_takes_seconds() -> None:
    start = time.perf_counter()
    open_image(run_length_bmp(4096, 4096, b"\x01\x01\0\0" * 4096))
    assert time.perf_counter() - start < 20


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_pillows(orientation: int) -> None:
    with Image.open(io.BytesIO(encoded(photo(), "JPEG", exif=exif(orientation)))) as image:
        expected = ImageOps.exif_transpose(image)
        assert np.array_equal(np.asarray(to_rgb(image)), np.asarray(expected))


@pytest.mark.parametrize("name", ["exif.jpg", "exif.png", "text.png", "lossy.webp", "rgb.avif"])
def test_an_upright_image_is_not_turned_again(name: str) -> None:
    """Wherever the orientation is written: in EXIF, in XMP, or in the format's own way."""
    upright = open_image(FILES[name])
    assert upright.size == photo().size[::-1]
    assert np.array_equal(np.asarray(to_rgb(upright)), np.asarray(upright))


def test_other_tags_that_are_damaged_do_no_harm() -> None:
    """A description that is a fraction: Pillow's own `exif_transpose` fails when it rewrites it."""
    intact = encoded(photo(), "JPEG", exif=exif(6))
    damaged = with_fraction_for_text(intact)
    with Image.open(io.BytesIO(damaged)) as image:
        assert image.getexif()[ORIENTATION] == 6
        with pytest.raises(AttributeError):
            ImageOps.exif_transpose(image)
    assert np.array_equal(np.asarray(open_image(damaged)), np.asarray(open_image(intact)))


@pytest.mark.parametrize("name", ["frames.gif", "frames.png", "frames.webp", "frames.tif"])
def test_of_several_frames_the_first_is_taken(name: str) -> None:
    assert open_image(FILES[name]).size in (photo().size, photo().size[::-1])
    with Image.open(io.BytesIO(FILES[name])) as image:
        assert np.array_equal(np.asarray(open_image(FILES[name])), np.asarray(to_rgb(image)))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "LA", "PA"])
def test_pillow_images_of_every_mode(mode: str) -> None:
    assert open_image(Image.new(mode, (5, 4))).size == (5, 4)


@pytest.mark.parametrize("mode", ["I", "F", "La"])
def test_modes_without_defined_colours_are_refused(mode: str) -> None:
    for read in (open_image, to_rgb):
        with pytest.raises(InputError, match=f"mode `{mode}`"):
            read(Image.new(mode, (5, 4)))


def test_a_pillow_image_whose_file_is_damaged() -> None:
    """It is decoded when it is used."""
    with (
        Image.open(io.BytesIO(FILES["rgb.jpg"][:-60])) as image,
        pytest.raises(InputError, match="cannot be decoded"),
    ):
        open_image(image)


ARRAY = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)


@pytest.mark.parametrize(
    "array",
    [ARRAY[::-1, ::-1, ::-1], np.asfortranarray(ARRAY), np.broadcast_to(ARRAY[0], (9, 5, 3))],
)
def test_arrays_of_any_strides(array: np.ndarray) -> None:
    assert np.array_equal(np.asarray(open_image(array)), array)


@pytest.mark.parametrize(
    "array",
    [
        ARRAY[:0],
        ARRAY[:, :0],
        ARRAY[..., :0],
        ARRAY[..., :2],
        ARRAY[None],
        ARRAY.astype(object),
        ARRAY.astype(np.float32),
        ARRAY.astype(bool),
        np.array("text"),
        np.zeros((3, 3), [("red", "u1")]),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_arrays_that_are_no_image(array: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"nothing in it|is not an image"):
        open_image(array)


@pytest.mark.parametrize("path", ["\0", "\ud800", "a" * 300, "", "/"], ids=ascii)
def test_paths_that_are_no_file(path: str) -> None:
    with pytest.raises(InputError):
        open_image(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.jpg")
    with pytest.raises(InputError, match="is not a file"):
        open_image(tmp_path / "x.jpg")
