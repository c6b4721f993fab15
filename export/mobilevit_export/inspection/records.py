"""The records that every reader fills in, whatever the format."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Side = int | str  # a number, -1 or a name where it is open, `1..8` where it has bounds
Shape = tuple[Side, ...]


def is_static(shape: Shape) -> bool:
    return all(isinstance(side, int) and side >= 0 for side in shape)


def count(shape: Iterable[int]) -> int:
    """How many elements a tensor of this shape has."""
    return math.prod(shape)


@dataclass(frozen=True)
class Port:
    """An input or an output of the model. `kind` is what the file says it is, such as `image RGB`;
    empty where it says nothing. `shape` is None for what is no tensor. `shapes` has every one that
    can be given, the default first, where the file lists several."""

    name: str
    dtype: str
    shape: Shape | None
    kind: str = ""
    shapes: tuple[Shape, ...] = ()


@dataclass(frozen=True)
class Tensor:
    """A value of the graph. `shape` is None where the file does not tell it and it cannot be
    inferred. A constant is stored in the file, or computed from constants when it is loaded."""

    name: str
    dtype: str
    shape: Shape | None
    constant: bool = False
    scale: float | None = None  # of a quantized tensor that has one for all its values
    zero_point: int = 0

    @property
    def rank(self) -> int | None:
        return None if self.shape is None else len(self.shape)


@dataclass(frozen=True)
class Operation:
    """One operation or layer, in the order they run. Inputs and outputs are names of tensors; an
    optional input that is left out is an empty name."""

    type: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]  # numbers, text, and tuples of them


@dataclass(frozen=True)
class Weights:
    """Every constant stored in one precision, shapes and other small constants included."""

    precision: str  # `float16`, `int8`, `uint4 palettised` ...
    elements: int
    bytes: int


@dataclass(frozen=True)
class Inspection:
    """What one artifact holds."""

    file: str
    format: str
    size: int  # bytes, of the file or of all files of a package
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    metadata: Mapping[str, str]
    tensors: Mapping[str, Tensor]
    operations: tuple[Operation, ...]  # constants are tensors, not operations
    weights: tuple[Weights, ...]

    @cached_property
    def counts(self) -> dict[str, int]:
        """Operations by type, the commonest first."""
        return dict(Counter(operation.type for operation in self.operations).most_common())

    @cached_property
    def max_rank(self) -> int | None:
        """The highest rank among activations; None where no shape is known."""
        ranks = [t.rank for t in self.tensors.values() if not t.constant and t.rank is not None]
        return max(ranks, default=None)

    @property
    def unknown_shapes(self) -> int:
        """How many activations have no known shape."""
        activations = (t for t in self.tensors.values() if not t.constant)
        return sum(t.shape is None and t.dtype not in NO_TENSOR for t in activations)

    def activations(self, names: Iterable[str]) -> list[Tensor]:
        """The tensors of these names that are computed when the model runs."""
        return [self.tensors[n] for n in names if n in self.tensors and not self.is_constant(n)]

    def is_constant(self, name: str) -> bool:
        return name in self.tensors and self.tensors[name].constant


# types of values that have no shape: a classifier's label and its probabilities by label
NO_TENSOR = frozenset({"string", "dictionary"})


class WeightCount:
    """Adds up weights by precision."""

    def __init__(self) -> None:
        self._elements: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    def add(self, precision: str, elements: int, size: int) -> None:
        self._elements[precision] += elements
        self._bytes[precision] += size

    def result(self) -> tuple[Weights, ...]:
        """The precision with most bytes first."""
        order = self._bytes.most_common()
        return tuple(Weights(name, self._elements[name], size) for name, size in order)
