"""Lint: each rule fires where its fault is, and not without it; partitions as runtimes cut them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import coremltools as ct
import litert_torch
import numpy as np
import onnx
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import quantizer, recipe
from coremltools.converters.mil import Builder as mb
from onnx import TensorProto, helper
from onnxruntime.tools.mobile_helpers.usability_checker import (
    check_coreml_partitions,
    check_nnapi_partitions,
)
from typer.testing import CliRunner

from mobilevit.checkpoint import Checkpoint
from mobilevit.cli import app
from mobilevit.graph import ClassifierGraph
from mobilevit_export.delegates import (
    COREML_ONNX,
    DELEGATES,
    GPU_TFLITE,
    NNAPI_ONNX,
    XNNPACK_TFLITE,
)
from mobilevit_export.formats import FORMATS, ExportSpec
from mobilevit_export.inspection import Inspection, inspect
from mobilevit_export.lint import Finding, lint
from mobilevit_export.partition import partition, predict
from tests.mobilevit_export.graphs import (
    TFLiteGraph,
    Tiny,
    onnx_chain,
    onnx_model,
    tflite_chain,
    tiny_spec,
)


def rules(findings: Sequence[Finding], severity: str | None = None) -> list[str]:
    return [f.rule for f in findings if severity in (None, f.severity)]


def found(path: Path, rule: str) -> Finding:
    [finding] = [finding for finding in lint(inspect(path)) if finding.rule == rule]
    return finding


@pytest.fixture
def ours(exported: Path) -> list[Path]:
    """A MobileViT by every converter of the SDK, in every precision."""
    return sorted(path for path in exported.iterdir() if path.stem.startswith("mobilevit"))


@pytest.fixture(scope="session")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A block of timm's MobileViT by each converter's defaults."""
    mobilevit = pytest.importorskip("timm.models.mobilevit")
    folder = tmp_path_factory.mktemp("theirs")
    block = mobilevit.MobileVitBlock(16, transformer_dim=32, transformer_depth=1).eval()
    example = (torch.zeros(1, 16, 16, 16),)
    torch.onnx.export(block, example, dynamo=True, verbose=False).save(folder / "block.onnx")
    litert_torch.convert(block, example).export(str(folder / "block.tflite"))
    program = torch.export.export(block, example).run_decompositions({})
    ct.convert(program).save(str(folder / "block.mlpackage"))
    network = ct.convert(program, convert_to="neuralnetwork")
    ct.utils.save_spec(network.get_spec(), str(folder / "block.mlmodel"))
    return sorted(folder.iterdir())


def test_our_exports_have_no_error_and_rank_4(ours: list[Path]) -> None:
    assert len(ours) == 8
    for path in ours:
        findings = lint(inspect(path))
        assert not rules(findings, "error"), findings
        assert inspect(path).max_rank == 4
        assert CliRunner().invoke(app, ["inspect", str(path)]).exit_code == 0


def test_timm_exports_have_rank_5_in_every_format(theirs: list[Path]) -> None:
    assert len(theirs) == 4
    for path in theirs:
        finding = found(path, "rank")
        assert finding.severity == "error"
        assert "rank 5" in finding.what
        assert finding.where
        result = CliRunner().invoke(app, ["inspect", str(path)])
        assert result.exit_code == 1
        assert "error rank" in result.stdout


def mil(tmp_path: Path, build: Callable[..., object], kind: str = "mlprogram") -> Path:
    @mb.program(input_specs=[mb.TensorSpec(shape=(1, 4, 8, 8))], opset_version=ct.target.iOS16)
    def program(x):  # type: ignore[no-untyped-def]
        return build(mb.relu(x=x))

    suffix = ".mlpackage" if kind == "mlprogram" else ".mlmodel"
    target = ct.target.iOS16 if kind == "mlprogram" else ct.target.iOS14
    model = ct.convert(program, convert_to=kind, minimum_deployment_target=target)
    model.save(str(tmp_path / f"m{suffix}"))
    return tmp_path / f"m{suffix}"


def test_rank_5_is_found_and_named(tmp_path: Path) -> None:
    high = found(tflite_chain(tmp_path / "a.tflite", "ABS", "rank-5"), "rank")
    assert high.where == ("rank1.0",)
    assert found(onnx_chain(tmp_path / "a.onnx", "Relu", "rank-5"), "rank").where == ("up1",)
    for kind in ("mlprogram", "neuralnetwork"):

        def build(x: object) -> object:
            high = mb.tanh(x=mb.reshape(x=x, shape=(1, 4, 2, 4, 8)))
            return mb.reshape(x=high, shape=(1, 4, 8, 8))

        finding = found(mil(tmp_path, build, kind), "rank")
        assert finding.targets == ("Apple Neural Engine",)
        assert len(finding.where) == 2  # the reshape up, and tanh
        assert "rank" not in rules(lint(inspect(mil(tmp_path, lambda x: mb.relu(x=x), kind))))
    for path in (
        tflite_chain(tmp_path / "b.tflite", "ABS"),
        onnx_chain(tmp_path / "b.onnx", "Relu"),
    ):
        assert "rank" not in rules(lint(inspect(path)))


