"""Per-operation times of LiteRT, XNNPACK's operators included, from LiteRT's own profiler.

XNNPACK makes one node of all that it takes. Where there is a profiler when it is set up, it reads
the clock between its operators and hands their times over after each run, in whole microseconds
(tflite/delegates/xnnpack/xnnpack_delegate.cc, `AddEventsToProfiler`; XNNPACK,
`XNN_FLAG_BASIC_PROFILING`). `litert_c` gets at them. What the profiler adds is a look at the clock
per operator and the list at the end of a run, which is in no operator's time, so nothing is
deducted. Of an operator that takes less than a microsecond nothing is seen, and its time is in the
rest, of which a small model has up to a tenth: a dozen operators that made up a layer norm of 256
tokens of 64 showed 6.8 µs where 6.1 were theirs, and those of one of 64 tokens 0.1 µs of 2.1.

XNNPACK tells the type of an operator and their order, not the operation of the file it comes from.
It keeps the order of the file, leaves some operations out (a padding goes into the convolution
behind it, constants are unpacked when it loads), and makes several of a few. So its operators are
matched to the file's operations as the longest common subsequence of the two, by type. An operator
without a match (the conversions around a dynamically quantized product) is of the stage of the one
before it. In a graph that XNNPACK takes in several parts, two operations of one type that swapped
places could be confused; their types, and so their kinds, are right all the same.

The model is compiled through LiteRT's CompiledModel, and that without the profiler is what
`whole_ns` times, not the Interpreter that `benchmark` uses; both run the same XNNPACK.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mobilevit.errors import ConversionError
from mobilevit.runtimes import Session
from mobilevit_export.inspection import Inspection, inspect

from .kinds import kinds
from .litert_c import DELEGATE_OPERATOR, OPERATOR, CompiledModel, Event
from .modules import stages_of, tflite_module
from .products import multiply_adds, precision_of
from .records import Kind, OperationTime
from .sampling import WARM_UP, Profiled, in_turns, median_ns, median_of, outside_ns, timed

METHOD = "times of operators by LiteRT's profiler and XNNPACK's in it, matched to the file in order"

# What XNNPACK calls the operators of an operation, by their first words; those that are not here
# are called as the operation is, such as LEAKY_RELU "Leaky ReLU".
_OPERATORS = {
    "AVERAGE_POOL_2D": ("Average Pooling", "Global Average Pooling"),
    "BATCH_MATMUL": ("Batch Matrix Multiply", "Fully Connected"),
    "CAST": ("Convert",),
    "CONCATENATION": ("Concatenate", "Copy"),
    "CONV_2D": ("Convolution", "Fully Connected"),
    "DEPTHWISE_CONV_2D": ("Convolution",),
    "DEQUANTIZE": ("Convert",),
    "DIV": ("Divide",),
    "EXPAND_DIMS": ("Static Reshape", "Copy"),
    "FULLY_CONNECTED": ("Fully Connected",),
    "LOGISTIC": ("Sigmoid",),
    "MAX_POOL_2D": ("Max Pooling",),
    "MEAN": ("Mean", "Global Average Pooling"),
    "MUL": ("Multiply",),
    "NEG": ("Negate",),
    "PAD": ("Constant Pad",),
    "PADV2": ("Constant Pad",),
    "QUANTIZE": ("Convert",),
    "RELU": ("Clamp",),
    "RELU6": ("Clamp",),
    "RELU_N1_TO_1": ("Clamp",),
    "RESHAPE": ("Static Reshape", "Copy"),
    "RSQRT": ("Reciprocal Square Root",),
    "SPLIT": ("Split", "Slice", "Copy"),
    "SQRT": ("Square Root",),
    "SQUEEZE": ("Static Reshape", "Copy"),
    "STRIDED_SLICE": ("Strided Slice", "Slice"),
    "SUB": ("Subtract",),
    "TRANSPOSE": ("Transpose", "Copy"),
    "TRANSPOSE_CONV": ("Deconvolution",),
}
_PRODUCTS = ("Batch Matrix Multiply", "Convolution", "Deconvolution", "Fully Connected")
_MOVERS = ("Convert", "Copy", "Static Reshape", "Transpose", "Slice", "Concatenate", "Constant Pad")


def measure(
    artifact: Path,
    session: Session,
    feeds: Mapping[str, NDArray[Any]],
    threads: int,
    runs: int,
) -> Profiled:
    """Profile `artifact`, which `session` opened.

    Raises:
        InputError: the installed LiteRT is not one that `litert_c` knows.
        ConversionError: a call failed, or runs had different events.
    """
    graph = inspect(artifact)
    runs_events: list[list[Event]] = []
    with (
        CompiledModel(artifact, threads, profiled=False) as plain,
        CompiledModel(artifact, threads, profiled=True) as profiled,
    ):
        plain.feed(feeds)
        profiled.feed(feeds)

        def run_profiled() -> int:
            profiled.start()
            took = timed(profiled.run)
            runs_events.append(profiled.stop())
            return took

        whole, slowed = in_turns(runs, lambda: timed(plain.run), run_profiled)
    operations, readings = _of_operations(runs_events[WARM_UP:])
    return Profiled(
        whole_ns=median_of(whole),
        profiled_whole_ns=median_of(slowed),
        outside_ns=outside_ns(slowed, readings),
        deducted_ns=0.0,
        operations=tuple(_operations(graph, operations, readings)),
    )


def _of_operations(runs: Sequence[Sequence[Event]]) -> tuple[list[Event], list[list[int]]]:
    """The events of operations in the first run, and for each its µs in all runs.

    Raises:
        ConversionError: a run had others.
    """
    kept = [[event for event in events if _is_operation(event)] for events in runs]
    told = {tuple((e.type, e.tag, e.metadata1) for e in events) for events in kept}
    if len(told) != 1 or not kept[0]:
        raise ConversionError(
            "LiteRT's profiler told of other operations in one run than in another",
            "profile with the ai-edge-litert of constraints.txt",
        )
    return kept[0], [[e.elapsed_us for e in of_event] for of_event in zip(*kept, strict=True)]


def _operations(
    graph: Inspection, events: Sequence[Event], readings: Sequence[Sequence[int]]
) -> list[OperationTime]:
    modules = [tflite_module(operation) for operation in graph.operations]
    stages = stages_of(graph, modules)
    kinds_ = kinds(graph, [module.type for module in modules])
    found: list[OperationTime] = []
    for number, (event, place) in enumerate(zip(events, match(graph, events), strict=True)):
        if place is None:
            name = f"operator {number}"
            kind: Kind = "data movement" if event.tag.startswith(_MOVERS) else "other"
            stage = found[-1].stage if found else stages[0]
            counted = None if event.tag.startswith(_PRODUCTS) else 0
            precision = None
        else:
            operation = graph.operations[place]
            name = "/".join((*modules[place].path, f"{operation.type}#{place}"))
            kind, stage = kinds_[place], stages[place]
            counted = multiply_adds(operation, graph)
            precision = precision_of(operation, graph) if counted else None
        found.append(
            OperationTime(
                name=name,
                type=event.tag,
                kind=kind,
                stage=stage,
                median_ns=median_ns(readings[number]),
                multiply_adds=counted,
                precision=precision,
            )
        )
    return found


def _is_operation(event: Event) -> bool:
    # those of further subgraphs are in the time of the operation that runs these
    return event.type == DELEGATE_OPERATOR or (event.type == OPERATOR and event.metadata2 == 0)


def match(graph: Inspection, events: Sequence[Event]) -> list[int | None]:
    """For each event, the place in `graph.operations` of the operation it is part of, or None."""
    places: list[int | None] = [e.metadata1 if e.type == OPERATOR else None for e in events]
    taken = {place for place in places if place is not None}
    operators = [i for i, event in enumerate(events) if event.type == DELEGATE_OPERATOR]
    operations = [i for i in range(len(graph.operations)) if i not in taken]
    fits = np.array(
        [
            [_fits(graph.operations[place].type, events[i].tag) for place in operations]
            for i in operators
        ],
        dtype=bool,
    ).reshape(len(operators), len(operations))
    for row, column in _longest_common(fits):
        places[operators[row]] = operations[column]
    return places


@cache
def _fits(operation: str, operator: str) -> bool:
    if operation in _OPERATORS:
        return operator.startswith(_OPERATORS[operation])
    return _letters(operator).startswith(_letters(operation))


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _longest_common(fits: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The longest common subsequence of two sequences, of which `fits` (rows, columns) tells what
    is equal: pairs of row and column, both rising."""
    rows, columns = fits.shape
    length = np.zeros((rows + 1, columns + 1), np.int32)  # of the first i and the first j
    for i in range(rows):
        with_pair = np.where(fits[i], length[i, :-1] + 1, 0)
        length[i + 1, 1:] = np.maximum.accumulate(np.maximum(length[i, 1:], with_pair))
    pairs = []
    i, j = rows, columns
    while i and j:
        if length[i, j] == length[i - 1, j]:
            i -= 1
        elif length[i, j] == length[i, j - 1]:
            j -= 1
        else:
            i, j = i - 1, j - 1
            pairs.append((i, j))
    return pairs[::-1]
