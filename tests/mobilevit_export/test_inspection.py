"""Inspection: what the readers say is what the files hold."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import coremltools as ct
import numpy as np
import onnx
import pytest
import torch
from coremltools.converters.mil import Builder as mb
from onnx import TensorProto, helper
from torch import Tensor, nn
from typer.testing import CliRunner

from mobilevit.cli import app
from mobilevit.errors import ConversionError, InputError
from mobilevit.runtimes.coreml import read_interface
from mobilevit.runtimes.coreml_reference import model_files, read_spec
from mobilevit_export.formats import FORMATS
from mobilevit_export.inspection import Inspection, inspect
from mobilevit_export.inspection import tflite_metadata as tflite_metadata_reader
from mobilevit_export.inspection.placement import placements
from mobilevit_export.lint import lint
from tests.mobilevit_export.graphs import (
    TFLiteGraph,
    Tiny,
    onnx_chain,
    onnx_model,
    pack,
    tflite_chain,
    tflite_metadata,
    tiny_spec,
)

TINY_ELEMENTS = 8 * 3 * 3 * 3 + 8 + 3 * 8 + 3


@pytest.fixture(scope="session")
def tiny_artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One small network through every converter of the SDK, fp32."""
    folder, files = tmp_path_factory.mktemp("tiny"), {}
    for row in FORMATS.values():
        files[row.name] = folder / f"tiny{row.suffix}"
        spec = tiny_spec("fp32")
        row.convert(Tiny().eval(), spec).save(spec, files[row.name])
    return files


@pytest.mark.parametrize("format", list(FORMATS))
def test_the_interface_the_weights_and_the_operations_are_read(
    tiny_artifacts: dict[str, Path], format: str
) -> None:
    inspection = inspect(tiny_artifacts[format])
    assert [port.name for port in inspection.inputs] == ["image"]
    assert inspection.inputs[0].shape == (1, 3, 32, 32)
    assert inspection.inputs[0].dtype == "float32"
    assert [port.name for port in inspection.outputs] == ["probabilities"]
    assert inspection.outputs[0].shape == (1, 3)
    convolutions = {"Conv", "CONV_2D", "conv", "convolution"}
    assert sum(inspection.counts.get(kind, 0) for kind in convolutions) == 1
    assert sum(inspection.counts.values()) == len(inspection.operations)
    [wide] = [item for item in inspection.weights if item.precision == "float32"]
    assert TINY_ELEMENTS <= wide.elements <= TINY_ELEMENTS + 8  # converters add a few scalars
    assert wide.bytes == 4 * wide.elements
    assert inspection.max_rank == 4
    assert not inspection.unknown_shapes
    for operation in inspection.operations:
        assert all(name in inspection.tensors for name in operation.outputs)


def test_fp16_is_counted_as_fp16(tmp_path: Path) -> None:
    """The quantizer of TFLite stores weights behind the flatbuffer."""
    for row in FORMATS.values():
        path = tmp_path / f"half{row.suffix}"
        spec = tiny_spec("fp16")
        row.convert(Tiny().eval(), spec).save(spec, path)
        halves = {item.precision: item for item in inspect(path).weights}["float16"]
        assert halves.elements >= 8 * 27 + 24
        assert halves.bytes == 2 * halves.elements


def mil_program(build: Callable[..., object] | None = None) -> object:
    weight = np.random.default_rng(0).normal(size=(32, 4, 3, 3)).astype(np.float32)

    @mb.program(input_specs=[mb.TensorSpec(shape=(1, 4, 8, 8))], opset_version=ct.target.iOS16)
    def program(x):  # type: ignore[no-untyped-def]
        x = mb.conv(x=x, weight=weight, pad_type="same")
        return mb.relu(x=x) if build is None else build(x)

    return program


def test_compressed_weights_of_a_program_are_named(tmp_path: Path) -> None:
    import coremltools.optimize.coreml as cto

    model = ct.convert(mil_program(), compute_precision=ct.precision.FLOAT32)
    elements = 32 * 4 * 9
    config = cto.OpPalettizerConfig(mode="uniform", nbits=4, weight_threshold=0)
    cto.palettize_weights(model, cto.OptimizationConfig(config)).save(str(tmp_path / "p.mlpackage"))
    config = cto.OpLinearQuantizerConfig(weight_threshold=0)
    cto.linear_quantize_weights(model, cto.OptimizationConfig(config)).save(
        str(tmp_path / "q.mlpackage")
    )
    palettised = {w.precision: w for w in inspect(tmp_path / "p.mlpackage").weights}
    assert palettised["uint4 palettised"].elements == elements
    assert palettised["uint4 palettised"].bytes == elements // 2
    quantized = {w.precision: w for w in inspect(tmp_path / "q.mlpackage").weights}
    assert quantized["int8"].elements == quantized["int8"].bytes == elements


