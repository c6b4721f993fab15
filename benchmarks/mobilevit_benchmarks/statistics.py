"""Statistics of samples: the one place where they are computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .measurement import Round


@dataclass(frozen=True)
class Summary:
    """What a set of times comes to. Times are nanoseconds; spreads are shares of 1."""

    count: int
    mean_ns: float
    p50_ns: float
    p90_ns: float
    p99_ns: float  # from fewer than 100 samples, hardly more than the largest
    cv: float  # coefficient of variation: standard deviation over mean
    mad_spread: float  # the same from medians, which a few slow runs do not move


@dataclass(frozen=True)
class Ratio:
    """How many times as long one case takes as another, from interleaved rounds."""

    median: float
    p10: float
    p90: float
    rounds: int


# a normal distribution's standard deviation over its median absolute deviation
_MAD_TO_DEVIATION = 1.4826


def summarize(samples_ns: Sequence[int]) -> Summary:
    """Percentiles interpolate linearly; the standard deviation is a sample's, n - 1, and 0 for one.

    Raises:
        ValueError: there are no samples.
    """
    if not samples_ns:
        raise ValueError("no samples")
    samples = np.asarray(samples_ns, dtype=np.float64)
    p50, p90, p99 = np.percentile(samples, (50, 90, 99))
    mean = samples.mean()
    deviation = samples.std(ddof=1) if len(samples) > 1 else 0.0
    mad = np.median(np.abs(samples - p50))
    return Summary(
        count=len(samples),
        mean_ns=float(mean),
        p50_ns=float(p50),
        p90_ns=float(p90),
        p99_ns=float(p99),
        cv=float(deviation / mean),
        mad_spread=float(_MAD_TO_DEVIATION * mad / p50),
    )


def paired_ratio(rounds: Sequence[Round], reference: Sequence[Round]) -> Ratio:
    """The time of a case over that of `reference`, round by round of one benchmark.

    The two medians of a round were taken moments apart, so what the machine did over the benchmark
    cancels in their ratio. The result is the median of these ratios, with their 10th and 90th
    percentile: how far single rounds disagree, not a confidence interval of the median.

    Raises:
        ValueError: there are no rounds, or not as many of one as of the other.
    """
    if not rounds:
        raise ValueError("no rounds")
    ratios = [
        np.median(case.samples_ns) / np.median(other.samples_ns)
        for case, other in zip(rounds, reference, strict=True)
    ]
    p10, median, p90 = np.percentile(ratios, (10, 50, 90))
    return Ratio(median=float(median), p10=float(p10), p90=float(p90), rounds=len(ratios))
