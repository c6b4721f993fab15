"""Statistics of samples: the one place where they are computed.

Samples are not independent: those of one round share a moment, those of one launch a process. So
intervals come from a bootstrap that draws whole launches, and then rounds within each (Davison and
Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8). With few launches percentile
intervals are too narrow; they are widened as Hesterberg does ("What Teachers Should Know about the
Bootstrap", 2015, section 4.3, the expanded percentile interval).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from .measurement import BenchmarkResult, Launch, Measurement

CONFIDENCE = 0.95
_RESAMPLES = 4000
_SEED = 0  # the same samples give the same interval

# A normal distribution's standard deviation over its median absolute deviation
_MAD_TO_DEVIATION = 1.4826

# Student's t, two-sided 95 %, by degrees of freedom; beyond, by Cornish and Fisher's expansion
_T95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)

# A reading of the sentinel this much slower than the run's fast quarter marks the rounds beside it
SENTINEL_TOLERANCE = 0.10
# and so much between the first and the last quarter of the readings is a machine that drifted
DRIFT_TOLERANCE = 0.05
# Sustained mode: throttled from where latency stays so far above its first windows
THROTTLE_TOLERANCE = 0.10

# by launch, by round
Grouped = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % confidence interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Summary:
    """What a set of times comes to. Times are nanoseconds; spreads are shares of 1."""

    count: int
    mean_ns: Interval
    p50_ns: float
    p90_ns: float
    p99_ns: float  # from fewer than 100 samples, hardly more than the largest
    cv: float  # coefficient of variation: standard deviation over mean
    mad_spread: float  # the same from medians, which a few slow runs do not move


@dataclass(frozen=True)
class Throttling:
    """What sustained load did to the latency."""

    first_ns: float  # median of the first tenth of the windows
    last_ns: float  # and of the last tenth
    after_s: float | None  # when it rose for good by more than the tolerance; None: it did not


def summarize(launches: Sequence[Launch]) -> Summary:
    """Percentiles interpolate linearly; the standard deviation is a sample's, n - 1, and 0 for one.

    Raises:
        ValueError: there are no samples.
    """
    samples = np.asarray(
        [ns for launch in launches for r in launch.rounds for ns in r.samples_ns], np.float64
    )
    if not len(samples):
        raise ValueError("no samples")
    p50, p90, p99 = np.percentile(samples, (50, 90, 99))
    mean = samples.mean()
    deviation = samples.std(ddof=1) if len(samples) > 1 else 0.0
    mad = np.median(np.abs(samples - p50))
    # sums and counts per round, so that a resample's mean is one of samples and not of rounds
    sums = [[float(sum(r.samples_ns)) for r in x.rounds] for x in launches if x.rounds]
    counts = [[float(len(r.samples_ns)) for r in x.rounds] for x in launches if x.rounds]
    return Summary(
        count=len(samples),
        mean_ns=bootstrap(lambda s, n: float(s.sum() / n.sum()), sums, counts),
        p50_ns=float(p50),
        p90_ns=float(p90),
        p99_ns=float(p99),
        cv=float(deviation / mean),
        mad_spread=float(_MAD_TO_DEVIATION * mad / p50),
    )


def quantiles(measurement: Measurement, most: int = 100) -> list[float]:
    """The samples in ascending order, in ns; where there are more than `most`, so many quantiles of
    them, each the middle of an equal share."""
    samples = measurement.samples_ns
    if len(samples) <= most:
        return [float(ns) for ns in sorted(samples)]
    shares = 100 * (np.arange(most) + 0.5) / most
    return [float(ns) for ns in np.percentile(np.asarray(samples, np.float64), shares)]


def middle(values: Sequence[int]) -> int:
    """The median, as one of the values: of the middle two, the upper."""
    return sorted(values)[len(values) // 2]


def images_per_second(batch: int, summary: Summary) -> float:
    """What runs of `batch` images, one after the other, come to."""
    return batch * 1e9 / summary.mean_ns.estimate


def bootstrap(
    statistic: Callable[..., float], *values: Grouped, resamples: int = _RESAMPLES
) -> Interval:
    """The statistic of `values`; its interval when launches, and rounds in each, are drawn anew.

    Args:
        statistic: of as many one-dimensional arrays as there are `values`.
        values: a figure per round, by launch; all of the same form, drawn together.

    Raises:
        ValueError: there are no values.
    """
    groups = [len(launch) for launch in values[0]]
    if not groups or not min(groups):
        raise ValueError("no values")
    flat = [np.asarray([x for launch in v for x in launch], np.float64) for v in values]
    starts = np.cumsum([0, *groups[:-1]])
    random = np.random.default_rng(_SEED)
    drawn = []
    for _ in range(resamples):
        chosen = _draw(groups, starts, random)
        drawn.append(statistic(*(v[chosen] for v in flat)))
    low, high = np.percentile(drawn, _expanded(len(groups) if len(groups) > 1 else groups[0]))
    return Interval(statistic(*flat), float(low), float(high))


def unpaired_ratio(values: Grouped, reference: Grouped) -> Interval:
    """The median of `values` over that of `reference`, each drawn on its own."""
    random = np.random.default_rng(_SEED)
    drawn: list[NDArray[np.float64]] = []
    estimates, clusters = [], []
    for side in (values, reference):
        groups = [len(launch) for launch in side]
        flat = np.asarray([x for launch in side for x in launch], np.float64)
        starts = np.cumsum([0, *groups[:-1]])
        drawn.append(
            np.asarray([np.median(flat[_draw(groups, starts, random)]) for _ in range(_RESAMPLES)])
        )
        estimates.append(float(np.median(flat)))
        clusters.append(len(groups) if len(groups) > 1 else groups[0])
    low, high = np.percentile(drawn[0] / drawn[1], _expanded(min(clusters)))
    return Interval(estimates[0] / estimates[1], float(low), float(high))


def paired_ratio(
    measurement: Measurement, reference: Measurement, without: Set[int] = frozenset()
) -> tuple[Interval, int]:
    """The time of one case over that of another, round by round of one benchmark, and the number
    of rounds that went into it: those that both have, but for the numbers in `without`.

    The two medians of a round were taken moments apart, so what the machine did over the benchmark
    cancels in their ratio. The estimate is the median of these ratios.

    Raises:
        ValueError: they share no round.
    """
    other = {r.number: np.median(r.samples_ns) for r in reference.rounds}
    ratios = [
        [
            float(np.median(r.samples_ns) / other[r.number])
            for r in x.rounds
            if r.number in other and r.number not in without
        ]
        for x in measurement.launches
    ]
    ratios = [launch for launch in ratios if launch]
    if not ratios:
        raise ValueError("no round in common")
    return bootstrap(lambda x: float(np.median(x)), ratios), sum(map(len, ratios))


def share_rounds(measurement: Measurement, reference: Measurement) -> bool:
    """Whether they have a round in common; a run that was cut off may have ended between them."""
    return bool({r.number for r in measurement.rounds} & {r.number for r in reference.rounds})


def round_medians(measurement: Measurement, without: Set[int] = frozenset()) -> list[list[float]]:
    """The median of every round, by launch, but for the numbers in `without`."""
    medians = [
        [float(np.median(r.samples_ns)) for r in x.rounds if r.number not in without]
        for x in measurement.launches
    ]
    return [launch for launch in medians if launch]


def disturbed_rounds(result: BenchmarkResult, measurement: Measurement) -> set[int]:
    """Numbers of the rounds beside which the sentinel says that the machine was not as it was in
    the rest of the run: busy, hot or throttled."""
    if len(result.sentinel) < 4 or result.protocol.sustained_s is not None:
        return set()  # under sustained load no reading is beside a round
    starts = np.asarray([reading.started_ns for reading in result.sentinel])
    slow = sentinel_pace(result) > 1 + SENTINEL_TOLERANCE
    marked = set()
    for timed in measurement.rounds:
        after = int(np.searchsorted(starts, timed.started_ns))
        beside = [i for i in (after - 1, after) if 0 <= i < len(starts)]
        if slow[beside].any():
            marked.add(timed.number)
    return marked


def sentinel_medians(result: BenchmarkResult) -> NDArray[np.float64]:
    """Nanoseconds of every reading, in order."""
    return np.asarray([np.median(reading.samples_ns) for reading in result.sentinel], np.float64)


def sentinel_pace(result: BenchmarkResult) -> NDArray[np.float64]:
    """How many times as long as in the run's fast quarter each reading took, in order."""
    times = sentinel_medians(result)
    return times / np.percentile(times, 25) if len(times) else times


