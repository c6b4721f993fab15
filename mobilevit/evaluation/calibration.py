"""Whether a confidence of 0.8 is right four times out of five."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import NonNegativeInt

from ..bundle import Record, Share

BINS = 15


class Bin(Record):
    """The images whose confidence, the probability of the label given, is in (low, high]."""

    low: Share
    high: Share
    images: NonNegativeInt
    confidence: float | None  # their mean; None where there are none
    accuracy: Share | None  # share of them that has the right label; likewise


def reliability(
    confidences: NDArray[np.floating], right: NDArray[np.bool_], bins: int = BINS
) -> tuple[Bin, ...]:
    """Images by confidence, in bins of equal width: the points of a reliability diagram.

    Args:
        confidences: (images,), 0..1.
        right: (images,), whether the label given is the right one.
    """
    edges = np.linspace(0, 1, bins + 1)
    # a probability may come out as 0, or a rounding error above 1
    place = np.clip(np.digitize(confidences.astype(np.float64), edges, right=True) - 1, 0, bins - 1)
    return tuple(
        _bin(float(edges[i]), float(edges[i + 1]), confidences[place == i], right[place == i])
        for i in range(bins)
    )


def _bin(
    low: float, high: float, confidences: NDArray[np.floating], right: NDArray[np.bool_]
) -> Bin:
    images = len(right)
    return Bin(
        low=low,
        high=high,
        images=images,
        confidence=float(confidences.mean(dtype=np.float64)) if images else None,
        accuracy=float(right.mean()) if images else None,
    )


def calibration_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error: the mean over the images of |accuracy - confidence| of their bin.

    Source: Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017, arXiv:1706.04599),
    equation 3, with the 15 bins of its section 5.
    """
    total = sum(b.images for b in bins)
    return sum(
        b.images / total * abs(b.accuracy - b.confidence)
        for b in bins
        if b.accuracy is not None and b.confidence is not None
    )
