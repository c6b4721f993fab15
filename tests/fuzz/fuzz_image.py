"""Image files, damaged: only the library's own error may come out of reading them.

python tests/fuzz/fuzz_image.py -max_total_time=600 CORPUS

CORPUS is a folder for the inputs found, filled with intact files if it is empty. Options are
libFuzzer's. What fails is written to `crash-…` in the working folder; run it alone by its name.
"""

from __future__ import annotations

import struct
import sys
import warnings
import zlib
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["PIL", "mobilevit.images", "mobilevit.preprocessing"]):
    from PIL import Image, PngImagePlugin  # noqa: F401 the decoders are imported when needed

    Image.init()
    from mobilevit.errors import InputError
    from mobilevit.images import open_image
    from mobilevit.preprocessing import Preprocessing, resize_and_crop

from tests.fuzz.seeds import image_files

_RECORD = Preprocessing(image_size=(32, 48))
_PNG = b"\x89PNG\r\n\x1a\n"


def test_one_input(data: bytes) -> None:
    try:
        image = open_image(data)
        pixels = resize_and_crop(image, _RECORD)
    except InputError as error:
        assert error.message and "\n" not in error.message
        return
    assert image.mode == "RGB"
    assert pixels.shape == (32, 48, 3)


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """libFuzzer's mutation; the checksums of a PNG are made right again, or it is read no further
    than the first one."""
    changed = atheris.Mutate(data, max_size)
    return _with_checksums(changed) if changed.startswith(_PNG) and seed % 4 else changed


def _with_checksums(data: bytes) -> bytes:
    out, at = bytearray(data), len(_PNG)
    while at + 12 <= len(out):
        (length,) = struct.unpack_from(">I", out, at)
        end = at + 8 + length
        if end + 4 > len(out):
            break
        struct.pack_into(">I", out, end, zlib.crc32(out[at + 4 : end]))
        at = end + 4
    return bytes(out)


def main() -> None:
    for argument in sys.argv[1:]:
        folder = Path(argument)
        if folder.is_dir() and not any(folder.iterdir()):
            for name, content in image_files().items():
                (folder / name).write_bytes(content)
    warnings.simplefilter("ignore")
    # time goes to decoders, not to large pictures; Pillow refuses what has twice as many pixels
    Image.MAX_IMAGE_PIXELS = 1 << 20
    atheris.Setup(sys.argv, test_one_input, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
