"""What each platform finds in its file: image inputs, labels, metadata."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import coremltools as ct
import numpy as np
import onnx
import pytest

import mobilevit
from mobilevit.bundle import read_manifest
from mobilevit.checkpoint import Checkpoint
from mobilevit.preprocessing import Preprocessing
from mobilevit.runtimes import load_session
from tests.conftest import quiet_export
from tests.mobilevit_export.mediapipe_answers import answers

LABELS = ["anchor", "bell", "cup", "door", "engine"]
FP32_AND_FP16 = pytest.mark.parametrize("precision", ["fp32", "fp16"])


def file(bundle: Path, suffix: str, precision: str) -> Path:
    return bundle / f"mobilevit_xxs_{precision}{suffix}"


@FP32_AND_FP16
def test_mediapipe_opens_the_tflite_file_and_gives_our_labels(
    exported: Path, precision: str
) -> None:
    for theirs, ours in answers(exported, file(exported, ".tflite", precision).name):
        assert [row[:2] for row in theirs] == [row[:2] for row in ours]
        assert [row[2] for row in theirs] == pytest.approx([row[2] for row in ours], abs=1e-6)


@FP32_AND_FP16
def test_tflite_metadata_leaves_the_weights_and_can_be_repeated(
    exported: Path, precision: str
) -> None:
    with zipfile.ZipFile(file(exported, ".tflite", precision)) as archive:
        assert archive.namelist() == ["labels.txt"]
        assert archive.read("labels.txt").decode().splitlines() == LABELS
        assert archive.infolist()[0].date_time == (1980, 1, 1, 0, 0, 0)


@FP32_AND_FP16
def test_onnx_takes_bytes_and_tells_its_labels(exported: Path, precision: str) -> None:
    model = onnx.load(file(exported, ".onnx", precision))
    onnx.checker.check_model(model, full_check=True)
    [image] = model.graph.input
    assert image.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert [side.dim_value for side in image.type.tensor_type.shape.dim] == [1, 64, 64, 3]
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(told["labels"]) == LABELS
    assert told["model"] == "mobilevit_xxs"
    manifest = read_manifest(exported)
    assert told.get("checkpoint_sha256") == manifest.model.checkpoint_sha256
    assert told["precision"] == precision
    record = Preprocessing.model_validate_json(told["preprocessing"])
    assert record == manifest.preprocessing
    # nothing of the machine it was made on
    assert b"site-packages" not in model.SerializeToString()


@FP32_AND_FP16
@pytest.mark.parametrize("suffix", [".mlpackage", ".mlmodel"])
def test_core_ml_takes_an_image_and_is_a_classifier(
    exported: Path, suffix: str, precision: str
) -> None:
    spec = ct.utils.load_spec(str(file(exported, suffix, precision)))
    given = spec.description
    [image] = given.input
    kind = image.type.imageType
    assert (image.name, kind.width, kind.height) == ("image", 64, 64)
    assert kind.colorSpace == ct.proto.FeatureTypes_pb2.ImageFeatureType.RGB
    outputs = {feature.name: feature.type.WhichOneof("Type") for feature in given.output}
    assert outputs == {"label": "stringType", "probabilities": "dictionaryType"}
    assert given.predictedFeatureName == "label"
    assert given.predictedProbabilitiesName == "probabilities"
    assert all(feature.shortDescription for feature in (*given.input, *given.output))
    assert json.loads(given.metadata.userDefined["labels"]) == LABELS
    from mobilevit.runtimes.coreml import read_interface

    assert list(read_interface(spec, exported).labels) == LABELS


def test_tensor_inputs_are_floats_with_channels_first_everywhere(
    small_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    out = tmp_path / "bundle"
    quiet_export(small_checkpoint, out, input="tensor", precisions=["fp16"], images=2)
    for record in read_manifest(out).artifacts:
        assert (record.input.shape, record.input.dtype) == ((1, 3, 64, 64), "float32")
        assert (record.input.kind, record.output.kind) == ("tensor", "tensor")
        [source] = load_session(out / record.file).inputs
        assert (source.shape, source.dtype) == (record.input.shape, record.input.dtype)


def test_labels_need_differ_for_core_mls_dictionary_alone(
    small_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    """ImageNet has two cranes."""
    from dataclasses import replace

    cranes = replace(small_checkpoint, labels=["crane", "bell", "crane", "door", "engine"])
    out = tmp_path / "bundle"
    quiet_export(cranes, out, formats=["onnx"], precisions=["fp32"], images=2)
    client = mobilevit.load(out)
    assert [client.labels[i] for i in (0, 2)] == ["crane", "crane"]
    probabilities = client.probabilities(np.zeros((1, 64, 64, 3), np.uint8))
    assert probabilities.shape == (1, 5)
