"""The sentinel: fixed work on one core, of which a change in time is a change of the machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mobilevit.runtimes import TensorSpec
from mobilevit.runtimes.base import Arrays

SENTINEL = "sentinel"  # in place of a runtime's name

_SIDE = 192  # of the matrices: arithmetic, within a core's own caches
_BYTES = 2**22  # that are copied: memory beyond them


class Sentinel:
    """A session that multiplies matrices and copies memory: about 2 ms on a core of 2024."""

    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    delegate = ""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        self._matrix = random.standard_normal((_SIDE, _SIDE), np.float32)
        self._product = np.empty_like(self._matrix)
        self._source = random.integers(0, 256, _BYTES, np.uint8)
        self._target = np.empty_like(self._source)

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        for _ in range(4):
            np.matmul(self._matrix, self._matrix, out=self._product)
            np.copyto(self._target, self._source)
        return {}
