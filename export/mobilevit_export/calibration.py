"""Photos that quantization takes its ranges from, and what it costs on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mobilevit.bundle import CalibrationRecord
from mobilevit.data.image_folder import ImageFolder, evenly_spread, scan, summarize, training_folder
from mobilevit.images import open_image
from mobilevit.prediction import Pixels, Probabilities, predict
from mobilevit.preprocessing import Preprocessing
from mobilevit.runtimes import Session

from .photos import Photo, packaged_photos
from .verify import photo_pixels

RANGE_PHOTOS = 64  # that ranges are taken from
JUDGED_PHOTOS = 512  # that loss is measured on


@dataclass(frozen=True)
class Calibration:
    """Photos and what the float32 model makes of them; labels where these are known."""

    pixels: Pixels
    labels: NDArray[np.int64] | None  # (images,), indices of the right classes
    reference: Probabilities
    record: CalibrationRecord

    @property
    def range_pixels(self) -> Pixels:
        return np.stack(evenly_spread(list(self.pixels), RANGE_PHOTOS))

    def loss(self, session: Session, count: int) -> tuple[float, float]:
        """What share of `count` photos gets the label that the float32 model gives, and how much
        larger the share was that this one gave the right label.

        Call it where labels are known.
        """
        assert self.labels is not None
        chosen = evenly_spread(range(len(self.pixels)), count)
        own = predict(session, self.pixels[chosen]).argmax(axis=1)
        other, right = self.reference[chosen].argmax(axis=1), self.labels[chosen]
        drop = (other == right).mean() - (own == right).mean()
        return float((own == other).mean()), float(drop)


def packaged_calibration(reference: Session, preprocessing: Preprocessing) -> Calibration:
    """Crops of packaged photos: of no class, so that what is lost cannot be measured."""
    pixels = photo_pixels(packaged_photos(RANGE_PHOTOS), preprocessing)
    record = CalibrationRecord(source="packaged photos", images=len(pixels), sha256=None)
    return Calibration(pixels, None, predict(reference, pixels), record)


def folder_calibration(
    data: Path, classes: Sequence[str], reference: Session, preprocessing: Preprocessing
) -> Calibration:
    """Photos of `data/train`, or of `data` where that has the class folders itself.

    Raises:
        DataError: there are none, or of a class that the model does not have.
    """
    folder = scan(training_folder(data), tuple(classes) or None)
    samples = tuple(evenly_spread(folder.samples, JUDGED_PHOTOS))
    folder = ImageFolder(folder.root, folder.classes, samples, ())
    photos = [Photo(path.name, open_image(path)) for path, _ in samples]
    pixels = photo_pixels(photos, preprocessing)
    about = summarize(folder)
    return Calibration(
        pixels,
        np.array([target for _, target in samples], np.int64) if classes else None,
        predict(reference, pixels),
        CalibrationRecord(source=about.name, images=about.images, sha256=about.sha256),
    )
