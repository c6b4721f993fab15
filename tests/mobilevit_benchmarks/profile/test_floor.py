"""What the multiply-adds of an artifact are, and what they alone would take."""

from __future__ import annotations

from collections import Counter
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from onnx import helper
from rich.console import Console

from mobilevit.checkpoint import Checkpoint
from mobilevit.models.cost import count
from mobilevit_benchmarks import OperationProfile, profile_operations, profile_table
from mobilevit_benchmarks.profile import OperationTime, floors
from mobilevit_benchmarks.profile.floor import _onnx_chain, _tflite_chain, rates
from mobilevit_benchmarks.profile.products import multiply_adds, precision_of
from mobilevit_export.inspection import Inspection, Operation, Tensor, inspect
from tests.mobilevit_export.graphs import TFLiteGraph

from .networks import (
    CHANNELS,
    SIDE,
    WIDTH,
    attention,
    convolutions,
    save_onnx,
    tflite_attention,
    tflite_convolutions,
)

CHAINS = {"onnxruntime": (".onnx", _onnx_chain), "litert": (".tflite", _tflite_chain)}
BYTES = {"onnxruntime": "QLinearConv", "litert": "QS8"}  # what tells of a product of bytes
on_both = pytest.mark.parametrize("runtime", CHAINS)


def counts(artifact: Path) -> list[int | None]:
    """Of every operation that has multiply-adds, or may have."""
    graph = inspect(artifact)
    found = [multiply_adds(operation, graph) for operation in graph.operations]
    return [number for number in found if number != 0]


@pytest.mark.parametrize(
    ("network", "suffix"), [(convolutions, ".onnx"), (tflite_convolutions, ".tflite")]
)
def test_convolutions(network: object, suffix: str, tmp_path: Path) -> None:
    def expected(middle: int) -> list[int]:
        outer, inner = CHANNELS * CHANNELS, CHANNELS * middle
        return [SIDE * SIDE * 9 * pairs for pairs in (outer, inner, inner, outer)]

    for middle in (24, 48):
        artifact = network(tmp_path / f"network{suffix}", middle=middle)  # type: ignore[operator]
        assert counts(artifact) == expected(middle)


def test_groups_and_strides(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["c"], group=4, strides=[2, 2], pads=[2] * 4),
        helper.make_node("Conv", ["c", "d"], ["out"], group=32, pads=[1] * 4),
    ]
    weights = {"w": np.ones((32, 4, 5, 5), np.float32), "d": np.ones((32, 1, 3, 3), np.float32)}
    artifact = save_onnx(tmp_path / "grouped.onnx", [1, 16, 32, 32], nodes, weights, "out")
    assert counts(artifact) == [16 * 16 * 32 * 5 * 5 * 16 // 4, 16 * 16 * 32 * 3 * 3]


def test_depthwise_convolution_of_tflite(tmp_path: Path) -> None:
    graph = TFLiteGraph()
    given, made = (graph.tensor(name, [1, SIDE, SIDE, CHANNELS]) for name in ("in", "out"))
    kernel = graph.constant("kernel", np.ones((1, 3, 5, CHANNELS), np.float32))
    graph.operation("DEPTHWISE_CONV_2D", [given, kernel], [made], schema.DepthwiseConv2DOptionsT())
    artifact = graph.save(tmp_path / "depthwise.tflite", [given], [made])
    assert counts(artifact) == [SIDE * SIDE * CHANNELS * 3 * 5]


@pytest.mark.parametrize(
    ("network", "suffix", "linear"), [(attention, ".onnx", 4), (tflite_attention, ".tflite", 5)]
)
def test_attention(network: object, suffix: str, linear: int, tmp_path: Path) -> None:
    """Four times the products of tokens with tokens for twice the tokens."""
    for tokens in (32, 64):
        artifact = network(tmp_path / f"network{suffix}", tokens=tokens)  # type: ignore[operator]
        expected = {tokens * WIDTH * WIDTH: linear, tokens * tokens * WIDTH: 2}
        if tokens == WIDTH:
            expected = {WIDTH**3: linear + 2}
        assert Counter(counts(artifact)) == expected


@pytest.mark.parametrize(("transposed", "terms"), [(0, 24), (1, 8)])
def test_transposed_factors(transposed: int, terms: int, tmp_path: Path) -> None:
    weights = {"b": np.ones((terms, 5), np.float32)}
    node = helper.make_node("Gemm", ["image", "b"], ["out"], transA=transposed)
    artifact = save_onnx(tmp_path / "gemm.onnx", [8, 24], [node], weights, "out")
    assert counts(artifact) == [8 * 24 * 5]


def test_what_is_not_known_is_not_guessed(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["c"]),
        helper.make_node("ConvTranspose", ["c", "w"], ["out"]),
    ]
    weights = {"w": np.ones((4, 4, 1, 1), np.float32)}
    artifact = save_onnx(tmp_path / "open.onnx", [1, 4, 8, 8], nodes, weights, "out")
    assert counts(artifact) == [8 * 8 * 4 * 4, None]
    artifact = save_onnx(tmp_path / "open.onnx", [-1, 4, 8, 8], nodes, weights, "out")
    assert counts(artifact) == [None, None]


