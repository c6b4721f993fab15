"""Where eight bits are spread over."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mobilevit_export.ranges import Observations, least_error


def squared_error(values: NDArray[np.float32], low: float, high: float) -> float:
    step = (high - low) / 255
    zero = round(-low / step)
    rounded = (np.clip(np.round(values / step) + zero, 0, 255) - zero) * step
    return float(((rounded - values) ** 2).mean())


def test_long_tails_are_cut_off() -> None:
    values = np.random.default_rng(0).laplace(size=200_000).astype(np.float32)
    extremes = float(values.min()), float(values.max())
    low, high = least_error(values, *extremes)
    assert extremes[0] < low < 0 < high < extremes[1]
    assert squared_error(values, low, high) < 0.8 * squared_error(values, *extremes)


def test_what_is_even_is_kept_whole() -> None:
    values = np.linspace(0, 255, 20_000, dtype=np.float32)
    assert least_error(values, 0.0, 255.0) == (0.0, 255.0)


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 4), st.floats(1e-3, 1e3))
def test_no_range_is_worse_than_the_extremes(seed: int, power: float, scale: float) -> None:
    random = np.random.default_rng(seed)
    values = scale * np.sign(random.normal(size=4096)) * np.abs(random.normal(size=4096)) ** power
    values = values.astype(np.float32)
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    found = least_error(values, low, high)
    assert low <= found[0] <= 0 <= found[1] <= high
    # errors are counted in bins, which are narrow beside a step
    assert squared_error(values, *found) <= 1.1 * squared_error(values, low, high)


def test_extremes_are_of_every_photo_and_zero_is_within() -> None:
    observations = Observations()
    for photo in (np.full((1, 4), 2.0), np.full((1, 4), 3.0)):
        observations.add({"positive": photo.astype(np.float32), "dead": np.zeros(3, np.float32)})
    low, high = observations.ranges()["positive"]
    assert low == 0
    assert 2 < high <= 3
    assert observations.ranges()["dead"] == (0, 0)