def test_a_constant_of_rank_5_is_no_activation(tmp_path: Path) -> None:
    path = onnx_model(
        tmp_path / "m.onnx",
        [
            helper.make_node("Squeeze", ["kernel", "axis"], ["weight"], "squeeze"),
            helper.make_node("Conv", ["x", "weight"], ["y"], "conv"),
        ],
        {"x": (TensorProto.FLOAT, [1, 4, 8, 8])},
        {"y": (TensorProto.FLOAT, [1, 8, 8, 8])},
        {"kernel": np.zeros((1, 8, 4, 1, 1), np.float32), "axis": np.array([0])},
    )
    assert "rank" not in rules(lint(inspect(path)))


def test_open_sides_are_found_unless_the_batch_is_meant_to_be(tmp_path: Path) -> None:
    path = onnx_chain(tmp_path / "m.onnx", "Relu", batch="batch")
    finding = found(path, "dynamic-shape")
    assert finding.where == ("in", "out0", "Relu0")
    assert "dynamic-shape" not in rules(lint(inspect(path), dynamic_batch=True))
    assert "dynamic-shape" not in rules(lint(inspect(onnx_chain(path, "Relu"))))
    graph = TFLiteGraph()
    first = graph.tensor("in", (1, 8, 8, 3), signature=(1, -1, 8, 3))
    last = graph.tensor("out", (1, 8, 8, 3), signature=(1, -1, 8, 3))
    graph.operation("ABS", [first], [last])
    open_ = inspect(graph.save(tmp_path / "m.tflite", [first], [last]))
    assert open_.inputs[0].shape == (1, -1, 8, 3)
    assert "dynamic-shape" in rules(lint(open_, dynamic_batch=True))
    assert "dynamic-shape" not in rules(lint(inspect(tflite_chain(tmp_path / "c.tflite", "ABS"))))


def test_int64_between_operations_is_found_and_shapes_are_not(tmp_path: Path) -> None:
    assert found(onnx_chain(tmp_path / "m.onnx", "wide"), "int64").where == ("wide0",)
    assert found(tflite_chain(tmp_path / "m.tflite", "ABS", "wide"), "int64").where == ("cast1.0",)
    # a reshape reads a shape of int64, which is a constant
    assert "int64" not in rules(lint(inspect(onnx_chain(tmp_path / "r.onnx", "rank-5"))))
    assert "int64" not in rules(lint(inspect(tflite_chain(tmp_path / "r.tflite", "rank-5"))))


def test_strided_slices_are_found(tmp_path: Path) -> None:
    finding = found(tflite_chain(tmp_path / "m.tflite", "ABS", "strided", "ABS"), "strided-slice")
    assert finding.where == ("out1",)
    assert finding.targets == ("XNNPACK delegate",)
    assert "strided-slice" not in rules(lint(inspect(tflite_chain(tmp_path / "p.tflite", "ABS"))))


def test_what_a_delegate_does_not_take_is_named_with_its_reason(tmp_path: Path) -> None:
    path = tflite_chain(tmp_path / "m.tflite", "ABS", "SIGN", "ABS", "rank-5", "ABS")
    by_target = {f.targets[0]: f for f in lint(inspect(path)) if f.rule == "unsupported"}
    assert "1 SIGN (not supported)" in by_target["XNNPACK delegate"].what
    assert "2 RESHAPE (rank 5 above 4)" in by_target["GPU delegate"].what
    assert "SIGN" not in by_target["GPU delegate"].what
    assert "into 2 regions, of which it takes the largest: 3" in by_target["GPU delegate"].what
    good = lint(inspect(tflite_chain(tmp_path / "g.tflite", "ABS", "LOGISTIC")))
    assert not rules(good)


def test_bytes_at_the_input_are_no_error(tmp_path: Path) -> None:
    """uint8 in NHWC, cast and transposed: NNAPI's provider leaves the cast, and no more."""
    path = onnx_model(
        tmp_path / "m.onnx",
        [
            helper.make_node("Cast", ["image"], ["wide"], "cast", to=TensorProto.FLOAT),
            helper.make_node("Transpose", ["wide"], ["first"], "turn", perm=[0, 3, 1, 2]),
            helper.make_node("Relu", ["first"], ["y"], "relu"),
        ],
        {"image": (TensorProto.UINT8, [1, 8, 8, 3])},
        {"y": (TensorProto.FLOAT, [1, 3, 8, 8])},
    )
    findings = lint(inspect(path))
    assert not rules(findings, "error")
    [nnapi] = [finding for finding in findings if finding.targets == ("onnxruntime NNAPI",)]
    assert nnapi.where == ("cast",)


