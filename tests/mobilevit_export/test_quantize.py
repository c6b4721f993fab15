"""Eight bits in ONNX and TFLite: what is in the files, what it costs, and what is said of it."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema
from onnx import numpy_helper
from typer.testing import CliRunner

from mobilevit.bundle import ArtifactRecord, read_manifest
from mobilevit.checkpoint import Checkpoint, load_checkpoint
from mobilevit.cli import app
from mobilevit.errors import DataError, InputError
from mobilevit.graph import ClassifierGraph
from mobilevit.prediction import predict
from mobilevit.preprocessing import Preprocessing
from mobilevit.runtimes import RUNTIMES, load_session
from mobilevit.runtimes.torch import TorchSession
from mobilevit_export import tflite_quantize
from mobilevit_export.calibration import Calibration, folder_calibration
from mobilevit_export.formats import FORMATS, ExportSpec
from mobilevit_export.onnx_quantize import symmetric
from mobilevit_export.photos import packaged_photos
from mobilevit_export.verify import compare, photo_pixels, prepare
from tests.conftest import quiet_export, write_photos
from tests.mobilevit_export.mediapipe_answers import answers

PRECISIONS = ("fp32", "fp16", "int8", "int8-weights")


@pytest.fixture(scope="module")
def trained() -> Checkpoint:
    """The shipped weights at a small size: what their attention does matters to the label."""
    checkpoint = load_checkpoint("mobilevit_xxs.imagenette")
    small = checkpoint.preprocessing.at_size((128, 128))
    return replace(checkpoint, preprocessing=small)


@pytest.fixture(scope="module")
def quantized(trained: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("quantized") / "bundle"
    result = quiet_export(
        trained, out, formats=("onnx", "tflite"), precisions=PRECISIONS, images=24
    )
    assert not result.failures, [(a.record.file, a.record.parity) for a in result.failures]
    return out


def record(bundle: Path, format: str, precision: str) -> ArtifactRecord:
    artifacts = read_manifest(bundle).artifacts
    return next(a for a in artifacts if (a.format, a.precision) == (format, precision))


def artifact(bundle: Path, format: str, precision: str) -> Path:
    return bundle / record(bundle, format, precision).file


@pytest.mark.parametrize("format", ["onnx", "tflite"])
def test_eight_bits_are_less_than_half_of_thirty_two(quantized: Path, format: str) -> None:
    sizes = {p: record(quantized, format, p).size for p in PRECISIONS}
    assert sizes["int8"] < 0.45 * sizes["fp32"]
    assert sizes["int8-weights"] < 0.45 * sizes["fp32"]
    assert sizes["int8-weights"] < sizes["fp16"]


@pytest.mark.parametrize("format", ["onnx", "tflite"])
def test_what_it_was_made_with_is_on_record(quantized: Path, format: str) -> None:
    made = record(quantized, format, "int8").quantization
    assert made is not None
    assert made.calibration is not None
    assert (made.calibration.source, made.calibration.sha256) == ("packaged photos", None)
    assert made.repairs == ("ranges of least squared error over 64 photos",)
    assert made.top1_drop is None  # these photos are of no class
    weights = record(quantized, format, "int8-weights").quantization
    assert weights is not None
    assert (weights.calibration, weights.repairs) == (None, ())
    assert record(quantized, format, "fp16").quantization is None


def test_the_least_onnxruntime_is_on_record(quantized: Path) -> None:
    for precision in PRECISIONS:
        path = artifact(quantized, "onnx", precision)
        opsets = {o.domain: o.version for o in onnx.load(path).opset_import}
        assert opsets[""] == 18  # which 1.14 brought
        assert record(quantized, "onnx", precision).needs == {"onnxruntime": "1.14"}


@pytest.mark.parametrize("precision", PRECISIONS)
def test_xnnpack_takes_a_tflite_in_one_piece(quantized: Path, precision: str) -> None:
    session = load_session(artifact(quantized, "tflite", precision), "litert")
    assert session.delegate == "XNNPACK, 1 region"


@pytest.mark.parametrize(("precision", "difference"), [("int8", 0.05), ("int8-weights", 1e-6)])
def test_mediapipe_opens_eight_bits_and_gives_our_labels(
    quantized: Path, precision: str, difference: float
) -> None:
    """Its XNNPACK is another build, which gives the same floats and other integers."""
    told = 0
    for theirs, ours in answers(quantized, artifact(quantized, "tflite", precision).name):
        assert sorted(row[:2] for row in theirs) == sorted(row[:2] for row in ours)
        scores = {index: score for index, _, score in theirs}
        assert [scores[row[0]] for row in ours] == pytest.approx(
            [row[2] for row in ours], abs=difference
        )
        if ours[0][2] - ours[1][2] > 2 * difference:  # else either may be first
            told += 1
            assert theirs[0][1] == ours[0][1]
    assert told >= 3


def test_convolutions_and_linear_layers_are_of_integers_and_attention_is_not(
    quantized: Path,
) -> None:
    content = artifact(quantized, "tflite", "int8").read_bytes()
    graph = schema.ModelT.InitFromPackedBuf(content, 0).subgraphs[0]
    codes = schema.ModelT.InitFromPackedBuf(content, 0).operatorCodes
    kinds = Counter(
        (codes[o.opcodeIndex].builtinCode, graph.tensors[o.inputs[0]].type) for o in graph.operators
    )
    of, types = schema.BuiltinOperator, schema.TensorType
    for integers in (of.CONV_2D, of.DEPTHWISE_CONV_2D, of.FULLY_CONNECTED):
        assert {kind for code, kind in kinds if code == integers} == {types.INT8}
    for floats in (of.BATCH_MATMUL, of.SOFTMAX, of.RSQRT):
        assert {kind for code, kind in kinds if code == floats} == {types.FLOAT32}


def test_groups_of_layers_can_stay_in_float(quantized: Path, tmp_path: Path) -> None:
    source = artifact(quantized, "tflite", "fp32")
    path = Path(shutil.copy(source, tmp_path / source.name))
    photos = photo_pixels(packaged_photos(2), Preprocessing(image_size=(128, 128)))
    ranges = tflite_quantize.activation_ranges(path.read_bytes(), photos)
    tflite_quantize.quantize(path, ranges, ("stage2", "stage4.transformer"))
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    of, tensors = schema.BuiltinOperator, model.subgraphs[0].tensors
    floats = Counter()
    for operator in model.subgraphs[0].operators:
        kind = model.operatorCodes[operator.opcodeIndex].builtinCode
        result = tensors[operator.outputs[0]]
        if kind in (of.CONV_2D, of.FULLY_CONNECTED) and result.type == schema.TensorType.FLOAT32:
            name = result.name.decode().split(";;")[-1]
            assert "_stage2/" in name if kind == of.CONV_2D else "_stage4/" in name
            floats[kind] += 1
    # two of each of three blocks, without the depthwise one; six of each of four layers, and two
    assert floats == {of.CONV_2D: 6, of.FULLY_CONNECTED: 26}


def test_onnxruntime_is_given_no_integers_for_norms_and_residual_streams(quantized: Path) -> None:
    nodes = onnx.load(artifact(quantized, "onnx", "int8")).graph.node
    makers = {output: node.op_type for node in nodes for output in node.output}
    for node in nodes:
        read = [makers.get(value) for value in node.input]
        if node.op_type in ("Pow", "Softmax", "Sqrt", "MatMul"):
            assert "DequantizeLinear" not in read, node.name
        if node.op_type in ("Conv", "Gemm"):
            assert read[:2] == ["DequantizeLinear"] * 2, node.name


@pytest.mark.parametrize("format", ["onnx", "tflite"])
def test_a_scale_that_is_wrong_is_noticed(
    quantized: Path, trained: Checkpoint, tmp_path: Path, format: str
) -> None:
    """Control: int8 may differ by more than floats, but not by this."""
    source = artifact(quantized, format, "int8")
    path = Path(shutil.copy(source, tmp_path / source.name))
    if format == "onnx":
        model = onnx.load(path)
        makers = {output: node for node in model.graph.node for output in node.output}
        convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
        scale = makers[convolutions[len(convolutions) // 2].input[1]].input[1]  # of the weight
        tensor = next(t for t in model.graph.initializer if t.name == scale)
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * 4, scale))
        onnx.save(model, path)
    else:
        model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
        weights = max(model.buffers, key=lambda b: 0 if b.data is None else len(b.data))
        place = path.read_bytes().index(bytes(weights.data[:64]))
        content = bytearray(path.read_bytes())
        size = len(weights.data)
        content[place : place + size] = bytes((int(b) + 128) % 256 for b in weights.data)
        path.write_bytes(content)
    comparison = prepare(
        TorchSession(trained), packaged_photos(24), trained.preprocessing, "packaged photos"
    )
    runtime = RUNTIMES[FORMATS[format].runtimes[-1]]
    assert not compare(comparison, source, runtime, "int8").faults
    assert compare(comparison, path, runtime, "int8").faults


def metadata(path: Path) -> dict[str, bytes]:
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    return {
        entry.name.decode(): bytes(model.buffers[entry.buffer].data) for entry in model.metadata
    }


def test_only_fp16_lets_a_processor_compute_in_halves(quantized: Path) -> None:
    entry = "reduced_precision_support"
    assert metadata(artifact(quantized, "tflite", "fp16"))[entry] == b"fp16accfp16"
    for precision in ("fp32", "int8", "int8-weights"):
        assert entry not in metadata(artifact(quantized, "tflite", precision))


def test_weights_of_eight_bits_stay_within_half_a_step() -> None:
    weight = np.random.default_rng(0).normal(size=(6, 4, 3, 3)).astype(np.float32)
    weight[2] = 0
    for axis in (0, 1):
        integers, scales = symmetric(weight, axis)
        shape = [1] * 4
        shape[axis] = -1
        error = np.abs(integers * scales.reshape(shape) - weight)
        assert (error <= 0.5001 * scales.reshape(shape)).all()
        assert abs(int(integers.max())) <= 127


def test_ranges_and_loss_come_from_photos_of_the_users_classes(
    trained: Checkpoint, imagenette: Path
) -> None:
    reference = TorchSession(trained)
    calibration = folder_calibration(imagenette, trained.classes, reference, trained.preprocessing)
    assert calibration.record.source == "imagenette2-224/train"
    assert calibration.record.images == len(calibration.pixels) == 512
    assert calibration.labels is not None
    assert set(calibration.labels.tolist()) == set(range(10))
    right = calibration.reference.argmax(axis=1) == calibration.labels
    assert right.mean() > 0.7  # labels and photos belong together
    assert calibration.loss(reference, 64) == (1.0, 0.0)


def test_loss_is_what_fewer_labels_are_right(trained: Checkpoint) -> None:
    """Of photos with the model's own labels: another model's agreement is its accuracy."""
    pixels = photo_pixels(packaged_photos(16), trained.preprocessing)
    reference = predict(TorchSession(trained), pixels)
    labels = reference.argmax(axis=1)
    calibration = Calibration(pixels, labels, reference, None)  # type: ignore[arg-type]
    darker = replace(trained, preprocessing=replace_scale(trained.preprocessing, 0.1))
    agreement, drop = calibration.loss(TorchSession(darker), 16)
    own = predict(TorchSession(darker), pixels).argmax(axis=1)
    assert 0 < agreement < 1
    assert agreement == pytest.approx((own == labels).mean())
    assert drop == pytest.approx(1 - agreement)


def replace_scale(preprocessing: Preprocessing, factor: float) -> Preprocessing:
    return preprocessing.model_copy(update={"scale": preprocessing.scale * factor})


def test_int8_without_photos_is_refused(trained: Checkpoint, tmp_path: Path) -> None:
    graph = ClassifierGraph(trained.model, trained.preprocessing).eval()
    spec = ExportSpec("int8", "image", trained.preprocessing, tuple(trained.labels), "m")
    with pytest.raises(InputError, match="needs photos to calibrate on"):
        FORMATS["onnx"].convert(graph, spec).save(spec, tmp_path / "m.onnx")


def test_photos_of_other_classes_are_refused(trained: Checkpoint, tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", ("cat", "dog"), 2)
    with pytest.raises(DataError, match="is not a class of the model"):
        folder_calibration(photos, trained.classes, TorchSession(trained), trained.preprocessing)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (["--calibration", "nowhere"], "there is no folder `nowhere`"),
        (["--max-drop", "101"], "--max-drop"),
        (["--precision", "int7"], "int7"),
        (["--format", "mlmodel", "--precision", "int8"], "has no int8"),
    ],
)
def test_wrong_options_are_told(option: list[str], said: str, tmp_path: Path) -> None:
    command = ["export", "mobilevit_xxs.imagenette", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*command, "--precision", "int8", "--format", "onnx", *option])
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (tmp_path / "out").exists()