@pytest.mark.parametrize("kind", ["mlprogram", "neuralnetwork"])
def test_a_core_ml_classifier_of_images(tmp_path: Path, kind: str) -> None:
    program = torch.export.export(Tiny().eval(), (torch.zeros(1, 3, 16, 16),))
    model = ct.convert(
        program.run_decompositions({}),
        convert_to=kind,
        inputs=[ct.ImageType("image", (1, 3, 16, 16), color_layout=ct.colorlayout.RGB)],
        classifier_config=ct.ClassifierConfig(["bell", "cup", "door"]),
    )
    model.author, model.short_description = "someone", "tells bells from cups"
    path = tmp_path / ("m.mlpackage" if kind == "mlprogram" else "m.mlmodel")
    model.save(str(path))
    inspection = inspect(path)
    [image] = inspection.inputs
    assert (image.dtype, image.shape, image.kind) == ("uint8", (1, 16, 16, 3), "image RGB")
    assert inspection.tensors["image"].shape == (1, 3, 16, 16)
    kinds = {port.dtype: port for port in inspection.outputs}
    assert kinds["string"].shape is None
    assert "3 labels" in kinds["dictionary"].kind
    assert inspection.metadata["class labels"] == "3"
    assert inspection.metadata["author"] == "someone"
    assert inspection.metadata["description"] == "tells bells from cups"
    assert inspection.max_rank == 4
    assert not inspection.unknown_shapes
    assert {finding.rule for finding in lint(inspection)} == {"not-documented"}


