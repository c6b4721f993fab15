"""Rank correlation against closed forms, and the paper's example."""

from __future__ import annotations

import numpy as np
import pytest

from mobilevit_benchmarks.correlation import (
    Point,
    _row_correlations,
    compare,
    paper_example,
    rank_correlation,
)

spearmanr = pytest.importorskip("scipy.stats", reason="needs the `report` extra").spearmanr


def points(*latencies: float) -> list[Point]:
    """Models of 1, 2, 3 … G multiply-adds."""
    return [
        Point(f"m{number}", "CNN", number * 10**9, latency)
        for number, latency in enumerate(latencies, start=1)
    ]


def test_without_ties_it_is_the_closed_form() -> None:
    latencies = (3.0, 1.0, 4.0, 15.0, 9.0, 2.0, 6.0)
    ranks = np.argsort(np.argsort(latencies)) + 1
    n = len(latencies)
    expected = 1 - 6 * sum((ranks - np.arange(1, n + 1)) ** 2) / (n * (n**2 - 1))
    result = rank_correlation(points(*latencies))
    assert result.rho == pytest.approx(expected)
    assert result.models == n
    assert result.low < result.rho < result.high


def test_only_the_order_counts() -> None:
    same = rank_correlation(points(1, 10, 100, 1000, 1001))
    assert (same.rho, same.low, same.high) == pytest.approx((1, 1, 1))
    opposite = rank_correlation(points(5, 4, 3, 2, 1))
    assert (opposite.rho, opposite.low, opposite.high) == pytest.approx((-1, -1, -1))


def test_the_interval_narrows_with_more_models_and_repeats_with_the_seed() -> None:
    noise = np.random.default_rng(0)
    few, many = (
        rank_correlation(points(*(np.arange(1, n + 1) + noise.normal(0, n / 6, n) + n)))
        for n in (10, 160)
    )
    assert few.high - few.low > 2 * (many.high - many.low)
    assert rank_correlation(points(2, 1, 3, 5, 4)) == rank_correlation(points(2, 1, 3, 5, 4))


def test_the_interval_covers_as_often_as_it_says() -> None:
    """Of 200 sets of 40 models, drawn where Spearman's of all is known: 6/π·asin(r/2)."""
    draw = np.random.default_rng(1)
    truth = 6 / np.pi * np.arcsin(0.7 / 2)
    covered = 0
    for _ in range(200):
        x, y = draw.multivariate_normal((0, 0), ((1, 0.7), (0.7, 1)), 40).T
        chosen = [
            Point(str(i), "CNN", int(1e9 + 1e8 * a), 10 + b)
            for i, (a, b) in enumerate(zip(x, y, strict=True))
        ]
        result = rank_correlation(chosen, resamples=400)
        covered += result.low <= truth <= result.high
    assert 0.88 <= covered / 200 <= 0.99


def test_rows_are_scipys_ties_among_them() -> None:
    random = np.random.default_rng(2)
    a, b = random.integers(0, 4, (2, 30, 9)).astype(np.float64)
    expected = [spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(_row_correlations(a, b), expected)


def test_a_row_of_one_model_is_left_out() -> None:
    assert np.isnan(_row_correlations(np.ones((1, 5)), np.arange(5.0)[None])).all()


@pytest.mark.parametrize("latencies", [(1, 2, 3), (2, 2, 2, 2)])
def test_too_few_models_or_one_latency_is_refused(latencies: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="correlat"):
        rank_correlation(points(*latencies))


def test_the_papers_example_is_computed_from_the_points() -> None:
    deit = Point("DeiT-Ti", "transformer", 1_200, 28.0)
    pit = Point("PiT-Ti", "transformer", 600, 24.5)
    assert str(compare(pit, deit)) == (
        "PiT-Ti has 0.50 times the multiply-adds of DeiT-Ti and takes 0.88 times as long"
    )
    assert paper_example([pit, *points(1, 2), deit]) == [compare(pit, deit)]
    ours = Point("MobileViT-XS", "MobileViT", 900, 14.0)
    ratios = [(c.multiply_adds, c.latency) for c in paper_example([deit, pit, ours])]
    assert ratios == [(0.5, 0.875), (0.75, 0.5), (1.5, 14 / 24.5)]
