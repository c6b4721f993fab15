"""Does an exported file compute what the model computes?

The artifact is read back from disk and run on real photos, and its probabilities are compared
with those of the checkpoint in torch, in float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mobilevit.bundle import ParityRecord
from mobilevit.errors import ConversionError
from mobilevit.parity import TOLERANCES, measure
from mobilevit.prediction import Pixels, Probabilities, predict
from mobilevit.preprocessing import Preprocessing, resize_and_crop
from mobilevit.runtimes import Runtime, Session

from .photos import Photo


def photo_pixels(photos: Sequence[Photo], preprocessing: Preprocessing) -> Pixels:
    """Steps 1 to 3 of preprocessing for every photo. uint8 (images, H, W, 3)"""
    return np.stack([resize_and_crop(photo.image, preprocessing) for photo in photos])


@dataclass(frozen=True)
class Comparison:
    """Photos at one size, and what the model makes of them."""

    image_size: tuple[int, int]  # (H, W)
    names: tuple[str, ...]
    pixels: Pixels
    reference: Probabilities
    source: str  # of the photos, for the record


def prepare(
    reference: Session, photos: Sequence[Photo], preprocessing: Preprocessing, source: str
) -> Comparison:
    """Run the reference once, for every artifact to be compared with."""
    pixels = photo_pixels(photos, preprocessing)
    names = tuple(photo.name for photo in photos)
    return Comparison(preprocessing.image_size, names, pixels, predict(reference, pixels), source)


def compare(
    comparison: Comparison, artifact: Path, runtime: Runtime, precision: str
) -> ParityRecord:
    """Read `artifact` from disk, run it on every photo, and measure the difference.

    Raises:
        ConversionError: the runtime does not open it, or its output has another name or shape.
    """
    session = runtime.load(artifact, threads=1)
    given = predict(session, comparison.pixels)
    if given.shape != comparison.reference.shape:
        raise ConversionError(
            f"`{artifact.name}` gives {given.shape[1]} probabilities, "
            f"the model {comparison.reference.shape[1]}"
        )
    return measure(
        comparison.reference,
        given,
        names=comparison.names,
        source=comparison.source,
        runtime=runtime,
        tolerance=TOLERANCES[precision],
    )


def worst(parities: Sequence[ParityRecord]) -> ParityRecord:
    """Of an artifact compared at several sizes, the record that speaks for it: one with faults
    before any without, then the one with the largest difference."""
    return max(parities, key=lambda parity: (bool(parity.faults), parity.max_abs_difference))