def test_core_ml_is_told_what_is_not_documented(tmp_path: Path) -> None:
    path = mil(tmp_path, lambda x: mb.relu(x=x))
    assert not predict(inspect(path))
    assert rules(lint(inspect(path))) == ["not-documented"]


def test_a_program_in_float32_stays_off_the_neural_engine(ours: list[Path]) -> None:
    half, program = [path for path in ours if path.suffix == ".mlpackage"]
    assert found(program, "precision").severity == "note"
    assert "precision" not in rules(lint(inspect(half)))


def test_every_table_names_its_source() -> None:
    for delegate in DELEGATES:
        assert delegate.source
        assert delegate.read
        assert delegate.unchecked
        assert delegate.rows


# partitions, against the runtimes


def delegated(path: Path) -> list[set[str]]:
    """What LiteRT did: the outputs of each region that XNNPACK runs."""
    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    names = {item["index"]: item["name"] for item in interpreter.get_tensor_details()}
    return sorted(
        (
            {names[index] for index in item["outputs"]}
            for item in interpreter._get_ops_details()
            if item["op_name"] == "DELEGATE"
        ),
        key=sorted,
    )


def predicted(inspection: Inspection) -> list[set[str]]:
    """The same of the prediction: what a region makes, and another or nobody reads."""
    regions = partition(inspection, XNNPACK_TFLITE).regions
    results = []
    ends = {inspection.operations[-1].outputs[0]}
    for region in regions:
        inside = set(region)
        made = {name for place in region for name in inspection.operations[place].outputs}
        read = {
            name
            for place, operation in enumerate(inspection.operations)
            if place not in inside
            for name in operation.inputs
        }
        results.append(made & (read | ends))
    return sorted(results, key=sorted)


CHAINS: dict[str, tuple[str, ...]] = {
    "whole": ("ABS", "LOGISTIC", "NEG"),
    "strided slice": ("ABS", "strided", "ABS"),
    "strided slices": ("strided", "ABS", "strided", "ABS", "LOGISTIC", "strided"),
    "unsupported": ("ABS", "SIGN", "NEG", "SIGN", "SIGN", "ABS"),
    "rank 5": ("ABS", "rank-5", "ABS"),
    "int64": ("ABS", "wide", "ABS"),
    "nothing": ("SIGN",),
}


@pytest.mark.parametrize("chain", list(CHAINS))
def test_regions_are_those_of_xnnpack(tmp_path: Path, chain: str) -> None:
    path = tflite_chain(tmp_path / "m.tflite", *CHAINS[chain])
    assert predicted(inspect(path)) == delegated(path)


def test_regions_of_branches_are_those_of_xnnpack(tmp_path: Path) -> None:
    """Two branches, each with an operation that is left: LiteRT runs what is ready first."""
    graph, shape = TFLiteGraph(), (1, 4, 4, 2)
    first = graph.tensor("in", shape)
    names = ("a", "b", "c", "d", "e", "f", "sum")
    made = {name: graph.tensor(name, shape) for name in names}
    graph.operation("ABS", [first], [made["a"]])
    graph.operation("SIGN", [made["a"]], [made["b"]])
    graph.operation("NEG", [made["b"]], [made["c"]])
    graph.operation("LOGISTIC", [first], [made["d"]])
    graph.operation("SIGN", [made["d"]], [made["e"]])
    graph.operation("TANH", [made["e"]], [made["f"]])
    graph.operation("MUL", [made["c"], made["f"]], [made["sum"]])
    path = graph.save(tmp_path / "m.tflite", [first], [made["sum"]])
    assert predicted(inspect(path)) == delegated(path) == [{"a", "d"}, {"sum"}]


def test_regions_of_real_files_are_those_of_xnnpack(ours: list[Path], theirs: list[Path]) -> None:
    files = [path for path in (*ours, *theirs) if path.suffix == ".tflite"]
    assert len(files) == 3
    for path in files:
        inspection = inspect(path)
        assert predicted(inspection) == delegated(path)
        assert partition(inspection, XNNPACK_TFLITE).taken == len(inspection.operations)