def test_flexible_shapes_of_core_ml_are_told(tmp_path: Path) -> None:
    side = ct.RangeDim(8, 32, default=16)

    class Pool(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.relu(x)

    shape = {"x": {2: torch.export.Dim("side", min=8, max=32)}}
    program = torch.export.export(Pool(), (torch.zeros(1, 3, 16, 16),), dynamic_shapes=shape)
    model = ct.convert(
        program.run_decompositions({}), inputs=[ct.TensorType("x", (1, 3, side, 16))]
    )
    model.save(str(tmp_path / "m.mlpackage"))
    inspection = inspect(tmp_path / "m.mlpackage")
    assert inspection.inputs[0].shape == (1, 3, "8..32", 16)
    assert any(-1 in (tensor.shape or ()) for tensor in inspection.tensors.values())


@pytest.mark.parametrize("kind", ["mlprogram", "neuralnetwork"])
@pytest.mark.parametrize("type_", [ct.ImageType, ct.TensorType])
def test_every_listed_size_of_core_ml_is_told(
    tmp_path: Path, kind: str, type_: type[ct.ImageType] | type[ct.TensorType]
) -> None:
    """The default first; the runtime of this SDK says the same."""
    sizes = [(16, 16), (8, 32), (24, 16)]
    sides = {2: 8 * torch.export.Dim("height"), 3: 8 * torch.export.Dim("width")}
    program = torch.export.export(
        Tiny().eval(), (torch.zeros(1, 3, 16, 24),), dynamic_shapes=(sides,)
    )
    listed = ct.EnumeratedShapes([(1, 3, *size) for size in sizes], default=(1, 3, *sizes[2]))
    model = ct.convert(
        program.run_decompositions({}), convert_to=kind, inputs=[type_(name="image", shape=listed)]
    )
    path = tmp_path / ("m.mlpackage" if kind == "mlprogram" else "m.mlmodel")
    model.save(str(path))
    inspection = inspect(path)
    [image] = inspection.inputs
    as_image = type_ is ct.ImageType
    assert image.shapes[0] == ((1, 24, 16, 3) if as_image else (1, 3, 24, 16))
    assert set(image.shapes) == {(1, *s, 3) if as_image else (1, 3, *s) for s in sizes}
    interface = read_interface(read_spec(model_files(path)[0], path), path)
    assert image.shapes == interface.shapes["image"]
    spanned = ("8|16|24", "16|32")
    assert image.shape == ((1, *spanned, 3) if as_image else (1, 3, *spanned))
    inner = inspection.tensors["image"].shape
    assert inner is not None
    assert inner[:2] == (1, 3)
    result = CliRunner().invoke(app, ["inspect", str(path)])
    assert ("1 x 24 x 16 x 3 or 1 x" if as_image else "1 x 3 x 24 x 16 or 1 x") in " ".join(
        result.stdout.split()
    )


def test_a_layer_that_is_not_covered_leaves_shapes_unknown(tmp_path: Path) -> None:
    builder = ct.models.neural_network.NeuralNetworkBuilder(
        [("x", ct.models.datatypes.Array(4))],
        [("y", None)],
        disable_rank5_shape_mapping=True,
    )
    builder.add_cumsum("sums", ["x"], "y")
    ct.utils.save_spec(builder.spec, str(tmp_path / "m.mlmodel"))
    inspection = inspect(tmp_path / "m.mlmodel")
    assert inspection.counts == {"cumSum": 1}
    assert inspection.unknown_shapes == 1
    assert "cumSum" in inspection.metadata["shapes"]


def test_tflite_metadata_is_decoded(tmp_path: Path) -> None:
    graph = TFLiteGraph()
    image, probabilities = graph.tensor("in", (1, 16, 16, 3)), graph.tensor("out", (1, 16, 16, 3))
    graph.operation("SOFTMAX", [image], [probabilities])
    graph.metadata("TFLITE_METADATA", tflite_metadata("bells", [0.0], [255.0], "labels.txt"))
    graph.metadata("reduced_precision_support", b"fp16accfp16")
    graph.metadata("min_runtime_version", b"2.5.0" + bytes(11))
    graph.metadata("binary", bytes(range(128, 160)))
    path = graph.save(tmp_path / "m.tflite", [image], [probabilities])
    pack(path, {"labels.txt": "bell\ncup\ndoor\n"})
    inspection = inspect(path)
    metadata = inspection.metadata
    assert inspection.inputs[0].kind == "image RGB"
    assert inspection.outputs[0].kind == "one for each label"
    assert metadata["name"] == "bells"
    assert metadata["about"] == "tells bells from cups"
    assert metadata["input 0"] == "image; a photo; image RGB; (value - 0) / 255"
    assert metadata["output 0 labels"] == "labels.txt, 3 lines"
    assert metadata["reduced_precision_support"] == "fp16accfp16"
    assert metadata["min_runtime_version"] == "2.5.0"
    assert metadata["binary"] == "32 bytes"


def test_tflite_metadata_that_cannot_be_read_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = TFLiteGraph()
    first, last = graph.tensor("in", (1, 4)), graph.tensor("out", (1, 4))
    graph.operation("ABS", [first], [last])
    good = tflite_metadata("bells", [0.0], [1.0], "labels.txt")
    graph.metadata("TFLITE_METADATA", good)
    path = graph.save(tmp_path / "m.tflite", [first], [last])
    assert inspect(path).metadata["output 0 labels"] == "labels.txt, not in the file"
    whole = path.read_bytes()
    start = whole.index(good)
    (tmp_path / "bad.tflite").write_bytes(
        whole[:start] + good[:8] + b"\xff" * (len(good) - 8) + whole[start + len(good) :]
    )
    assert inspect(tmp_path / "bad.tflite").metadata["TFLITE_METADATA"].endswith("damaged")
    monkeypatch.setitem(sys.modules, "mediapipe.tasks.metadata", None)
    assert "`mediapipe`" in inspect(path).metadata["TFLITE_METADATA"]


LABELS = "".join(f"label {number}\n" for number in range(1000))


def with_labels(folder: Path, name: str = "labels.txt") -> Path:
    """A model whose metadata names one file of labels, which is not behind it yet."""
    graph = TFLiteGraph()
    first, last = graph.tensor("in", (1, 4)), graph.tensor("out", (1, 4))
    graph.operation("ABS", [first], [last])
    graph.metadata("TFLITE_METADATA", tflite_metadata("bells", [0.0], [1.0], name))
    return graph.save(folder / "m.tflite", [first], [last])


def zipped(path: Path, files: Mapping[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> int:
    """Put packed files behind a model; where they begin."""
    start = path.stat().st_size
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as packed:
        for name, text in files.items():
            packed.writestr(name, text)
    path.write_bytes(path.read_bytes() + content.getvalue())
    return start


@pytest.mark.parametrize(("text", "lines"), [(LABELS, 1000), (LABELS + "one more", 1001), ("", 0)])
def test_packed_labels_are_counted(tmp_path: Path, text: str, lines: int) -> None:
    path = with_labels(tmp_path)
    zipped(path, {"labels.txt": text, "other.txt": "not asked for"})
    assert inspect(path).metadata["output 0 labels"] == f"labels.txt, {lines} lines"


def test_damaged_labels_are_said_to_be(tmp_path: Path) -> None:
    """Wherever in the zip two bytes change, the model is read all the same."""
    path = with_labels(tmp_path)
    start, whole = zipped(path, {"labels.txt": LABELS}), path.read_bytes()
    content = start + 30 + len("labels.txt")  # behind the local header
    said = set()
    for at in [content, *range(start, len(whole) - 1, 7)]:
        path.write_bytes(whole[:at] + bytes(255 - b for b in whole[at : at + 2]) + whole[at + 2 :])
        inspection = inspect(path)
        assert inspection.counts == {"ABS": 1}
        said.add(inspection.metadata["output 0 labels"].removeprefix("labels.txt, "))
        if at == content:  # the first block of the deflated data
            with zipfile.ZipFile(path) as packed, pytest.raises(zlib.error):
                packed.read("labels.txt")
            assert said == {"not read: damaged"}
    assert {"not read: damaged", "not in the file"} <= said


def test_no_more_is_unpacked_than_labels_need(tmp_path: Path) -> None:
    """Neither what nobody names, nor many long files that are named, take memory."""
    zeros = bytes(16 << 20)
    path = with_labels(tmp_path, "0")
    zipped(path, {str(number): zeros for number in range(6)})
    tracemalloc.start()
    assert inspect(path).metadata["output 0 labels"] == "0, 1 lines"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20
    path = with_labels(tmp_path, "long")
    zipped(path, {"long": zeros + b"0"})
    assert inspect(path).metadata["output 0 labels"] == "long, not read: too long"


def test_the_limit_is_on_all_labels_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, names = io.BytesIO(), ["a", "b", "missing", "a", "c"]
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in ("a", "b", "c"):
            packed.writestr(name, "x\n" * 20)
    monkeypatch.setattr(tflite_metadata_reader, "_LABELS_LIMIT", 100)
    assert tflite_metadata_reader._lengths(content.getvalue(), names) == {
        "a": "20 lines",
        "b": "20 lines",
        "c": "not read: too long",
    }


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_labels_packed_in_another_way_stay_closed(tmp_path: Path, method: int) -> None:
    path = with_labels(tmp_path)
    zipped(path, {"labels.txt": LABELS}, method)
    said = inspect(path).metadata["output 0 labels"]
    assert said == "labels.txt, not read: neither stored nor deflated"


def test_onnx_says_where_it_comes_from_and_takes_bytes(tmp_path: Path) -> None:
    """An input of uint8 in NHWC, cast and transposed."""
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
    model = onnx.load(path)
    model.producer_name = "hand"
    model.metadata_props.add(key="labels", value="bell,cup")
    onnx.save(model, path)
    inspection = inspect(path)
    assert (inspection.inputs[0].dtype, inspection.inputs[0].shape) == ("uint8", (1, 8, 8, 3))
    assert inspection.metadata["opset"] == "ai.onnx 18"
    assert inspection.metadata["ir version"] == "10"
    assert inspection.metadata["producer"] == "hand"
    assert inspection.metadata["labels"] == "bell,cup"
    assert inspection.tensors["first"].shape == (1, 3, 8, 8)
    assert inspection.operations[1].attributes["perm"] == (0, 3, 1, 2)


def test_what_a_runtime_folds_is_constant(tmp_path: Path) -> None:
    """The shape of a tensor of known sides is a constant; of an open side, it is computed."""

    def read(batch: int | str) -> Inspection:
        return inspect(
            onnx_model(
                tmp_path / "m.onnx",
                [
                    helper.make_node("Shape", ["x"], ["sides"], "shape"),
                    helper.make_node("Reshape", ["x", "sides"], ["y"], "reshape"),
                ],
                {"x": (TensorProto.FLOAT, [batch, 4])},
                {"y": (TensorProto.FLOAT, [batch, 4])},
            )
        )

    assert read(2).tensors["sides"].constant
    assert not read("batch").tensors["sides"].constant
    assert read("batch").inputs[0].shape == ("batch", 4)


def hostile(folder: Path, good: dict[str, Path]) -> dict[str, tuple[Path, str]]:
    """Paths that are no artifacts, and a part of what is said of each."""
    cases = {
        "missing": (folder / "none.onnx", "there is no artifact"),
        "suffix": (folder / "x.txt", "is not an artifact"),
        "no suffix": (folder, "is not an artifact"),
        "folder as a file": (folder / "folder.tflite", "is a folder"),
        "file as a package": (folder / "file.mlpackage", "is a file"),
        "empty package": (folder / "empty.mlpackage", "the manifest"),
        "package that points out": (folder / "out.mlpackage", "points outside"),
    }
    (folder / "x.txt").write_text("text")
    (folder / "folder.tflite").mkdir()
    (folder / "file.mlpackage").write_text("text")
    (folder / "empty.mlpackage").mkdir()
    (folder / "out.mlpackage").mkdir()
    manifest = {
        "rootModelIdentifier": "a",
        "itemInfoEntries": {"a": {"path": "../../../etc/passwd"}},
    }
    (folder / "out.mlpackage" / "Manifest.json").write_text(json.dumps(manifest))
    messages = {
        ".onnx": "cannot be read as ONNX",
        ".tflite": "is damaged",
        ".mlmodel": "cannot be read",
    }
    for path in good.values():
        if path.suffix in messages:
            whole = path.read_bytes()
            for part in (0.3, 0.9):
                cut = folder / f"cut{part}{path.suffix}"
                cut.write_bytes(whole[: int(len(whole) * part)])
                cases[f"cut off at {part}, {path.suffix}"] = (cut, messages[path.suffix])
    for suffix in messages:
        (folder / f"text{suffix}").write_text("this is no model\n" * 40)
        (folder / f"empty{suffix}").write_bytes(b"")
        cases[f"text{suffix}"] = (folder / f"text{suffix}", f"text{suffix}")
        cases[f"empty{suffix}"] = (folder / f"empty{suffix}", f"empty{suffix}")
    other = folder / "other.onnx"
    other.write_bytes(good["tflite"].read_bytes())
    cases["tflite called onnx"] = (other, "other.onnx")
    return cases


def test_hostile_files_have_their_message_and_exit_with_2(
    tiny_artifacts: dict[str, Path], tmp_path: Path
) -> None:
    for name, (path, message) in hostile(tmp_path, tiny_artifacts).items():
        with pytest.raises((InputError, ConversionError)) as caught:
            inspect(path)
        assert message in caught.value.message, name
        assert not caught.value.message.endswith("."), name
        result = CliRunner().invoke(app, ["inspect", str(path)])
        assert result.exit_code == 2, name
        assert "Traceback" not in result.stderr


def test_noise_in_a_file_is_read_or_refused(
    tiny_artifacts: dict[str, Path], tmp_path: Path
) -> None:
    """Bytes changed at random: a message of the SDK, or an inspection, and nothing else."""
    rng = np.random.default_rng(0)
    for path in (tiny_artifacts[name] for name in ("onnx", "tflite", "mlmodel")):
        whole = np.frombuffer(path.read_bytes(), np.uint8)
        refused = 0
        for number in range(40):
            noisy = whole.copy()
            noisy[rng.integers(8, len(noisy), 20)] = rng.integers(0, 256, 20)
            file = tmp_path / f"{number}{path.suffix}"
            file.write_bytes(noisy.tobytes())
            try:
                inspect(file)
            except ConversionError:
                refused += 1
        assert refused, path.suffix


def test_a_reader_that_is_not_installed_is_named(tmp_path: Path) -> None:
    path = tflite_chain(tmp_path / "m.tflite", "ABS")
    code = (
        "import sys; sys.modules['ai_edge_litert'] = None; from mobilevit.cli import main; main()"
    )
    command = [sys.executable, "-c", code, "inspect", str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "error: `ai_edge_litert` is not installed" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_tells_people_and_programs(tmp_path: Path) -> None:
    good = onnx_chain(tmp_path / "good.onnx", "Relu", "Sigmoid")
    result = CliRunner().invoke(app, ["inspect", str(good)])
    assert result.exit_code == 0, result.stderr
    assert "2 operations, activations of rank 4 at most" in result.stdout
    assert "nothing found" not in result.stdout  # XNNPACK's provider takes neither
    bad = onnx_chain(tmp_path / "bad.onnx", "Relu", "rank-5")
    result = CliRunner().invoke(app, ["inspect", str(bad), "--json"])
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told["operations"][0]["type"] == "Relu"
    assert told["tensors"]["high1"]["shape"] == [1, 4, 2, 4, 8]
    assert "rank" in [finding["rule"] for finding in told["findings"]]


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac can be asked")
def test_placement_is_asked_of_a_mac_only(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="on a Mac only"):
        placements(tmp_path / "m.mlpackage")
