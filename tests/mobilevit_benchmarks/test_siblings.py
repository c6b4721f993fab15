"""What an export says of a precision that does not pay: named where it is so, and only there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from mobilevit.bundle import (
    ArtifactRecord,
    Manifest,
    QuantizationRecord,
    hash_artifact,
    read_manifest,
)
from mobilevit.check import check_bundle
from mobilevit_benchmarks import siblings
from mobilevit_benchmarks.cases import bundle_subjects
from mobilevit_benchmarks.siblings import LEAST_SPEEDUP, SETTINGS, time_siblings
from tests.hostile.cases import fake_bundle, sign

from .test_benchmark import save_model

QUICK = SETTINGS.model_copy(
    update={"warmup_min_s": 0.01, "round_min_s": 0.01, "sentinel_min_s": 0.001}
)
LOST = {"calibration": None, "top1_drop": 0.031, "max_drop": 0.01}
KEPT = {"calibration": None, "top1_drop": 0.01, "max_drop": 0.01}


def write_bundle(folder: Path, *artifacts: tuple[str, int, dict[str, Any]]) -> Path:
    """A bundle of (file, layers, what else its record has); a file's precision is in its name."""
    bundle = fake_bundle(folder)
    manifest = json.loads((bundle / "manifest.json").read_text())
    [record] = manifest["artifacts"]
    (bundle / record["file"]).unlink()
    source = {**record["input"], "name": "image", "shape": [1, 3, 32, 32]}
    source |= {"dtype": "float32", "layout": "NCHW"}
    manifest["artifacts"] = []
    for file, layers, fields in artifacts:
        path = save_model(bundle / file, layers)
        sha256, size = hash_artifact(path)
        own = {"file": file, "format": path.suffix[1:], "precision": path.stem.split("_")[1]}
        own |= {"sha256": sha256, "size": size, "input": source, **fields}
        manifest["artifacts"].append({**record, **own})
    sign(bundle, manifest)
    return bundle


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ArtifactRecord]:
    """By file, with what was measured once of all that the tests look at."""
    bundle = write_bundle(
        tmp_path_factory.mktemp("siblings"),
        ("m_fp32.onnx", 4, {}),
        ("m_fp16.onnx", 4, {}),  # the same file
        ("m_int8.onnx", 16, {"quantization": LOST}),
        ("m_int8-weights.onnx", 1, {"quantization": KEPT}),
        ("m_fp32.mlpackage", 1, {}),
        ("m_fp16.mlpackage", 1, {}),  # which nothing times off a Mac
        ("m_fp16.tflite", 1, {}),  # has no sibling
    )
    lines: list[str] = []
    told = time_siblings(bundle, settings=QUICK, report=lines.append)
    assert len(lines) == 1, lines
    assert told == read_manifest(bundle).artifacts  # which is signed anew
    assert not list(bundle.glob("*.partial"))
    return {record.file: record for record in told}


def test_an_artifact_made_slower_is_named(timed: dict[str, ArtifactRecord]) -> None:
    sibling = timed["m_int8.onnx"].sibling
    assert sibling is not None
    assert sibling.file == "m_fp32.onnx"
    assert sibling.low <= sibling.speedup <= sibling.high < 0.6
    assert sibling.faults[0].startswith("slower than fp32: 0.")
    assert sibling.runtime == "onnxruntime"
    assert sibling.machine


def test_an_equal_artifact_is_not_named_nor_a_faster_one(timed: dict[str, ArtifactRecord]) -> None:
    equal, faster = timed["m_fp16.onnx"].sibling, timed["m_int8-weights.onnx"].sibling
    assert equal is not None and faster is not None
    assert equal.faults == faster.faults == ()
    assert equal.high > LEAST_SPEEDUP
    assert faster.low > 1.5


def test_lost_accuracy_is_named_beyond_the_budget(timed: dict[str, ArtifactRecord]) -> None:
    lost = "loses 3.1 points of accuracy, more than the 1 allowed"
    assert timed["m_int8.onnx"].faults[-1] == lost
    # and of the calibration photos without labels, the same first label
    unlabelled = QuantizationRecord(calibration=None, agreement=0.985, max_drop=0.01)
    assert unlabelled.faults == [
        "gives the label of fp32 on 98.5% of the calibration photos, fewer than the 99.0% needed"
    ]
    assert not unlabelled.model_copy(update={"agreement": 0.99}).faults
    assert not unlabelled.model_copy(update={"agreement": None}).faults


@pytest.mark.skipif(shutil.which("xcrun") is not None, reason="a Mac may time Core ML's packages")
def test_what_cannot_be_timed_here_has_no_record(timed: dict[str, ArtifactRecord]) -> None:
    fp32 = ("m_fp32.onnx", "m_fp32.mlpackage")
    assert all(timed[file].sibling is None for file in (*fp32, "m_fp16.mlpackage", "m_fp16.tflite"))


def test_a_refused_artifact_is_told_and_the_others_are_timed(tmp_path: Path) -> None:
    bundle = write_bundle(
        tmp_path, ("m_fp32.onnx", 1, {}), ("m_fp16.onnx", 1, {}), ("m_int8.onnx", 1, {})
    )
    manifest = json.loads((bundle / "manifest.json").read_text())
    (bundle / "m_int8.onnx").write_bytes(b"not a model")
    manifest["artifacts"][2]["sha256"] = hash_artifact(bundle / "m_int8.onnx")[0]
    sign(bundle, manifest)
    lines: list[str] = []
    told = time_siblings(bundle, settings=QUICK, report=lines.append)
    assert "`m_int8.onnx` was not timed: onnxruntime" in lines[1]
    assert [record.sibling is not None for record in told] == [False, True, False]


def test_layouts_have_siblings_of_their_own_where_there_are(tmp_path: Path) -> None:
    other = {"layout": "neural-engine"}
    files = (
        ("m_fp32.onnx", 1, {}),
        ("n_fp32.onnx", 1, other),
        ("m_fp16.onnx", 1, {}),
        ("n_fp16.onnx", 1, other),
    )
    bundle = write_bundle(tmp_path, *files)
    names = [subject.name for subject in bundle_subjects(bundle)]
    assert names == [
        "onnx fp32",
        "onnx fp32, neural-engine",
        "onnx fp16",
        "onnx fp16, neural-engine",
    ]
    manifest: Manifest = read_manifest(bundle)
    families = {
        sibling.file: [record.file for record in records]
        for sibling, records in siblings._families(manifest.artifacts)
    }
    assert families == {"m_fp32.onnx": ["m_fp16.onnx"], "n_fp32.onnx": ["n_fp16.onnx"]}
    alone = [record for record in manifest.artifacts if record.file != "n_fp32.onnx"]
    assert [[r.file for r in own] for _, own in siblings._families(alone)] == [
        ["m_fp16.onnx", "n_fp16.onnx"]
    ]


def test_where_there_is_no_clock_the_bundle_stays_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = write_bundle(tmp_path, ("m_fp32.onnx", 1, {}), ("m_fp16.onnx", 1, {}))
    monkeypatch.setattr("sys.platform", "win32")
    lines: list[str] = []
    told = time_siblings(bundle, settings=QUICK, report=lines.append)
    assert lines[1] == "not timed: benchmarks run on Linux and macOS only"
    assert not any(record.sibling for record in told)
    assert not [c for c in check_bundle(bundle) if c.what == "hash" and c.faults]
