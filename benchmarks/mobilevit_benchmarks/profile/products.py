"""The multiply-adds of each operation of a graph, from the shapes in its file."""

from __future__ import annotations

import math

from mobilevit_export.inspection import Inspection, Operation

from .kinds import kind_of_type
from .records import Precision

_EIGHT_BITS = frozenset(("int8", "uint8", "int4", "uint4"))  # or fewer


def multiply_adds(operation: Operation, graph: Inspection) -> int | None:
    """One for each term of each number that a convolution or a matrix product makes, zeros of a
    padding among them: H * W * Cout * k * k * Cin / groups.

    0 of any other operation; None where the file does not tell a shape, or of a type of product
    that is not counted here.
    """
    if not is_product(operation.type):
        return 0
    sides = [_sides(name, graph) for name in (*operation.inputs[:2], *operation.outputs[:1])]
    if len(sides) < 3 or not all(sides):
        return None
    terms = _terms(operation, sides[0], sides[1])
    return None if terms is None else math.prod(sides[2]) * terms


def is_product(type: str) -> bool:
    return kind_of_type(type) in ("convolution", "linear", "attention")


def precision_of(operation: Operation, graph: Inspection) -> Precision:
    """What a product multiplies: bytes where it reads any. Of floats and a weight of bytes too,
    for XNNPACK quantizes the floats first."""
    types = {graph.tensors[name].dtype for name in operation.inputs if name in graph.tensors}
    return "int8" if types & _EIGHT_BITS else "float32"


def _terms(operation: Operation, first: tuple[int, ...], second: tuple[int, ...]) -> int | None:
    """How many products are added up to one number of the output."""
    flags = operation.attributes
    match operation.type:
        case "Conv" | "CONV_2D":  # weights [Cout, Cin / groups, k, k], [Cout, k, k, Cin / groups]
            return math.prod(second[1:])
        case "DEPTHWISE_CONV_2D":  # [1, k, k, Cout]
            return math.prod(second[1:3])
        case "FULLY_CONNECTED":  # [Cout, Cin]
            return second[-1]
        case "Gemm":
            return first[0 if flags.get("transA") else 1]
        case "MatMul":
            return first[-1]
        case "BATCH_MATMUL":
            return first[-2 if flags.get("adjX") else -1]
    return None


def _sides(name: str, graph: Inspection) -> tuple[int, ...]:
    """The shape of a tensor; empty where a side of it is not known."""
    shape = graph.tensors[name].shape if name in graph.tensors else None
    sides = tuple(side for side in shape or () if isinstance(side, int) and side > 0)
    return sides if shape is not None and len(sides) == len(shape) else ()
