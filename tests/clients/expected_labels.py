"""What the Python client gives for photos, for the clients to be held to.

    python tests/clients/expected_labels.py BUNDLE PHOTOS build/expected.jsonl

A line is a JSON object: `photo`, the path of the file, and `probabilities`, an object of the
artifacts' file names with one number for each label. The photos are a fixed sample of those in the
folder, over all its subfolders.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mobilevit import client, files
from mobilevit.bundle import read_manifest

_SUFFIXES = (".onnx", ".tflite")  # of what the clients open


def _sample(folder: Path, count: int, seed: int) -> list[Path]:
    photos = sorted(folder.rglob("*.JPEG")) + sorted(folder.rglob("*.jpg"))
    chosen = np.random.default_rng(seed).permutation(len(photos))[:count]
    return [photos[i].resolve() for i in chosen]


def _lines(bundle: Path, photos: list[Path]) -> Iterator[str]:
    manifest = read_manifest(bundle)
    names = [r.file for r in manifest.artifacts if Path(r.file).suffix in _SUFFIXES]
    clients = {name: client.load(bundle, artifact=name) for name in names}
    decoder = next(iter(clients.values()))
    for photo in photos:
        pixels = decoder.pixels(photo)[None]
        given = {name: c.probabilities(pixels)[0].tolist() for name, c in clients.items()}
        yield json.dumps({"photo": str(photo), "probabilities": given}) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("photos", type=Path, help="a folder; its subfolders are read too")
    parser.add_argument("output", type=Path)
    parser.add_argument("--count", type=int, default=500, help="photos at most")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    photos = _sample(options.photos, options.count, options.seed)
    with files.atomic_file(options.output) as aside, aside.open("w") as stream:
        stream.writelines(_lines(options.bundle, photos))


if __name__ == "__main__":
    main()
