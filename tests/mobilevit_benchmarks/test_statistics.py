"""Statistics against their closed forms."""

from __future__ import annotations

import math

import pytest

from mobilevit_benchmarks.measurement import Round
from mobilevit_benchmarks.statistics import paired_ratio, summarize


def rounds(*samples: list[int]) -> list[Round]:
    return [Round(started_ns=i, samples_ns=tuple(ns)) for i, ns in enumerate(samples)]


def test_percentiles_of_a_line() -> None:
    """Of 0..n in equal steps, the pth percentile is p % of the way."""
    summary = summarize([1000 + 10 * i for i in range(201)])
    assert summary.count == 201
    assert (summary.p50_ns, summary.p90_ns, summary.p99_ns) == (2000, 2800, 2980)
    assert summary.mean_ns == 2000


def test_percentiles_do_not_depend_on_the_order() -> None:
    assert summarize([5, 1, 4, 2, 3]) == summarize([1, 2, 3, 4, 5])


def test_spread_of_two_values() -> None:
    """Half at m - d and half at m + d: deviation d √(n / (n - 1)), median absolute deviation d."""
    summary = summarize([90, 110] * 50)
    assert summary.cv == pytest.approx(0.1 * math.sqrt(100 / 99))
    assert summary.mad_spread == pytest.approx(0.1 * 1.4826)


def test_mad_spread_of_a_normal_distribution_is_its_cv() -> None:
    from statistics import NormalDist

    normal = NormalDist(1e6, 1e5)
    summary = summarize([round(normal.inv_cdf((i + 0.5) / 10_000)) for i in range(10_000)])
    assert summary.mad_spread == pytest.approx(0.1, rel=1e-3)
    assert summary.cv == pytest.approx(0.1, rel=1e-3)


def test_a_few_slow_runs_move_the_cv_alone() -> None:
    steady = [100, 101, 99, 100, 102, 98] * 20
    quiet, disturbed = summarize(steady), summarize([*steady, 1000, 1000])
    assert disturbed.mad_spread == quiet.mad_spread
    assert disturbed.cv > 10 * quiet.cv


def test_one_sample() -> None:
    summary = summarize([7])
    assert (summary.p50_ns, summary.p99_ns, summary.cv, summary.mad_spread) == (7, 7, 0, 0)


def test_ratio_is_of_medians_round_by_round() -> None:
    ratio = paired_ratio(
        rounds([20, 20, 900], [30, 30, 30], [44, 44, 44]), rounds([10, 10, 10], [10, 10], [11])
    )
    assert (ratio.median, ratio.rounds) == (3, 3)
    assert ratio.p10 == pytest.approx(2.2)  # of 2, 3, 4
    assert ratio.p90 == pytest.approx(3.8)


def test_drift_of_the_machine_cancels() -> None:
    """It slows threefold: the pooled medians spread as wide, the ratio not at all."""
    drift = [1, 1.5, 2, 2.5, 3]
    slow = rounds(*([round(1200 * d)] * 5 for d in drift))
    fast = rounds(*([round(1000 * d)] * 5 for d in drift))
    ratio = paired_ratio(slow, fast)
    assert ratio.median == pytest.approx(1.2)
    assert ratio.p90 - ratio.p10 == pytest.approx(0)
    assert paired_ratio(fast, slow).median == pytest.approx(1 / 1.2)


def test_nothing_to_compute() -> None:
    with pytest.raises(ValueError):
        summarize([])
    with pytest.raises(ValueError):
        paired_ratio([], [])
    with pytest.raises(ValueError):
        paired_ratio(rounds([1], [2]), rounds([1]))