def test_fp16_weights_are_unpacked_by_who_reads_them(tmp_path: Path) -> None:
    """Constants of halves are unpacked by XNNPACK, unless an operation that it leaves reads one."""
    path = tmp_path / "tiny.tflite"
    spec = tiny_spec("fp16")
    FORMATS["tflite"].convert(Tiny().eval(), spec).save(spec, path)
    inspection = inspect(path)
    assert inspection.counts["DEQUANTIZE"] > 1
    assert partition(inspection, XNNPACK_TFLITE).taken == len(inspection.operations)
    assert predicted(inspection) == delegated(path)
    for reader, regions in (("ABS", 1), ("SIGN", 2)):
        graph, half = TFLiteGraph(), np.ones((1, 4), np.float16)
        first = graph.tensor("in", (1, 4))
        names = ("unpacked", "read", "sum", "product")
        unpacked, read, added, product = (graph.tensor(name, (1, 4)) for name in names)
        graph.operation("ADD", [first, first], [added])
        graph.operation("DEQUANTIZE", [graph.constant("half", half)], [unpacked])
        graph.operation(reader, [unpacked], [read])
        graph.operation("MUL", [added, read], [product])
        path = graph.save(tmp_path / f"{reader}.tflite", [first], [product])
        assert predicted(inspect(path)) == delegated(path)
        assert len(delegated(path)) == regions


@pytest.mark.parametrize("scheme", ["dynamic_wi8_afp32", "static_wi8_ai8"])
def test_regions_of_int8_are_those_of_xnnpack(
    theirs: list[Path], tmp_path: Path, scheme: str
) -> None:
    """A quantized graph is cut by types and scales, where the float one is not."""
    [block] = [path for path in theirs if path.suffix == ".tflite"]
    job = quantizer.Quantizer(str(block), getattr(recipe, scheme)())
    [name] = [port.name for port in inspect(block).inputs]
    photo = np.random.default_rng(0).random((1, 16, 16, 16), np.float32)
    calibrated = job.calibrate({"serving_default": [{name: photo}]})
    path = tmp_path / "int8.tflite"
    path.write_bytes(job.quantize(calibrated if "static" in scheme else None).quantized_model)
    inspection = inspect(path)
    assert inspection.weights[0].precision == "int8"
    assert predicted(inspection) == delegated(path)
    if "static" in scheme:
        assert len(delegated(path)) > 3
        assert "unsupported" in rules(lint(inspection), "warning")


def test_a_table_that_is_wrong_is_seen(tmp_path: Path) -> None:
    """The control of the comparisons above: without its row, ABS is not taken."""
    path = tflite_chain(tmp_path / "m.tflite", "NEG", "ABS", "NEG")
    rows = {name: row for name, row in XNNPACK_TFLITE.rows.items() if name != "ABS"}
    wrong = partition(inspect(path), replace(XNNPACK_TFLITE, rows=rows))
    assert len(wrong.regions) == 2
    assert len(delegated(path)) == 1


def test_the_gpu_delegate_takes_the_largest_region_alone(tmp_path: Path) -> None:
    path = tflite_chain(tmp_path / "m.tflite", "ABS", "rank-5", "ABS", "NEG")
    prediction = partition(inspect(path), GPU_TFLITE)
    assert [len(region) for region in prediction.regions] == [1, 2]
    assert prediction.taken == 2


def test_regions_are_those_of_onnxruntime_checker(
    small_checkpoint: Checkpoint, theirs: list[Path], tmp_path: Path
) -> None:
    """onnxruntime ships a checker with tables and a partitioner of its own. It does not look at
    the rank and the types that its NNAPI provider refuses, so ours is of floats here."""
    graph = ClassifierGraph(small_checkpoint.model, small_checkpoint.preprocessing).eval()
    spec = ExportSpec("fp32", "tensor", small_checkpoint.preprocessing, ("a",) * 5, "ours")
    FORMATS["onnx"].convert(graph, spec).save(spec, tmp_path / "ours.onnx")
    torn = onnx_chain(tmp_path / "torn.onnx", "Relu", "Sigmoid", "Erf", "Relu", "Sigmoid")
    counts = []
    for path in (torn, tmp_path / "ours.onnx", *(p for p in theirs if p.suffix == ".onnx")):
        inspection = inspect(path)
        model = onnx.shape_inference.infer_shapes(onnx.load(path))
        checked = check_coreml_partitions(model, False, "coreml_supported_mlprogram_ops.md")
        mine = partition(inspection, COREML_ONNX)
        assert (mine.taken, len(mine.regions)) == (
            checked.num_supported_nodes,
            checked.num_partitions,
        )
        counts.append(len(mine.regions))
        if inspection.max_rank == 4:
            checked = check_nnapi_partitions(model, True)
            mine = partition(inspection, NNAPI_ONNX)
            assert [len(region) for region in mine.regions] == [
                len(group) for group in checked.supported_groups
            ]
            counts.append(len(mine.regions))
    assert max(counts) > 1
