"""One artifact for several image sizes, or for any number of images."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import coremltools as ct
import numpy as np
import onnx
import pytest
import torch

import mobilevit
from mobilevit.bundle import read_manifest
from mobilevit.check import check_bundle
from mobilevit.checkpoint import Checkpoint
from mobilevit.errors import InputError
from mobilevit.graph import ClassifierGraph
from mobilevit.models import create_model
from mobilevit.prediction import predict
from mobilevit.preprocessing import Preprocessing
from mobilevit.runtimes import RUNTIMES, load_session
from mobilevit.runtimes.coreml import operations
from mobilevit.runtimes.torch import TorchSession
from mobilevit_export import ExportResult, export
from mobilevit_export.formats import choose
from mobilevit_export.photos import packaged_photos
from mobilevit_export.rewrite import shuffle_patches, size_step
from mobilevit_export.verify import compare, photo_pixels, prepare, worst
from tests.conftest import liven
from tests.mobilevit_export.damage import DAMAGES

SIZES = ((64, 64), (128, 64), (192, 192))
PRECISIONS = ("fp32", "fp16")
SHAPE_OPERATIONS = {"Shape", "Gather", "Slice", "Squeeze", "Unsqueeze", "Expand"}


@pytest.fixture(scope="module")
def flexible(
    small_checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ExportResult, list[str]]:
    said: list[str] = []
    result = export(
        small_checkpoint,
        tmp_path_factory.mktemp("flexible") / "bundle",
        formats=("coreml", "onnx"),
        more_sizes=SIZES[1:],
        dynamic_batch=True,
        images=8,
        report=said.append,
    )
    return result, said


def artifact(flexible: tuple[ExportResult, list[str]], suffix: str, precision: str) -> Path:
    bundle = flexible[0].bundle
    assert bundle is not None
    return bundle / f"mobilevit_xxs_{precision}{suffix}"


def test_parity_is_checked_at_every_size(flexible: tuple[ExportResult, list[str]]) -> None:
    result, said = flexible
    assert not result.failures, [a.record.parity.faults for a in result.failures]
    for attempt in result.attempts:
        several = attempt.record.format == "coreml"
        assert tuple(attempt.parities) == (SIZES if several else SIZES[:1])
        largest = max(parity.max_abs_difference for parity in attempt.parities.values())
        assert attempt.record.parity.max_abs_difference == largest
        assert largest < (1e-4 if attempt.record.precision == "fp32" else 1e-2)
    for size in SIZES:
        assert sum(line.startswith(f"  at {size[0]}x{size[1]} ") for line in said) == 2
    assert result.bundle is not None
    inputs = {r.format: r.input for r in read_manifest(result.bundle).artifacts}
    assert inputs["coreml"].shape == (1, 64, 64, 3)
    assert inputs["coreml"].more_shapes == ((1, 128, 64, 3), (1, 192, 192, 3))
    assert (inputs["onnx"].shape, inputs["onnx"].more_shapes) == ((-1, 64, 64, 3), ())


@pytest.mark.parametrize("damage", [0, 1])
@pytest.mark.parametrize("size", SIZES)
def test_a_damaged_package_is_caught_at_each_size(
    flexible: tuple[ExportResult, list[str]],
    small_checkpoint: Checkpoint,
    size: tuple[int, int],
    damage: int,
    tmp_path: Path,
) -> None:
    path = tmp_path / "damaged.mlpackage"
    shutil.copytree(artifact(flexible, ".mlpackage", "fp32"), path)
    preprocessing = small_checkpoint.preprocessing.at_size(size)
    photos = packaged_photos(4)
    comparison = prepare(TorchSession(small_checkpoint), photos, preprocessing, "packaged photos")
    runtime = RUNTIMES["coreml_reference"]
    assert not compare(comparison, path, runtime, "fp32").faults
    DAMAGES["coreml"][damage](path)
    assert compare(comparison, path, runtime, "fp32").faults


def test_the_worst_size_speaks_for_the_artifact(
    flexible: tuple[ExportResult, list[str]],
) -> None:
    good = flexible[0].attempts[0].record.parity
    far = good.model_copy(update={"max_abs_difference": 9e-5})
    nan = good.model_copy(update={"max_abs_difference": float("nan")})
    assert worst([good, far, good]) is far
    assert worst([far, nan, good]) is nan
    assert worst([nan, far, good]) is nan


def test_other_sizes_are_refused_with_those_there_are(
    flexible: tuple[ExportResult, list[str]],
) -> None:
    session = load_session(artifact(flexible, ".mlpackage", "fp32"), "coreml_reference")
    given = session.inputs[0]
    assert given.shape == (1, 64, 64, 3)
    with pytest.raises(InputError) as refused:
        session.run({given.name: np.zeros((1, 64, 128, 3), given.dtype)})
    for size in SIZES:
        assert str((1, *size, 3)) in refused.value.message


def test_such_a_bundle_is_verified_and_used_like_any_other(
    flexible: tuple[ExportResult, list[str]],
) -> None:
    bundle = flexible[0].bundle
    assert bundle is not None
    assert not [check for check in check_bundle(bundle) if check.faults]
    photos = [photo.image for photo in packaged_photos(3)]
    client = mobilevit.load(bundle)
    assert [p[0].label for p in client.classify_batch(photos)] == [
        client.classify(photo)[0].label for photo in photos
    ]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_flexible_program_calculates_with_no_shape_but_one_a_block(
    flexible: tuple[ExportResult, list[str]], precision: str
) -> None:
    spec = ct.utils.load_spec(str(artifact(flexible, ".mlpackage", precision)))
    assert spec.specificationVersion == 7  # iOS 16
    made = {o.outputs[0].name: o for o in operations(spec)}
    counts = Counter(operation.type for operation in made.values())
    assert (counts["shape"], counts["gather"]) == (3, 6)
    assert not {"floor_div", "real_div", "ceil", "floor", "select", "range_1d"} & counts.keys()
    reshapes = [o for o in made.values() if o.type == "reshape"]
    shapes = [made[o.inputs["shape"].arguments[0].name].type for o in reshapes]
    assert Counter(shapes) == {"const": len(reshapes) - 3, "concat": 3}
    ranks = [o.outputs[0].type.tensorType.rank for o in made.values()]
    assert max(ranks) <= 4


def test_shuffled_patches_are_exact(small_checkpoint: Checkpoint) -> None:
    model = create_model(
        "mobilevit_xxs", num_classes=5, transformer_depths=(1, 1, 1), patch_sizes=(8, 4, 2)
    )
    for original in (small_checkpoint.model, liven(model)):
        graph = ClassifierGraph(original, small_checkpoint.preprocessing).eval()
        rewritten = shuffle_patches(graph)
        before = list(original.state_dict())
        pixels = torch.rand(2, 3, 128, 192, generator=torch.Generator().manual_seed(0)) * 255
        with torch.no_grad():
            assert torch.equal(rewritten(pixels), graph(pixels))
        assert list(original.state_dict()) == before
        assert size_step(original) == 64


def test_sizes_that_need_another_graph_are_refused(
    small_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    for size, message in (((96, 96), "cannot take 96x96"), ((64, 8192), "out of range")):
        with pytest.raises(InputError, match=message):
            export(small_checkpoint, tmp_path / "b", formats=("coreml",), more_sizes=(size,))
    with pytest.raises(InputError, match="need `--input image`"):
        export(small_checkpoint, tmp_path / "b", more_sizes=((128, 128),), input="tensor")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("formats", "flexible", "message"),
    [
        (["onnx", "mlmodel"], ["sizes"], "no format of onnx, mlmodel has several image sizes"),
        (["tflite"], ["sizes"], "no format of tflite has several image sizes"),
        (["coreml", "tflite"], ["batch"], "no format of coreml, tflite has a dynamic batch"),
    ],
)
def test_what_no_format_has_is_refused(
    formats: list[str], flexible: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        choose(formats, ["fp32"], flexible)
    assert choose([*formats, "coreml", "onnx"], ["fp32"], flexible)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_rows_of_a_batch_are_those_of_single_images(
    flexible: tuple[ExportResult, list[str]], precision: str
) -> None:
    session = load_session(artifact(flexible, ".onnx", precision), "onnxruntime")
    (given,), (made,) = session.inputs, session.outputs
    assert given.shape == (-1, 64, 64, 3)
    assert made.shape == (-1, 5)
    pixels = photo_pixels(packaged_photos(8), Preprocessing(image_size=(64, 64)))
    single = np.concatenate([predict(session, pixels[i : i + 1]) for i in range(8)])
    assert np.ptp(single, axis=0).max() > 0.05  # rows that can be told apart
    for count in (1, 3, 8):
        np.testing.assert_allclose(predict(session, pixels[:count]), single[:count], atol=1e-5)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_dynamic_batch_costs_no_operation(
    flexible: tuple[ExportResult, list[str]],
    small_checkpoint: Checkpoint,
    precision: str,
    tmp_path: Path,
) -> None:
    fixed = export(
        small_checkpoint,
        tmp_path / "b",
        formats=("onnx",),
        precisions=(precision,),
        images=2,
        report=lambda line: None,
    )
    assert fixed.bundle is not None
    single = onnx.load(fixed.bundle / f"mobilevit_xxs_{precision}.onnx")
    dynamic = onnx.load(artifact(flexible, ".onnx", precision))
    counts = [Counter(n.op_type for n in model.graph.node) for model in (single, dynamic)]
    assert counts[0] == counts[1]
    assert not SHAPE_OPERATIONS & counts[1].keys()
    for value in (dynamic.graph.input[0], dynamic.graph.output[0]):
        assert value.type.tensor_type.shape.dim[0].dim_param == "batch"
    # no reshape counts images
    constants = {t.name: onnx.numpy_helper.to_array(t) for t in dynamic.graph.initializer}
    shapes = [constants[n.input[1]] for n in dynamic.graph.node if n.op_type == "Reshape"]
    assert {int(shape[0]) for shape in shapes} == {-1}
