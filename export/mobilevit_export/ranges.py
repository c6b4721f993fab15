"""Ranges of activations that eight bits are spread over, from what photos make of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

_SAMPLED = 1024  # values of a tensor that are kept of each photo
_BINS = 2048  # that errors are counted in
_STEPS = 255  # between the least and the largest of 8 bits
_SHARES: list[float] = np.linspace(1, 0.3, 36).tolist()  # of a limit, those that are tried


class Observations:
    """Values of tensors, as photo after photo is run."""

    def __init__(self) -> None:
        self._extremes: dict[str, tuple[float, float]] = {}
        self._samples: dict[str, list[NDArray[np.float32]]] = {}
        self._random = np.random.default_rng(0)

    def add(self, tensors: Mapping[str, NDArray[np.float32]]) -> None:
        """What one photo makes of each tensor, of any shape."""
        for name, values in tensors.items():
            low, high = self._extremes.get(name, (0.0, 0.0))
            self._extremes[name] = min(low, float(values.min())), max(high, float(values.max()))
            chosen = self._random.integers(0, values.size, min(_SAMPLED, values.size))
            self._samples.setdefault(name, []).append(values.reshape(-1)[chosen])

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Of every tensor, the range with the least squared error; 0 is always in it."""
        return {
            name: least_error(np.concatenate(self._samples[name]), *extremes)
            for name, extremes in self._extremes.items()
        }


def least_error(values: NDArray[np.float32], low: float, high: float) -> tuple[float, float]:
    """The range in which 8 bits are nearest to `values` by the mean of squares.

    Wide ranges round coarsely, narrow ones cut off what is rare (Nagel et al., "A White Paper on
    Neural Network Quantization", arXiv:2106.08295, section 3.1, "Mean squared error"). Both limits
    are searched for in turns, from these inwards.

    Args:
        values: (count,), a sample.
        low, high: the least and the largest value there is; low <= 0 <= high.
    """
    if low == high:
        return low, high
    counts, edges = np.histogram(values, _BINS, (low, high))
    centers = (edges[1:] + edges[:-1]) / 2

    def error(limits: tuple[float, float]) -> float:
        least, largest = limits
        step = (largest - least) / _STEPS
        zero = np.round(-least / step)
        nearest = (np.clip(np.round(centers / step) + zero, 0, _STEPS) - zero) * step
        return float((counts * (nearest - centers) ** 2).sum())

    least, largest = low, high
    for _ in range(2):
        largest = min(((least, high * share) for share in _SHARES), key=error)[1]
        least = min(((low * share, largest) for share in _SHARES), key=error)[0]
    return least, largest
