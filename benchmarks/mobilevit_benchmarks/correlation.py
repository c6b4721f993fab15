"""Do multiply-adds tell latency? A rank correlation over models, and the paper's own example."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Point:
    """One model on one runtime with one number of threads."""

    name: str
    family: str
    multiply_adds: int  # of one image
    latency_ms: float


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's, of multiply-adds and latency, with an interval over models."""

    rho: float  # 1: latency orders the models as multiply-adds do
    low: float
    high: float
    confidence: float  # of the interval
    models: int

    def __str__(self) -> str:
        share = f"{self.confidence:.0%}"
        return f"ρ = {self.rho:.2f} ({share}: {self.low:.2f} to {self.high:.2f}, n = {self.models})"


@dataclass(frozen=True)
class Comparison:
    """How much more one model computes than another, and how much longer it takes."""

    model: str
    reference: str
    multiply_adds: float  # ratio, model over reference
    latency: float  # likewise

    def __str__(self) -> str:
        return (
            f"{self.model} has {self.multiply_adds:.2f} times the multiply-adds of "
            f"{self.reference} and takes {self.latency:.2f} times as long"
        )


# of the paper's tables 9 and 11: half the work and hardly less time; its own model against both
PAPER_EXAMPLE = (("PiT-Ti", "DeiT-Ti"), ("MobileViT-XS", "DeiT-Ti"), ("MobileViT-XS", "PiT-Ti"))


def rank_correlation(
    points: Sequence[Point], *, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> RankCorrelation:
    """Spearman's rank correlation of multiply-adds and latency; ties share their mean rank.

    The interval is a percentile bootstrap over models: it says how far the figure depends on which
    models were chosen, not on how well each was timed. Resamples in which all are one model have
    no correlation, and are left out. With fewer than about ten models it is rough.

    Raises:
        ValueError: fewer than four points, or all have the same multiply-adds or latency.
    """
    from scipy.stats import spearmanr

    if len(points) < 4:
        raise ValueError(f"{len(points)} points have no rank correlation worth the name")
    work = np.array([point.multiply_adds for point in points], dtype=np.float64)
    time = np.array([point.latency_ms for point in points])
    if len(set(work)) == 1 or len(set(time)) == 1:
        raise ValueError("what does not vary does not correlate")
    chosen = np.random.default_rng(seed).integers(len(points), size=(resamples, len(points)))
    resampled = _row_correlations(work[chosen], time[chosen])
    tail = 50 * (1 - confidence)
    low, high = np.nanpercentile(resampled, (tail, 100 - tail))
    return RankCorrelation(
        rho=float(spearmanr(work, time).statistic),
        low=float(low),
        high=float(high),
        confidence=confidence,
        models=len(points),
    )


def compare(model: Point, reference: Point) -> Comparison:
    return Comparison(
        model=model.name,
        reference=reference.name,
        multiply_adds=model.multiply_adds / reference.multiply_adds,
        latency=model.latency_ms / reference.latency_ms,
    )


def paper_example(points: Sequence[Point]) -> list[Comparison]:
    """DeiT-Ti, PiT-Ti and MobileViT-XS against each other, as far as they are among `points`."""
    by_name = {point.name: point for point in points}
    return [
        compare(by_name[model], by_name[reference])
        for model, reference in PAPER_EXAMPLE
        if model in by_name and reference in by_name
    ]


def _row_correlations(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spearman's of each row, NaN where one is constant. (R, n), (R, n) -> (R,)"""
    from scipy.stats import rankdata

    ranks = [rankdata(x, axis=1) for x in (a, b)]
    x, y = (r - r.mean(axis=1, keepdims=True) for r in ranks)
    with np.errstate(invalid="ignore"):
        correlations: NDArray[np.float64] = (x * y).sum(1) / np.sqrt(
            (x * x).sum(1) * (y * y).sum(1)
        )
    return correlations
