"""Export: every format agrees with torch, says so, and is caught when it does not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from typer.testing import CliRunner

import mobilevit
from mobilevit.bundle import hash_artifact, read_labels, read_manifest
from mobilevit.check import check_bundle
from mobilevit.checkpoint import Checkpoint, save_checkpoint
from mobilevit.cli import app
from mobilevit.errors import BundleError, ConversionError, InputError
from mobilevit.models import create_model
from mobilevit.parity import TOLERANCES, measure
from mobilevit.prediction import predict
from mobilevit.preprocessing import Preprocessing
from mobilevit.runtimes import RUNTIMES, load_session
from mobilevit.runtimes.torch import TorchSession
from mobilevit_export import FORMATS
from mobilevit_export.formats import USUAL_PRECISIONS, ExportSpec, choose
from mobilevit_export.photos import folder_photos, packaged_photo, packaged_photos
from mobilevit_export.verify import Comparison, compare, photo_pixels, prepare
from tests.conftest import liven, quiet_export
from tests.fuzz.seeds import record_anew
from tests.mobilevit_export.damage import DAMAGES


@pytest.fixture(scope="session")
def comparison(small_checkpoint: Checkpoint) -> Comparison:
    session = TorchSession(small_checkpoint)
    return prepare(session, packaged_photos(12), small_checkpoint.preprocessing, "packaged photos")


def artifact(bundle: Path, format: str, precision: str = "fp32") -> Path:
    for record in read_manifest(bundle).artifacts:
        if (record.format, record.precision) == (format, precision):
            return bundle / record.file
    raise AssertionError(f"no {format} {precision}")


def test_a_bundle_has_every_format_in_every_usual_precision(exported: Path) -> None:
    manifest = read_manifest(exported)
    made = [(record.format, record.precision) for record in manifest.artifacts]
    assert made == [(row.name, p) for row in FORMATS.values() for p in USUAL_PRECISIONS]
    assert read_labels(exported, manifest) == ["anchor", "bell", "cup", "door", "engine"]
    for record in manifest.artifacts:
        assert hash_artifact(exported / record.file) == (record.sha256, record.size)
        assert record.input.shape == (1, 64, 64, 3)
        assert not record.parity.faults
        assert record.tools["torch"]
    assert not [path for path in exported.parent.iterdir() if path != exported]


@pytest.mark.parametrize("format", list(FORMATS))
def test_fp32_is_within_1e_4_and_fp16_is_half_the_size_and_close(
    exported: Path, comparison: Comparison, format: str
) -> None:
    sizes = {}
    for precision in ("fp32", "fp16"):
        path = artifact(exported, format, precision)
        runtime = RUNTIMES[FORMATS[format].runtimes[-1]]
        parity = compare(comparison, path, runtime, precision)
        assert not parity.faults
        assert parity.max_abs_difference < (1e-4 if precision == "fp32" else 1e-2)
        sizes[precision] = hash_artifact(path)[1]
    assert sizes["fp16"] < 0.75 * sizes["fp32"]


@pytest.mark.parametrize("damage", ["weight", "operation"])
@pytest.mark.parametrize("format", list(FORMATS))
def test_a_damaged_artifact_is_named(
    bundle: Path, comparison: Comparison, format: str, damage: str
) -> None:
    path = artifact(bundle, format)
    dict(zip(("weight", "operation"), DAMAGES[format], strict=True))[damage](path)
    # by what it computes, whatever its hash
    parity = compare(comparison, path, RUNTIMES[FORMATS[format].runtimes[-1]], "fp32")
    assert parity.faults, parity
    # by its hash, and by the golden outputs
    bad = {check.what for check in check_bundle(bundle) if check.faults}
    subjects = {check.subject for check in check_bundle(bundle) if check.faults}
    assert subjects == {path.name}
    assert "hash" in bad
    assert len(bad) > 1
    result = CliRunner().invoke(app, ["verify", str(bundle)])
    assert result.exit_code == 1
    assert f"`{path.name}`" in result.stderr


def test_a_converter_that_is_wrong_is_not_written_as_good(
    small_checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mobilevit_export import onnx as converter

    class Wrong(converter.OnnxConversion):
        def save(self, spec: ExportSpec, path: Path) -> None:
            super().save(spec, path)
            if spec.precision == "fp32":
                DAMAGES["onnx"][1](path)

    monkeypatch.setattr(converter, "OnnxConversion", Wrong)
    checkpoint = tmp_path / "checkpoint.safetensors"
    save_checkpoint(checkpoint, small_checkpoint)
    command = ["export", str(checkpoint), "--out", str(tmp_path / "out"), "--images", "4"]
    result = CliRunner().invoke(app, [*command, "--format", "onnx"])
    assert result.exit_code == 1
    assert "error: `mobilevit_xxs_fp32.onnx` does not compute what the model computes" in (
        result.stderr
    )
    assert "probabilities differ by up to" in result.stderr
    assert "the largest difference is on " in result.stderr
    names = [record.file for record in read_manifest(tmp_path / "out").artifacts]
    assert names == ["mobilevit_xxs_fp16.onnx"]
    rejected = tmp_path / "out.rejected" / "mobilevit_xxs_fp32.onnx"
    assert rejected.exists()
    assert str(rejected.parent) in result.stderr

    alone = [*command[:3], str(tmp_path / "none"), *command[4:], "--format", "onnx"]
    result = CliRunner().invoke(app, [*alone, "--precision", "fp32"])
    assert result.exit_code == 1
    assert not (tmp_path / "none").exists()


def test_formats_side_by_side_are_the_same_as_one_by_one(
    small_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"
    save_checkpoint(checkpoint, small_checkpoint)
    quick = ("onnx", "mlmodel")
    records = []
    for jobs in (1, 2):
        out = tmp_path / str(jobs)
        result = quiet_export(checkpoint, out, formats=quick, images=2, jobs=jobs)  # type: ignore[arg-type]
        assert not result.failures
        assert all(attempt.convert_seconds > 0 for attempt in result.attempts)
        # not by hash: maps of a protobuf are in another order in another process
        made = read_manifest(out).artifacts
        records.append([(r.file, r.size, r.parity.max_abs_difference) for r in made])
    files = [file for file, _, _ in records[0]]
    assert files == [
        f"mobilevit_xxs_{p}{s}" for s in (".onnx", ".mlmodel") for p in USUAL_PRECISIONS
    ]
    assert records[0] == records[1]


def test_no_process_to_convert_in_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot export in 0 processes"):
        quiet_export("mobilevit_xxs.imagenette", tmp_path / "out", jobs=0)  # type: ignore[arg-type]


def slowed(path: Path) -> None:
    """Compute much, times zero, before the output."""
    model = onnx.load(path)
    graph = model.graph
    output = graph.output[0].name
    [last] = [node for node in graph.node if output in node.output]
    last.output[list(last.output).index(output)] = x = "quick"
    for i, (rows, columns) in enumerate([(5, 1024), *[(1024, 1024)] * 12]):
        weights = np.full((rows, columns), 1e-3, np.float32)
        graph.initializer.append(onnx.numpy_helper.from_array(weights, f"w{i}"))
        graph.node.append(onnx.helper.make_node("MatMul", [x, f"w{i}"], [x := f"x{i}"]))
    graph.initializer.append(onnx.numpy_helper.from_array(np.zeros((), np.float32), "zero"))
    for operation, inputs, name in (
        ("ReduceSum", [x], "sum"),
        ("Mul", ["sum", "zero"], "nothing"),
        ("Add", ["quick", "nothing"], output),
    ):
        graph.node.append(onnx.helper.make_node(operation, inputs, [name]))
    onnx.save(model, path)


def test_a_precision_that_does_not_pay_is_named_by_the_command(
    small_checkpoint: Checkpoint, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mobilevit_export import onnx as converter

    class Slowed(converter.OnnxConversion):
        def save(self, spec: ExportSpec, path: Path) -> None:
            path.write_bytes(artifact(exported, "onnx", "fp32").read_bytes())
            if spec.precision == "fp16":
                slowed(path)

    monkeypatch.setattr(converter, "OnnxConversion", Slowed)
    checkpoint = tmp_path / "checkpoint.safetensors"
    save_checkpoint(checkpoint, small_checkpoint)
    command = ["export", str(checkpoint), "--out", str(tmp_path / "out"), "--images", "4"]
    command += ["--format", "onnx", "--precision", "fp32,fp16"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.stderr
    assert "timing `mobilevit_xxs_fp16.onnx` against `mobilevit_xxs_fp32.onnx`" in result.stderr
    assert "against fp32" in result.stdout
    assert "slower than fp32: 0." in result.stdout
    fp32, fp16 = read_manifest(tmp_path / "out").artifacts
    assert fp32.sibling is None
    assert fp16.sibling is not None and fp16.sibling.high < 0.98
    assert not [check for check in check_bundle(tmp_path / "out") if check.faults]

    result = CliRunner().invoke(app, [*command, "--no-time", "--overwrite", "--json"])
    assert result.exit_code == 0, result.stderr
    assert "timing" not in result.stderr
    assert [record["sibling"] for record in json.loads(result.stdout)] == [None, None]


def test_other_sizes_that_no_patch_divides(small_checkpoint: Checkpoint, tmp_path: Path) -> None:
    result = quiet_export(
        small_checkpoint, tmp_path / "b", precisions=("fp32",), image_size=(72, 104), images=4
    )
    assert not result.failures, [a.record.parity.faults for a in result.failures]
    assert read_manifest(tmp_path / "b").preprocessing.image_size == (72, 104)


def test_onnx_has_its_weights_inside_and_few_kinds_of_nodes(exported: Path) -> None:
    model = onnx.load(artifact(exported, "onnx"), load_external_data=False)
    assert all(not t.external_data for t in model.graph.initializer)
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}


def test_classify_gives_the_same_labels_with_every_artifact(
    exported: Path, small_checkpoint: Checkpoint
) -> None:
    photo = packaged_photo("coffee.png")
    pixels = photo_pixels(packaged_photos(1), small_checkpoint.preprocessing)  # coffee, whole
    expected = predict(TorchSession(small_checkpoint), pixels)[0]
    for record in read_manifest(exported).artifacts:
        predictions = mobilevit.load(exported, record.file).classify(photo, top=5)
        assert [p.index for p in predictions] == np.argsort(-expected).tolist()
        for p in predictions:
            assert p.label == small_checkpoint.labels[p.index]
            assert p.probability == pytest.approx(expected[p.index], abs=5e-3)


def test_an_untouched_bundle_verifies(exported: Path) -> None:
    checks = check_bundle(exported)
    assert not [check for check in checks if check.faults]
    ran = {check.what for check in checks}
    assert ran >= {"hash", "onnxruntime", "litert", "coreml_reference"}


def test_a_weight_flip_whose_hash_is_recorded_is_caught_by_the_golden_outputs(bundle: Path) -> None:
    path = artifact(bundle, "onnx")
    DAMAGES["onnx"][0](path)
    record_anew(bundle, read_manifest(bundle))
    bad = [(check.subject, check.what) for check in check_bundle(bundle) if check.faults]
    assert bad == [(path.name, "onnxruntime")]


def test_flips_in_a_package_are_named_by_the_command(bundle: Path) -> None:
    package = artifact(bundle, "coreml")
    for path in (path for path in package.rglob("*") if path.is_file()):
        content = path.read_bytes()
        path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
        result = CliRunner().invoke(app, ["verify", str(bundle)])
        assert result.exit_code == 1
        assert f"`{package.name}`" in result.stderr
        path.write_bytes(content)


def test_a_damaged_golden_image_is_named(bundle: Path) -> None:
    path = bundle / read_manifest(bundle).golden[0].file
    path.write_bytes(path.read_bytes() + b"x")
    bad = [check for check in check_bundle(bundle) if check.faults]
    assert [check.subject for check in bad] == ["golden/0.png"]


def test_labels_that_were_changed_are_named(bundle: Path) -> None:
    (bundle / "labels.txt").write_text("one\n")
    bad = [check.subject for check in check_bundle(bundle) if check.faults]
    assert bad == ["labels.txt"]
    with pytest.raises(BundleError, match=r"labels.txt` is not the file that was exported"):
        mobilevit.load(bundle)


def test_everybody_may_read_a_bundle(exported: Path) -> None:
    """coremltools writes packages for its own user alone."""
    for path in (exported, *exported.rglob("*")):
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644), path


def test_what_is_not_in_the_manifest_is_named(bundle: Path) -> None:
    for name in ("CARD.md", ".gitattributes", ".DS_Store", "golden/.DS_Store"):
        (bundle / name).write_text("let be")
    assert not [check for check in check_bundle(bundle) if check.faults]
    (bundle / "extra.onnx").write_text("a stranger")
    (bundle / "golden" / "notes.md").write_text("a stranger")
    bad = [(check.subject, check.what) for check in check_bundle(bundle) if check.faults]
    assert bad == [("extra.onnx", "listed"), ("golden/notes.md", "listed")]


def test_a_bundle_is_replaced_only_when_asked(small_checkpoint: Checkpoint, bundle: Path) -> None:
    before = (bundle / "manifest.json").read_bytes()
    with pytest.raises(InputError, match="--overwrite"):
        quiet_export(small_checkpoint, bundle, formats=("onnx",))
    assert (bundle / "manifest.json").read_bytes() == before


def test_somebodys_folder_is_not_taken_for_rejected_artifacts(
    small_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    (tmp_path / "b.rejected").mkdir()
    (tmp_path / "b.rejected" / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="more than rejected artifacts"):
        quiet_export(small_checkpoint, tmp_path / "b", formats=("onnx",))
    assert (tmp_path / "b.rejected" / "thesis.txt").exists()


def test_a_timm_model_with_mean_and_deviation(tmp_path: Path) -> None:
    pytest.importorskip("timm", reason="needs the `peers` extra")
    model = liven(create_model("timm:mobilenetv2_035", num_classes=5))
    preprocessing = Preprocessing(
        image_size=(64, 64), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
    )
    checkpoint = Checkpoint("timm:mobilenetv2_035", model, list("abcde"), preprocessing)
    result = quiet_export(checkpoint, tmp_path / "b", precisions=("fp32",), images=8)
    assert not result.failures, [a.record.parity.faults for a in result.failures]
    assert len(result.attempts) == len(FORMATS)


def test_a_model_that_cannot_be_converted_leaves_nothing(tmp_path: Path) -> None:
    import torch

    class Stubborn(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.mean((2, 3)) * (1 if float(x.mean()) > 0 else 2) * self.weight

    checkpoint = Checkpoint(
        "stubborn", Stubborn().eval(), ["a", "b", "c"], Preprocessing(image_size=(32, 32))
    )
    with pytest.raises(ConversionError, match="converting to onnx fp32 failed"):
        quiet_export(checkpoint, tmp_path / "b", images=2)
    assert not list(tmp_path.iterdir())


def test_differences_are_measured_as_defined() -> None:
    reference = np.array([[0.7, 0.3], [0.4, 0.6], [0.4, 0.6], [0.4, 0.6]], np.float32)
    given = np.array([[0.7, 0.3], [0.5, 0.5], [0.5, 0.5], [0.45, 0.55]], np.float32)
    options = {"names": ["x", "y", "z", "w"], "source": "s", "runtime": RUNTIMES["onnxruntime"]}
    tolerance = TOLERANCES["fp32"]
    parity = measure(reference, given, tolerance=tolerance, **options)  # type: ignore[arg-type]
    assert parity.max_abs_difference == pytest.approx(0.1)
    assert parity.top1_agreement == 0.5  # of a tie, the first counts
    assert parity.psnr_db == pytest.approx(-10 * np.log10(0.005625), rel=1e-5)
    assert parity.worst_image == "y"
    assert len(parity.faults) == 3
    same = measure(reference, reference, tolerance=tolerance, **options)  # type: ignore[arg-type]
    assert same.psnr_db is None
    assert not same.faults
    nan = measure(reference, given * np.nan, tolerance=tolerance, **options)  # type: ignore[arg-type]
    assert len(nan.faults) == 3


def test_choice_of_formats() -> None:
    chosen = [(row.name, p) for row, p in choose(["tflite", "onnx", "tflite"], ["fp16"])]
    assert chosen == [("tflite", "fp16"), ("onnx", "fp16")]
    with pytest.raises(InputError, match="unknown format"):
        choose(["tflight"], ["fp16"])


def test_photos_of_a_folder_are_spread_evenly(imagenette: Path) -> None:
    photos = folder_photos(imagenette / "val", 20)
    assert len({photo.name.split("/")[0] for photo in photos}) == 10


def test_a_runtime_does_not_open_another_formats_file(exported: Path) -> None:
    with pytest.raises(InputError, match=r"opens \.onnx"):
        load_session(artifact(exported, "tflite"), "onnxruntime")
