"""The record of an evaluation: what each file got right, and what it took for what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, PositiveInt

from .. import __version__
from ..bundle import ClassSummary, Record, Sha256, Share
from .accuracy import Accuracy, Agreement
from .calibration import Bin, calibration_error


class ClassFigures(Record):
    """One class; its place in the list is that of the model's output."""

    label: str
    images: NonNegativeInt
    recall: Share | None  # share of its images that are given its label; None without images
    precision: Share | None  # share of the images given its label that are its; None without


class Confusion(Record):
    """Images of one class that are given the label of another; both by number of the output."""

    label: NonNegativeInt
    given: NonNegativeInt
    images: PositiveInt


class Calibration(Record):
    """Whether confidences can be taken for probabilities."""

    expected_error: Share  # expected calibration error over the bins
    bins: tuple[Bin, ...]


class Result(Record):
    """What one file got right, and what it took for what."""

    name: str  # the file and what ran it
    sha256: Sha256
    runtime: str
    runtime_version: str
    images: PositiveInt
    top1: Share
    top5: Share
    agreement: Agreement | None  # with the first result; None for the first
    classes: tuple[ClassFigures, ...]
    confusions: tuple[Confusion, ...]  # all there are, most images first
    calibration: Calibration | None  # None where a probability was not a finite number


class EvaluationReport(Record):
    """`report.json`."""

    schema_version: Literal[1] = 1
    created: str  # ISO 8601, UTC
    sdk_version: str
    subject: str  # checkpoint or bundle, as it was named
    data: ClassSummary
    skipped: int = Field(default=0, ge=0)  # files that could not be read, and were left out
    results: tuple[Result, ...] = Field(min_length=1)


def result_of(
    row: Accuracy, labels: Sequence[str], *, sha256: str, runtime: str, runtime_version: str
) -> Result:
    """The record of what was measured.

    Args:
        labels: of the outputs, in order.
        sha256: of the file that was evaluated.
    """
    wrong = [
        Confusion(label=label, given=given, images=images)
        for (label, given), images in row.answers.items()
        if label != given
    ]
    calibration = row.reliability and Calibration(
        expected_error=calibration_error(row.reliability), bins=row.reliability
    )
    return Result(
        name=row.name,
        sha256=sha256,
        runtime=runtime,
        runtime_version=runtime_version,
        images=row.images,
        top1=row.top1,
        top5=row.top5,
        agreement=row.agreement,
        classes=class_figures(row.answers, labels),
        confusions=tuple(sorted(wrong, key=lambda c: (-c.images, c.label, c.given))),
        calibration=calibration or None,
    )


def class_figures(
    answers: Mapping[tuple[int, int], int], labels: Sequence[str]
) -> tuple[ClassFigures, ...]:
    """Recall and precision of every class.

    Args:
        answers: (class, label given) -> images.
    """
    images: Counter[int] = Counter()
    given: Counter[int] = Counter()
    for (label, answer), count in answers.items():
        images[label] += count
        given[answer] += count
    right = [answers.get((index, index), 0) for index in range(len(labels))]
    return tuple(
        ClassFigures(
            label=label,
            images=images[index],
            recall=right[index] / images[index] if images[index] else None,
            precision=right[index] / given[index] if given[index] else None,
        )
        for index, label in enumerate(labels)
    )


def confusion_matrix(result: Result) -> NDArray[np.int64]:
    """int64 (classes, classes): images by class, in rows, and by label given."""
    counts = np.diag([round((c.recall or 0) * c.images) for c in result.classes])
    for confusion in result.confusions:
        counts[confusion.label, confusion.given] = confusion.images
    return counts


def worst_classes(result: Result, count: int) -> list[ClassFigures]:
    """The classes with the lowest recall, of those that have images; lowest first."""
    known = [figures for figures in result.classes if figures.recall is not None]
    return sorted(known, key=lambda figures: figures.recall or 0.0)[:count]


def make_report(
    subject: str, data: ClassSummary, results: Sequence[Result], skipped: int = 0
) -> EvaluationReport:
    """The record of an evaluation that ends now; `skipped`: files that could not be read."""
    return EvaluationReport(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        sdk_version=__version__,
        subject=subject,
        data=data,
        skipped=skipped,
        results=tuple(results),
    )