@on_both
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_operations_that_run_have_the_models_multiply_adds(
    runtime: str, precision: str, exported: Path, small_checkpoint: Checkpoint
) -> None:
    """Export rewrites the model, and onnxruntime fuses and pads; neither adds or drops a term."""
    artifact = exported / f"{small_checkpoint.name}_{precision}{CHAINS[runtime][0]}"
    taken = profile_operations(artifact, runtime, runs=1)
    numbers = [operation.multiply_adds for operation in taken.operations]
    assert None not in numbers
    whole = count(small_checkpoint.model, (64, 64)).multiply_adds
    assert sum(number or 0 for number in numbers) == whole
    by_kind = Counter[str]()
    for operation in taken.operations:
        by_kind[operation.kind] += operation.multiply_adds or 0
    assert {kind for kind, sum_ in by_kind.items() if sum_} == {
        *("convolution", "linear", "attention")
    }
    assert taken.rates == {"float32": rates(runtime, 1)["float32"]}
    assert sum(floors(taken).values()) == pytest.approx(whole / taken.rates["float32"])


def test_padding_of_blocks_is_not_counted(tmp_path: Path) -> None:
    """onnxruntime multiplies blocks of 8 or 16 channels."""
    taken = profile_operations(
        convolutions(tmp_path / "network.onnx", middle=20), "onnxruntime", runs=1
    )
    numbers = [o.multiply_adds for o in taken.operations if o.kind == "convolution"]
    pairs = (CHANNELS * CHANNELS, CHANNELS * 20, CHANNELS * 20, CHANNELS * CHANNELS)
    assert numbers == [SIDE * SIDE * 9 * n for n in pairs]


@on_both
def test_products_of_bytes_count_at_their_own_rate(runtime: str, tmp_path: Path) -> None:
    suffix, write = CHAINS[runtime]
    for precision in ("float32", "int8"):
        artifact = tmp_path / f"chain{suffix}"
        artifact.write_bytes(write(precision))  # type: ignore[arg-type]
        taken = profile_operations(artifact, runtime, runs=1)
        assert list(taken.rates) == [precision]
        products = [o for o in taken.operations if o.multiply_adds]
        assert {o.precision for o in products} == {precision}
        # the chain whose time gives the rate is of the kernels that it is the rate of
        assert all((BYTES[runtime] in o.type) == (precision == "int8") for o in products)
        assert OperationProfile.model_validate_json(taken.model_dump_json()) == taken


@on_both
def test_a_rate_is_of_the_multiply_adds_of_its_chain(runtime: str, tmp_path: Path) -> None:
    suffix, write = CHAINS[runtime]
    for precision, side in (("float32", 256), ("int8", 512)):
        artifact = tmp_path / f"chain{suffix}"
        artifact.write_bytes(write(precision))  # type: ignore[arg-type]
        assert counts(artifact) == [16 * 16 * side * side] * 5


@pytest.mark.parametrize(
    ("given", "weight", "precision"),
    [
        ("float32", "float32", "float32"),
        ("float32", "float16", "float32"),
        ("int8", "int8", "int8"),
        ("float32", "int8", "int8"),  # XNNPACK quantizes what is multiplied with it
    ],
)
def test_precisions(given: str, weight: str, precision: str) -> None:
    operation = Operation("FULLY_CONNECTED", "", ("x", "w", ""), ("y",), {})
    tensors = {"x": Tensor("x", given, (4, 8)), "w": Tensor("w", weight, (2, 8), True)}
    graph = Inspection("x", "TFLite", 0, (), (), {}, tensors, (operation,), ())
    assert precision_of(operation, graph) == precision


def made_by_hand(**rates: float) -> OperationProfile:
    operations = (
        ("conv", "convolution", "int8", 4_000_000, 400_000),
        ("scores", "attention", "float32", 1_000_000, 300_000),
        ("softmax", "attention", None, 0, 100_000),
        ("foreign", "linear", None, None, 200_000),
    )
    return OperationProfile(
        artifact="m.onnx",
        artifact_sha256="0" * 64,
        runtime="onnxruntime",
        runtime_version="1.0",
        threads=1,
        runs=5,
        method="By hand.",
        whole_ns=1_200_000,
        profiled_whole_ns=1_300_000,
        outside_ns=0,
        deducted_ns=0,
        operations=tuple(
            OperationTime(
                name=name,
                type=name,
                kind=kind,
                stage="all",
                median_ns=ns,
                multiply_adds=number,
                precision=precision,
            )
            for name, kind, precision, number, ns in operations
        ),
        rates=rates,
    )


def shown(taken: OperationProfile) -> str:
    console = Console(file=StringIO(), width=110)
    console.print(profile_table(taken))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_the_table_tells_the_distance() -> None:
    taken = made_by_hand(float32=10, int8=40)
    assert {kind: ns for kind, ns in floors(taken).items() if ns} == {
        "convolution": 100_000,
        "attention": 100_000,
    }
    text = shown(taken)
    rows = [line.split() for line in text.splitlines()]
    assert ["floor", "0.100", "0.100", "0.200"] in rows
    assert ["x", "floor", "4.00", "4.00", "5.00"] in rows
    words = " ".join(text.split())
    assert "0.005 G multiply-adds" in words
    assert "10.0 G/s in float32, 40.0 G/s in int8; the whole takes 6.00 times that" in words
    assert "1 operation is not in it" in words


def test_a_profile_without_rates_has_no_floor() -> None:
    """One that was taken before there were any."""
    assert not any(floors(made_by_hand()).values())
    assert "floor" not in shown(made_by_hand())
