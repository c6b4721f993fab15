"""Statistics against their closed forms, and intervals against what they promise."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from mobilevit_benchmarks.measurement import Launch, Round, SentinelSamples, WarmUp
from mobilevit_benchmarks.statistics import (
    bootstrap,
    disturbed_rounds,
    drift,
    paired_ratio,
    summarize,
    throttling,
    unpaired_ratio,
)
from tests.mobilevit_benchmarks.test_measurement import measurement, result

MS = 1_000_000


def launch(*rounds: list[int]) -> Launch:
    return Launch(
        load_ns=1,
        first_run_ns=1,
        warmup=WarmUp(samples_ns=(1,), capped=False),
        rounds=tuple(
            Round(number=i, started_ns=i, samples_ns=tuple(ns)) for i, ns in enumerate(rounds)
        ),
        peak_memory_bytes=None,
        memory_rise_bytes=None,
    )


def test_percentiles_of_a_line() -> None:
    """Of 0..n in equal steps, the pth percentile is p % of the way."""
    summary = summarize([launch([1000 + 10 * i for i in range(201)])])
    assert summary.count == 201
    assert (summary.p50_ns, summary.p90_ns, summary.p99_ns) == (2000, 2800, 2980)
    assert summary.mean_ns.estimate == 2000


def test_spread_of_two_values() -> None:
    """Half at m - d and half at m + d: deviation d √(n / (n - 1)), median absolute deviation d."""
    summary = summarize([launch([90, 110] * 50)])
    assert summary.cv == pytest.approx(0.1 * math.sqrt(100 / 99))
    assert summary.mad_spread == pytest.approx(0.1 * 1.4826)


def test_mad_spread_of_a_normal_distribution_is_its_cv() -> None:
    normal = NormalDist(1e6, 1e5)
    summary = summarize(
        [launch([round(normal.inv_cdf((i + 0.5) / 10_000)) for i in range(10_000)])]
    )
    assert summary.mad_spread == pytest.approx(0.1, rel=1e-3)
    assert summary.cv == pytest.approx(0.1, rel=1e-3)


def test_a_few_slow_runs_move_the_cv_alone() -> None:
    steady = [100, 101, 99, 100, 102, 98] * 20
    quiet, disturbed = summarize([launch(steady)]), summarize([launch([*steady, 1000, 1000])])
    assert disturbed.mad_spread == quiet.mad_spread
    assert disturbed.cv > 10 * quiet.cv


def test_one_sample() -> None:
    summary = summarize([launch([7])])
    assert (summary.p50_ns, summary.p99_ns, summary.cv, summary.mad_spread) == (7, 7, 0, 0)
    assert (summary.mean_ns.low, summary.mean_ns.high) == (7, 7)


def test_an_interval_covers_as_often_as_it_says() -> None:
    """Means of launches that differ among themselves, as processes do: 95 % of the intervals of
    five launches of four rounds hold the true mean. Without the widening, and with rounds drawn as
    if they were independent, far fewer would (the control)."""
    random = np.random.default_rng(1)
    covered, naive, times = 0, 0, 300
    for _ in range(times):
        values = random.normal(0, 1, (5, 1)) + random.normal(0, 1, (5, 4))
        interval = bootstrap(lambda x: float(x.mean()), values.tolist(), resamples=500)
        covered += interval.low <= 0 <= interval.high
        spread = 1.96 * values.std(ddof=1) / math.sqrt(values.size)
        naive += abs(values.mean()) <= spread
    assert 0.93 <= covered / times <= 1
    assert naive / times < 0.85


def test_a_ratio_is_of_medians_round_by_round() -> None:
    a = measurement("a", 10, factors=[[1, 2, 3], [4, 5, 6]])
    b = measurement("b", 20, factors=[[1, 2, 3], [4, 5, 6]])
    ratio, rounds = paired_ratio(b, a)
    assert rounds == 6
    assert ratio.estimate == pytest.approx(2)
    assert (ratio.low, ratio.high) == (pytest.approx(2), pytest.approx(2))


def test_drift_of_the_machine_cancels_in_a_pair_alone() -> None:
    """It slows threefold: without pairing the interval is wide, with it a point."""
    slowing = [[1, 1.5], [2, 2.5], [3, 3.5]]
    slow = measurement("slow", 12, factors=slowing)
    fast = measurement("fast", 10, factors=slowing)
    paired, _ = paired_ratio(slow, fast)
    assert paired.high - paired.low < 1e-3
    unpaired = unpaired_ratio(
        [[12 * f for f in group] for group in slowing], [[10 * f for f in g] for g in slowing]
    )
    assert unpaired.estimate == pytest.approx(1.2)
    assert unpaired.high - unpaired.low > 0.5


def test_rounds_that_only_one_has_do_not_count() -> None:
    """As when a run was cut off between two cases."""
    whole = measurement("a", 10, factors=[[1, 1], [1, 1]])
    cut = measurement("b", 10, factors=[[1, 1], [1]])
    assert paired_ratio(cut, whole)[1] == paired_ratio(whole, cut)[1] == 3


def sentinel(*ms: float) -> tuple[SentinelSamples, ...]:
    """A reading half a second before every round, and one after the last."""
    return tuple(
        SentinelSamples(
            started_ns=max(0, i * 1000 * MS - 500 * MS), samples_ns=(round(t * MS),) * 3
        )
        for i, t in enumerate(ms)
    )


def test_rounds_beside_a_slow_sentinel_are_marked() -> None:
    m = measurement("a", 10, factors=[[1] * 6])
    calm = result(m, sentinel=sentinel(2, 2, 2.1, 2, 2, 2, 2))
    busy = result(m, sentinel=sentinel(2, 2, 2, 2.6, 2, 2, 2))
    assert disturbed_rounds(calm, m) == set()
    assert disturbed_rounds(busy, m) == {2, 3}
    assert disturbed_rounds(result(m), m) == set()


def test_drift_by_the_sentinel() -> None:
    m = measurement("a", 10)
    slower = drift(result(m, sentinel=sentinel(2, 2, 2, 2, 2.5, 2.5, 2.5, 2.5)))
    assert slower == pytest.approx(0.25)
    assert drift(result(m, sentinel=sentinel(2, 2, 2, 2))) == pytest.approx(0)
    assert drift(result(m)) is None


def test_throttling_is_found_where_it_began() -> None:
    steady = throttling(measurement("a", 10, factors=[[1] * 120]))
    assert steady.after_s is None
    hot = throttling(measurement("a", 10, factors=[[1] * 60 + [1.4] * 60]))
    assert hot.after_s == pytest.approx(60, abs=6)
    assert hot.last_ns == pytest.approx(14 * MS, rel=0.01)
    passing = throttling(measurement("a", 10, factors=[[1] * 60 + [1.4] * 20 + [1] * 40]))
    assert passing.after_s is None


def test_nothing_to_compute() -> None:
    with pytest.raises(ValueError):
        summarize([])
    with pytest.raises(ValueError):
        bootstrap(lambda x: float(x.mean()), [])
