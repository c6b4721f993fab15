"""Per-operation times of onnxruntime, from its profiler.

The profiler writes one event per node and run, in whole microseconds (onnxruntime 1.31.1,
core/framework/sequential_executor.cc, `KernelScope`). Its own bookkeeping, the shapes and sizes it
puts into the event, is inside the time it gives: some 2 µs, as much as many a node of a small
network takes. So it is measured, as what a chain of nodes that do next to nothing shows beyond what
these take without the profiler, and taken off every node. Nodes with many inputs keep a few tenths
of a microsecond of it. What the writing of events does to the caches stays in the times.

Nodes are those that run: after onnxruntime's own optimization, which fuses and renames. The stage
of each is found through the optimized graph, which onnxruntime saves: by the names of weights that
it kept, by the nodes of the file that its name and outputs go back to, and else along the data. The
nodes of a loop's or a branch's body are in the time of the loop or the branch.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper

from mobilevit.errors import ConversionError
from mobilevit.runtimes import Session
from mobilevit.runtimes.onnxruntime import session_options
from mobilevit_export.inspection import Inspection, Operation, inspect

from .kinds import kinds
from .modules import onnx_modules, spread, stage_of_tensors, stages_of
from .products import is_product, multiply_adds, precision_of
from .records import UNKNOWN, OperationTime
from .sampling import WARM_UP, Profiled, in_turns, median_ns, median_of, outside_ns, timed

METHOD = "times of nodes by onnxruntime's profiler, less what the profiler adds to each"

_SUFFIX = "_kernel_time"
_CAST = "InsertedPrecisionFreeCast_"  # what it calls tensors that it made float32 from halves
_CHAIN = (100, 300)  # nodes of the two chains whose difference is the time of a node
_CHAIN_RUNS = 30


def measure(
    artifact: Path,
    session: Session,
    feeds: Mapping[str, NDArray[Any]],
    threads: int,
    runs: int,
) -> Profiled:
    """Profile `artifact`, which `session` is the ordinary session of.

    Raises:
        ConversionError: onnxruntime's profile is not one of the graph it saved.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        named = _with_names(artifact, folder)
        options = session_options(threads)
        options.enable_profiling = True
        options.profile_file_prefix = str(folder / "profile")
        options.optimized_model_filepath = str(folder / "optimized.onnx")
        profiled = ort.InferenceSession(named, options, providers=["CPUExecutionProvider"])
        plain, slowed = in_turns(
            runs,
            lambda: timed(lambda: session.run(feeds)),
            lambda: timed(lambda: profiled.run(None, dict(feeds))),
        )
        optimized = inspect(folder / "optimized.onnx")
        readings = _of_nodes(optimized, _readings(Path(profiled.end_profiling())), runs)
        original = inspect(named)
        deducted = _profiler_cost(folder)
    return Profiled(
        whole_ns=median_of(plain),
        profiled_whole_ns=median_of(slowed),
        outside_ns=outside_ns(slowed, readings),
        deducted_ns=deducted,
        operations=tuple(_operations(optimized, original, readings, deducted)),
    )


def _with_names(artifact: Path, folder: Path) -> Path:
    """The file, or a copy in which every node has a name: what becomes of a node is known by it."""
    nodes = onnx.load(artifact, load_external_data=False).graph.node
    taken = {node.name for node in nodes}
    if "" not in taken:
        return artifact
    model = onnx.load(artifact)
    for place, node in enumerate(model.graph.node):
        if not node.name:
            node.name = f"{node.op_type}_{place}"
            while node.name in taken:
                node.name += "_"
            taken.add(node.name)
    copy = folder / "named.onnx"
    onnx.save(model, copy)
    return copy


def _readings(profile: Path) -> dict[str, list[int]]:
    """Name of a node -> µs of every run."""
    readings = defaultdict(list)
    for event in json.loads(profile.read_text(encoding="utf-8")):
        if event["cat"] == "Node" and event["name"].endswith(_SUFFIX):
            readings[event["name"].removesuffix(_SUFFIX)].append(event["dur"])
    return dict(readings)


def _of_nodes(
    optimized: Inspection, readings: Mapping[str, Sequence[int]], runs: int
) -> list[Sequence[int]]:
    """µs of the counted runs, of each node of the graph.

    A node that onnxruntime put in without a name, as for a softmax of halves, is called by its type
    and a number in the profile; these are in the order of the graph.
    """
    names = {operation.name for operation in optimized.operations}
    numbered = iter([name for name in readings if name not in names])
    found = []
    for operation in optimized.operations:
        type_ = operation.type.rpartition(":")[2]
        name = operation.name or next((n for n in numbered if n.rpartition("_")[0] == type_), "")
        taken = readings.get(name, ())
        if len(taken) != WARM_UP + runs:
            raise ConversionError(
                f"onnxruntime's profile has {len(taken)} times of node `{name or type_}` in "
                f"{WARM_UP + runs} runs",
                "profile with the onnxruntime of constraints.txt",
            )
        found.append(taken[WARM_UP:])
    return found


