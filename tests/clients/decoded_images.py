"""Image files as Pillow decodes them, for clients whose tests run where there is no decoder.

    python tests/clients/decoded_images.py BUNDLE build/decoded --expected build/expected.jsonl

Of the bundle's golden and conformance images with the crops these are to become, and of the photos
of `expected_labels.py`. The folder has a file for each, named by the SHA-256 of the image file: a
line of JSON, which tells the layout of the samples and EXIF's Orientation, then the samples, row by
row. Nothing is turned or converted: gray stays gray, alpha stays, 16 bits stay 16. `photos.json`
has the hashes of the photos, by their paths.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from mobilevit import files
from mobilevit.bundle import read_manifest

_CHANNELS = {1: "gray", 2: "grayAlpha", 3: "rgb", 4: "rgba"}


def _samples(content: bytes) -> tuple[NDArray[np.uint8] | NDArray[np.uint16], int]:
    """(H, W, channels) and EXIF's Orientation."""
    file = Image.open(io.BytesIO(content))
    deep = file.mode == "RGB" and file.tile[0].args == "RGB;16B"
    file.load()  # a PNG may have its EXIF after the pixels
    orientation = file.getexif().get(ExifTags.Base.Orientation, 1)
    image: Image.Image = file
    if file.mode == "P":  # a palette has no layout of samples
        image = file.convert("RGBA" if "transparency" in file.info else "RGB")
    if image.mode not in ("L", "LA", "RGB", "RGBA", "I;16"):
        raise SystemExit(f"pixels of mode {image.mode} have no layout here")
    samples = np.asarray(image)
    if deep:
        samples = samples.astype(np.uint16) << 8 | _lower_halves(content)
    return samples.reshape(image.height, image.width, -1), orientation


def _lower_halves(content: bytes) -> NDArray[np.uint8]:
    """Of the samples of an RGB PNG of 16 bits, of which Pillow keeps the upper ones: it does so
    with these too, if told that they come first."""
    image = Image.open(io.BytesIO(content))
    image.tile = [image.tile[0]._replace(args="RGB;16L")]
    return np.asarray(image)


def _record(content: bytes) -> bytes:
    samples, orientation = _samples(content)
    height, width, channels = samples.shape
    layout = {
        "width": width,
        "height": height,
        "bytesPerRow": width * channels * samples.itemsize,
        "channels": _CHANNELS[channels],
        "bitsPerChannel": 8 * samples.itemsize,
        "bigEndian": False,
        "orientation": orientation,
    }
    little = samples.astype(samples.dtype.newbyteorder("<"))
    return json.dumps(layout).encode() + b"\n" + little.tobytes()


def _images(bundle: Path) -> Iterator[Path]:
    manifest = read_manifest(bundle)
    yield from (bundle / golden.file for golden in manifest.golden)
    for image in manifest.conformance:
        yield from (bundle / image.file, bundle / image.pixels)


def _decode(images: Iterable[Path], folder: Path) -> dict[str, str]:
    """Write their records, and return their hashes."""
    hashes = {}
    for image in images:
        content = image.read_bytes()
        hashes[str(image)] = hashlib.sha256(content).hexdigest()
        (folder / hashes[str(image)]).write_bytes(_record(content))
    return hashes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("output", type=Path, help="a folder, which is made anew")
    parser.add_argument("--expected", type=Path, help="a file of expected_labels.py")
    options = parser.parse_args()
    lines = options.expected.read_text().splitlines() if options.expected else []
    with files.atomic_folder(options.output) as aside:
        _decode(_images(options.bundle), aside)
        photos = _decode((Path(json.loads(line)["photo"]) for line in lines), aside)
        (aside / "photos.json").write_text(json.dumps(photos, indent=1) + "\n")


if __name__ == "__main__":
    main()