def drift(result: BenchmarkResult) -> float | None:
    """By what share the machine was slower in the last quarter of the run than in the first, by
    its sentinel; None without one. Beyond `DRIFT_TOLERANCE` it is worth saying."""
    times = sentinel_medians(result)
    quarter = len(times) // 4
    if not quarter:
        return None
    return float(np.median(times[-quarter:]) / np.median(times[:quarter]) - 1)


def throttling(measurement: Measurement) -> Throttling:
    """Of a measurement in sustained mode, whose rounds are windows of time.

    The point of throttling is the first window after which the median of ten windows never
    comes back to within the tolerance of the first tenth's.
    """
    windows = measurement.rounds
    medians = np.asarray([np.median(r.samples_ns) for r in windows])
    tenth = max(1, len(medians) // 10)
    first, last = float(np.median(medians[:tenth])), float(np.median(medians[-tenth:]))
    width = min(10, len(medians))
    smooth = np.asarray(
        [np.median(medians[i : i + width]) for i in range(len(medians) - width + 1)]
    )
    calm = np.flatnonzero(smooth <= (1 + THROTTLE_TOLERANCE) * first)
    onset = int(calm[-1]) + 1 if len(calm) else 0
    after_s = None
    if onset < len(smooth):
        after_s = (windows[onset].started_ns - windows[0].started_ns) / 1e9
    return Throttling(first, last, after_s)


def _draw(
    groups: Sequence[int], starts: NDArray[np.int64], random: np.random.Generator
) -> NDArray[np.int64]:
    """Places of one resample: launches drawn with replacement, and rounds within each."""
    chosen = random.integers(0, len(groups), len(groups)) if len(groups) > 1 else [0]
    return np.concatenate([starts[i] + random.integers(0, groups[i], groups[i]) for i in chosen])


def _expanded(clusters: int) -> tuple[float, float]:
    """The percentiles that make a 95 % interval of so many independent clusters."""
    if clusters < 2:
        return 0.0, 100.0
    freedom = clusters - 1
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    t = _T95[freedom - 1] if freedom <= len(_T95) else z + (z**3 + z) / (4 * freedom)
    tail = NormalDist().cdf(-math.sqrt(clusters / freedom) * t)
    return 100 * tail, 100 * (1 - tail)