def _operations(
    optimized: Inspection,
    original: Inspection,
    readings: Sequence[Sequence[int]],
    deducted: float,
) -> list[OperationTime]:
    stages = _stages(optimized, original)
    counted = _multiply_adds(optimized, original)
    return [
        OperationTime(
            name=operation.name or operation.outputs[0],
            type=operation.type.rpartition(":")[2],
            kind=kind,
            stage=stage,
            median_ns=max(0.0, median_ns(taken) - deducted),
            multiply_adds=number,
            precision=precision_of(operation, optimized) if number else None,
        )
        for operation, kind, stage, number, taken in zip(
            optimized.operations, kinds(optimized), stages, counted, readings, strict=True
        )
    ]


def _stages(optimized: Inspection, original: Inspection) -> list[str]:
    stages = stages_of(original, onnx_modules(original))
    if UNKNOWN in stages:
        return [UNKNOWN] * len(optimized.operations)
    known = stage_of_tensors(original, stages)
    names = [_known_stage(operation, known) for operation in optimized.operations]
    return spread(optimized.operations, names)


def _known_stage(operation: Operation, known: Mapping[str, str]) -> str:
    """By what it makes, what it is called, and the weights it reads, in this order; empty where
    none of these is in the file."""
    names = _origins(operation, *operation.inputs[1:])
    return next((known[name] for name in names if known.get(name)), "")


def _origins(operation: Operation, *further: str) -> Iterator[str]:
    """Names in the file, of tensors and operations, that it may come from; `further` are tried
    last."""
    fused = operation.name.split("/")[0]  # `node_matmul/MatMulAddFusion`
    blocked = operation.name.removesuffix("_nchwc")  # called by what it made before
    for name in (*operation.outputs, operation.name, fused, blocked, *further):
        yield name
        yield name.removeprefix(_CAST)


def _multiply_adds(optimized: Inspection, original: Inspection) -> list[int | None]:
    """Of each operation of `optimized`, those of the product of the file that it is: in blocks of
    channels, onnxruntime multiplies with padding too, of which the file knows nothing."""
    known: dict[str, int | None] = {}
    for operation in original.operations:
        computed = [n for n in operation.inputs if n and not original.is_constant(n)]
        if is_product(operation.type):
            count = multiply_adds(operation, original)
            known |= dict.fromkeys((operation.name, operation.outputs[0]), count)
        elif len(computed) == 1 and computed[0] in known:  # may be fused with the product
            known |= dict.fromkeys(filter(None, operation.outputs), known[computed[0]])
    return [
        next((known[name] for name in _origins(operation) if name in known), None)
        if is_product(operation.type)
        else 0
        for operation in optimized.operations
    ]


def _profiler_cost(folder: Path) -> float:
    """What the profiler adds to the time of one node, in ns."""
    short, long = (_chain(nodes) for nodes in _CHAIN)
    sessions = []
    for model, profiling in ((short, False), (long, False), (long, True)):
        options = session_options(threads=1)
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.enable_profiling = profiling
        options.profile_file_prefix = str(folder / "chain")
        sessions.append(ort.InferenceSession(model, options, providers=["CPUExecutionProvider"]))
    feeds = {"x": np.ones((1, 1, 1, 1), np.float32)}
    times = in_turns(
        _CHAIN_RUNS,
        *(lambda run=session.run: timed(lambda: run(None, feeds)) for session in sessions),
    )
    node = (median_of(times[1]) - median_of(times[0])) / (_CHAIN[1] - _CHAIN[0])
    readings = _readings(Path(sessions[2].end_profiling()))
    shown = statistics.median(median_ns(taken[WARM_UP:]) for taken in readings.values())
    return max(0.0, shown - node)


def _chain(nodes: int) -> bytes:
    """A model of nodes that each look at one number."""
    names = ["x", *(f"x{i}" for i in range(nodes))]
    graph = helper.make_graph(
        [
            helper.make_node("Relu", [names[i]], [names[i + 1]], name=f"node{i}")
            for i in range(nodes)
        ],
        "chain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 1, 1])],
        [helper.make_tensor_value_info(names[-1], TensorProto.FLOAT, [1, 1, 1, 1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content
