"""Kinds, stages, the matching of operators, and the median of coarse readings."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from statistics import median

import numpy as np
import pytest

from mobilevit_benchmarks.profile.kinds import kinds
from mobilevit_benchmarks.profile.litert import _longest_common, match
from mobilevit_benchmarks.profile.litert_c import DELEGATE_OPERATOR, OPERATOR, Event
from mobilevit_benchmarks.profile.modules import (
    Module,
    onnx_modules,
    spread,
    stages_of,
    tflite_module,
)
from mobilevit_benchmarks.profile.sampling import median_ns, outside_ns
from mobilevit_export.inspection import Inspection, Operation, Tensor, inspect

from .networks import attention, tflite_attention, tflite_convolutions


def test_kinds_of_an_attention_layer(tmp_path: Path) -> None:
    graph = inspect(attention(tmp_path / "a.onnx"))
    found = {o.name: kind for o, kind in zip(graph.operations, kinds(graph), strict=True)}
    assert found == {
        **dict.fromkeys(("q", "k", "v", "proj"), "linear"),
        "kt": "data movement",
        **dict.fromkeys(("scores", "masked", "weights", "mixed"), "attention"),
        **dict.fromkeys(("gate", "act", "last"), "activation"),
        "sum": "other",
    }


def graph_of(*operations: Operation, constants: tuple[str, ...] = ()) -> Inspection:
    tensors = {name: Tensor(name, "float32", (8,), True) for name in constants}
    return Inspection("x", "ONNX", 0, (), (), {}, tensors, operations, ())


def operation(type: str, inputs: str, outputs: str, name: str = "") -> Operation:
    return Operation(type, name, tuple(inputs.split()), tuple(outputs.split()), {})


def test_a_gate_of_something_else_is_no_activation() -> None:
    graph = graph_of(
        operation("Sigmoid", "pooled", "gate"),
        operation("Mul", "x gate", "scaled"),
        operation("MUL", "gate pooled", "swish"),
    )
    assert kinds(graph) == ["activation", "other", "activation"]


def test_a_bias_is_of_what_it_is_added_to() -> None:
    graph = graph_of(
        operation("MatMul", "x w", "y"),
        operation("Add", "b y", "z"),
        operation("Add", "z y", "residual"),
        constants=("w", "b"),
    )
    assert kinds(graph) == ["linear", "linear", "other"]


def test_weights_that_are_unpacked_are_weights() -> None:
    graph = graph_of(
        operation("DEQUANTIZE", "halves", "w"),
        operation("BATCH_MATMUL", "x w", "y"),
        operation("BATCH_MATMUL", "x y", "z"),
        constants=("halves",),
    )
    assert kinds(graph) == ["data movement", "linear", "attention"]


def test_a_norm_in_pieces() -> None:
    graph = graph_of(
        operation("MUL", "x s", "a"), operation("RESHAPE", "a", "b"), operation("MUL", "b s", "c")
    )
    modules = ["LayerNorm", "LayerNorm", "Attention"]
    assert kinds(graph, modules) == ["normalization", "normalization", "other"]


def stages_from(*paths: str) -> list[str]:
    graph = graph_of(*(operation("Conv", f"t{i}", f"t{i + 1}") for i in range(len(paths))))
    return stages_of(graph, [Module(tuple(filter(None, path.split(".")))) for path in paths])


def test_stages_of_mobilevit() -> None:
    assert stages_from(
        "",
        "a.model.backbone.stem.conv",
        "",
        "a.model.backbone.stage2.0.expand",
        "a.model.backbone.stage3.1.norm",
        "a.model.head_conv.conv",
        "a.model",
        "a.model.classifier",
    ) == ["input", "stem", "stem", "stage 2", "stage 3", "head", "head", "head"]


def test_stages_are_the_children_of_what_holds_most() -> None:
    assert stages_from(
        "stem.conv", "blocks.0.norm", "blocks.0.mlp", "blocks.1.norm", "head.fc"
    ) == ["stem", "blocks.0", "blocks.0", "blocks.1", "head"]
    assert stages_from("conv1", "layer1.0.conv", "layer3.0.a", "layer3.1.a", "layer3.2.a") == [
        "conv1",
        "layer1",
        *["layer3"] * 3,
    ]


def test_no_names_no_stages() -> None:
    assert stages_from("", "") == ["unknown", "unknown"]


def test_an_operation_without_a_name_is_of_the_latest_it_reads() -> None:
    operations = [
        operation("Conv", "image", "a"),
        operation("Conv", "a", "b"),
        operation("Concat", "b a", "c"),
        operation("Cast", "image", "d"),
    ]
    assert spread(operations, ["one", "two", "", ""]) == ["one", "two", "two", "input"]


def test_names_of_litert_torch() -> None:
    own = "my._Named/my.wrap.Net_net/torch.nn.modules.linear.Linear_fc1;1"
    norm = "my._Named/my.wrap.Net_net/torch.nn.modules.normalization.LayerNorm_norm1;"
    fused = operation("FULLY_CONNECTED", "x w", "")
    fused = Operation(fused.type, "", fused.inputs, (f"{norm};other/thing;;{own}",), {})
    assert tflite_module(fused) == Module(("net", "fc1"), "Linear")
    assert tflite_module(Operation("MUL", "", (), (norm,), {})) == Module(
        ("net", "norm1"), "LayerNorm"
    )
    assert tflite_module(Operation("MUL", "", (), ("stem/block_1/Relu6",), {})).path == (
        "stem",
        "block_1",
    )


def test_names_in_onnx_files() -> None:
    graph = graph_of(
        operation("Conv", "x net.stages.0.conv.weight net.stages.0.conv.bias", "a"),
        operation("Mul", "a net.stages.0.scale", "b"),  # one of two equal scales was kept
        operation("Mul", "b net.stages.0.scale", "c", name="/net/stages/stages.1/stages.1.0/Mul"),
        operation("Add", "c onnx::Add_7", "d"),
        constants=(
            *("net.stages.0.conv.weight", "net.stages.0.conv.bias"),
            *("net.stages.0.scale", "onnx::Add_7"),
        ),
    )
    assert [".".join(module.path) for module in onnx_modules(graph)] == [
        "net.stages.0.conv",
        "",
        "net.stages.1.0",
        "",
    ]


def told(tag: str, place: int = 0, type: int = DELEGATE_OPERATOR) -> Event:
    return Event(tag, type, 1, place, 0)


def test_operators_are_matched_in_order(tmp_path: Path) -> None:
    """The first convolution took the padding; a conversion is of no operation."""
    graph = inspect(tflite_convolutions(tmp_path / "c.tflite"))
    events = [told("Convolution (NHWC, F32) IGEMM"), told("Convert (NC, F32, QD8)")]
    events += [told("Fully Connected (NC, F32) GEMM")] * 3
    assert [o.type for o in graph.operations] == ["PAD", *["CONV_2D"] * 4]
    assert match(graph, events) == [1, None, 2, 3, 4]


def test_operators_around_those_that_are_left(tmp_path: Path) -> None:
    graph = inspect(tflite_attention(tmp_path / "a.tflite"))
    linear, product = told("Fully Connected (NC, F32) GEMM"), told("Batch Matrix Multiply (NC)")
    cast = [told("CAST", place, OPERATOR) for place in (7, 8)]
    events = [linear] * 3 + [product, told("Softmax (NC, F32)"), product, linear, *cast, linear]
    assert match(graph, events) == list(range(10))


def test_longest_common_subsequence() -> None:
    rng = random.Random(0)
    for _ in range(30):
        a, b = (rng.choices("abc", k=rng.randrange(8)) for _ in range(2))
        fits = np.array([[x == y for y in b] for x in a], bool).reshape(len(a), len(b))
        pairs = _longest_common(fits)
        assert all(a[i] == b[j] for i, j in pairs)
        assert all(p[0] < q[0] and p[1] < q[1] for p, q in itertools.pairwise(pairs))
        subsequences = {s for n in range(len(b) + 1) for s in itertools.combinations(b, n)}
        longest = max(n for n in range(len(a) + 1) for s in itertools.combinations(a, n)
                      if s in subsequences)  # fmt: skip
        assert len(pairs) == longest


def test_the_median_of_cut_readings() -> None:
    """Times of 2.7 µs or so, cut, are known better than to a microsecond."""
    readings = [int(t) for t in np.random.default_rng(0).normal(2.7, 0.4, 2000)]
    assert median(readings) == 2
    assert median_ns(readings) == pytest.approx(2700, abs=100)
    assert median_ns([5]) == 5500
    assert median_ns([0, 0, 0, 1]) == 0
    assert median_ns([3, 3, 3, 400]) == pytest.approx(3667, abs=1)


def test_what_is_outside_is_paired_run_by_run() -> None:
    runs = [100_000, 900_000, 101_000]  # something came between in the second, in an operation
    readings = [[60, 60, 60], [30, 830, 31]]
    assert outside_ns(runs, readings) == 10_000
