"""What is measured on a folder of photos, of a checkpoint or of every artifact of a bundle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import NonNegativeInt

from ..bundle import (
    AccuracyRecord,
    ArtifactRecord,
    DataSummary,
    Manifest,
    Record,
    read_manifest,
    write_manifest,
)
from ..data.image_folder import ImageFolder, evenly_spread, scan
from ..errors import BundleError, DataError, InputError
from ..images import open_image
from ..prediction import Pixels, Probabilities, predict
from ..preprocessing import Preprocessing, resize_and_crop
from ..runtimes import Runtime, Session
from .calibration import Bin, reliability

Targets = NDArray[np.int64]  # (images,), class indices

TOP = 5
_BATCH = 64


class Agreement(Record):
    """How the labels of an artifact compare with those of another, on the same photos.

    Labels change places between two files of one model where their probabilities are as good as
    equal. `widest_swap` tells whether that is all there is to it: of all labels that stand at
    another place, the largest difference in probability, by the other artifact, from the label
    whose place it took. 0 where nothing was swapped.
    """

    other: str  # its name
    same_top1: NonNegativeInt  # images
    same_top5: NonNegativeInt  # images with the same five labels in the same order
    widest_swap: float


@dataclass(frozen=True)
class Accuracy:
    """Shares of the images, 0..1."""

    name: str  # of the checkpoint, or artifact and runtime
    images: int
    top1: float
    top5: float
    agreement: Agreement | None  # with the first one evaluated; None for the first
    answers: Mapping[tuple[int, int], int]  # (class, label given) -> images
    reliability: tuple[Bin, ...] | None  # None where a probability was not a finite number


def open_folder(
    data: Path, classes: Sequence[str], count: int, images: int | None = None
) -> ImageFolder:
    """The photos of `data`, or of `data/val` where there is one, indexed as the model's outputs.

    Args:
        data: folder of class folders.
        classes: their names in the order of the outputs; where they are not known, the folder
            must have `count` class folders, which are taken in sorted order.
        images: how many of them, evenly spread over the sorted files; all by default.

    Raises:
        DataError: missing, empty, or with other classes than the model's.
        InputError: `images` is below 1.
    """
    root = data / "val" if (data / "val").is_dir() else data
    folder = scan(root, tuple(classes) if classes else None)
    if not classes and len(folder.classes) != count:
        raise DataError(
            f"`{root}` has {len(folder.classes)} class folders, the model has {count} outputs",
            "give the validation folder of the data it was trained on",
        )
    if images is None:
        return folder
    if images < 1:
        raise InputError(f"cannot evaluate on {images} images", "ask for one or more")
    return replace(folder, samples=tuple(evenly_spread(folder.samples, images)))


def evaluate(
    sessions: Mapping[str, Session],
    folder: ImageFolder,
    preprocessing: Preprocessing,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Accuracy]:
    """Run every photo through every session; each photo is decoded once.

    Args:
        sessions: by name; the others are compared with the first.
        progress: is told how many photos are done.
    """
    return evaluate_batches(sessions, _batches(folder, preprocessing), progress)


def evaluate_batches(
    sessions: Mapping[str, Session],
    batches: Iterable[tuple[Pixels, Targets]],
    progress: Callable[[int], None] = lambda done: None,
) -> list[Accuracy]:
    """The same for images from anywhere.

    Args:
        batches: uint8 (B, H, W, 3), RGB, resized and cropped, with class indices (B,).
    """
    tallies = {name: _Tally() for name in sessions}
    done = 0
    for pixels, targets in batches:
        first: Probabilities | None = None
        for name, session in sessions.items():
            given = predict(session, pixels)
            first = given if first is None else first
            tallies[name].add(given, first, targets)
        done += len(targets)
        progress(done)
    names = list(sessions)
    return [
        Accuracy(
            name=name,
            images=done,
            top1=tally.top1 / done,
            top5=tally.top5 / done,
            agreement=None if name == names[0] else tally.agreement(names[0]),
            answers=dict(tally.answers),
            reliability=tally.reliability(),
        )
        for name, tally in tallies.items()
    ]


class _Tally:
    """Counts over the batches, for one session."""

    def __init__(self) -> None:
        self.top1 = self.top5 = self.same_top1 = self.same_top5 = 0
        self.widest_swap = 0.0
        self.answers: Counter[tuple[int, int]] = Counter()
        self.confidences: list[Probabilities] = []  # of the labels given, [B] each
        self.right: list[NDArray[np.bool_]] = []  # [B] each

    def add(self, given: Probabilities, first: Probabilities, targets: Targets) -> None:
        order, expected = _ranked(given), _ranked(first)  # [B, 5]
        hits = order == targets[:, None]
        self.top1 += int(hits[:, 0].sum())
        self.top5 += int(hits.any(axis=1).sum())
        self.same_top1 += int((order[:, 0] == expected[:, 0]).sum())
        self.same_top5 += int((order == expected).all(axis=1).sum())
        taken = np.take_along_axis(first, order, axis=1)  # what the first thinks of them
        places = np.take_along_axis(first, expected, axis=1)
        self.widest_swap = max(self.widest_swap, float(np.abs(taken - places).max()))
        self.answers.update(zip(targets.tolist(), order[:, 0].tolist(), strict=True))
        self.confidences.append(np.take_along_axis(given, order[:, :1], axis=1)[:, 0])
        self.right.append(hits[:, 0])

    def agreement(self, other: str) -> Agreement:
        return Agreement(
            other=other,
            same_top1=self.same_top1,
            same_top5=self.same_top5,
            widest_swap=self.widest_swap,
        )

    def reliability(self) -> tuple[Bin, ...] | None:
        confidences = np.concatenate(self.confidences)
        if not np.isfinite(confidences).all():
            return None
        return reliability(confidences, np.concatenate(self.right))


def _ranked(probabilities: Probabilities) -> NDArray[np.int64]:
    return np.argsort(-probabilities, axis=1, kind="stable")[:, :TOP]


def _batches(folder: ImageFolder, preprocessing: Preprocessing) -> Iterator[tuple[Pixels, Targets]]:
    """uint8 (B, H, W, 3) with class indices (B,), in order, decoded by threads."""
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(folder.samples), _BATCH):
            part = folder.samples[start : start + _BATCH]
            images = pool.map(lambda sample: open_image(sample[0]), part)
            pixels = np.stack([resize_and_crop(image, preprocessing) for image in images])
            yield pixels, np.array([target for _, target in part])


def record_accuracy(
    bundle: Path,
    measured: Sequence[tuple[ArtifactRecord, Runtime, Accuracy]],
    photos: DataSummary,
) -> Manifest:
    """Write what was measured into the bundle's manifest, as it is now, and return the new one.

    An earlier figure of the same artifact, runtime and photos is replaced.

    Raises:
        BundleError: an artifact is another one by now.
        InputError: the manifest cannot be written.
    """
    manifest = read_manifest(bundle)
    data = DataSummary(name=photos.name, images=photos.images, sha256=photos.sha256)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    hashes = {artifact.file: artifact.sha256 for artifact in manifest.artifacts}
    added: dict[str, list[AccuracyRecord]] = {}
    for artifact, runtime, accuracy in measured:
        if hashes.get(artifact.file) != artifact.sha256:
            raise BundleError(
                f"`{bundle / artifact.file}` was replaced while it was evaluated", "evaluate again"
            )
        added.setdefault(artifact.file, []).append(
            AccuracyRecord(
                runtime=runtime.name,
                runtime_version=runtime.version(),
                data=data,
                top1=accuracy.top1,
                top5=accuracy.top5,
                measured=now,
            )
        )
    artifacts = tuple(
        artifact.model_copy(
            update={"accuracy": _merged(artifact.accuracy, added.get(artifact.file, []))}
        )
        for artifact in manifest.artifacts
    )
    manifest = manifest.model_copy(update={"artifacts": artifacts})
    write_manifest(bundle, manifest)
    return manifest


def _merged(
    before: Sequence[AccuracyRecord], added: Sequence[AccuracyRecord]
) -> tuple[AccuracyRecord, ...]:
    replaced = {(record.runtime, record.data.sha256) for record in added}
    kept = [record for record in before if (record.runtime, record.data.sha256) not in replaced]
    return (*kept, *added)
