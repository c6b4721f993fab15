"""The client in an arm64 Python under QEMU: the kernels of the runtimes' aarch64 wheels."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mobilevit_benchmarks.devices.arm64_root import DEFAULT_CPU, arm64_root, emulated_python
from tests.devices.conftest import SCRATCH
from tests.devices.installs import (
    Install,
    Row,
    answer,
    faults_found,
    pure_install,
    run_client,
    run_command,
)

pytestmark = [pytest.mark.devices, pytest.mark.timeout(900)]

RUNTIMES = {".onnx": "onnxruntime", ".tflite": "litert"}
TOLERANCES = {"fp32": 1e-4, "fp16": 0.02}  # of probabilities, against the fp32 answer here


@pytest.fixture(scope="module")
def root() -> Path:
    return arm64_root()


@pytest.fixture(scope="module")
def sdk() -> Path:
    return pure_install(SCRATCH / "sdk")


def arm64_install(root: Path, sdk: Path, cpu: str) -> Install:
    python = emulated_python(root, cpu=cpu, imports=[sdk])
    command = (*python.argv, "-m", "mobilevit.cli")
    return Install(f"arm64, {cpu}", python.argv, command, python.environment)


@pytest.fixture(scope="module")
def arm64(root: Path, sdk: Path) -> Install:
    return arm64_install(root, sdk, DEFAULT_CPU)


@pytest.fixture(scope="module")
def reference(here: Install, bundle: Path, photo: Path) -> dict[str, Any]:
    return run_client(here, bundle, photo)


def test_it_is_arm64(arm64: Install) -> None:
    program = "import platform; print(platform.machine())"
    done = subprocess.run(
        [*arm64.python, "-c", program],
        env=arm64.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "aarch64\n"


@pytest.mark.parametrize("cpu", [DEFAULT_CPU, "max"])
def test_bundle_verifies(root: Path, sdk: Path, bundle: Path, cpu: str) -> None:
    status, faults = faults_found(arm64_install(root, sdk, cpu), bundle)
    assert status == 0
    assert not any(faults.values())
    for file in bundle.iterdir():
        if file.suffix in RUNTIMES:
            assert {(file.name, "hash"), (file.name, RUNTIMES[file.suffix])} <= set(faults)


def test_damaged_bundle_does_not_verify(arm64: Install, damaged: Path) -> None:
    status, faults = faults_found(arm64, damaged)
    assert status == 1
    for suffix, runtime in RUNTIMES.items():
        file = next(p.name for p in damaged.glob(f"*_fp32{suffix}"))
        assert faults[file, "hash"]
        assert faults[file, runtime]
        intact = next(p.name for p in damaged.glob(f"*_fp16{suffix}"))
        assert not faults[intact, "hash"]
        assert not faults[intact, runtime]


def test_client_answers_as_in_development(
    arm64: Install, bundle: Path, photo: Path, reference: dict[str, Any]
) -> None:
    report = run_client(arm64, bundle, photo)
    assert report["heavy_installed"] == []
    assert report["labels"] == reference["labels"]
    np.testing.assert_allclose(
        report["probabilities"],
        reference["probabilities"],
        rtol=0,
        atol=TOLERANCES["fp32"],
    )


def test_every_artifact_answers_as_in_development(
    arm64: Install, bundle: Path, photo: Path, reference: dict[str, Any], rows: list[Row]
) -> None:
    done = run_command(arm64, "classify", str(bundle), str(photo), "--every-artifact", "--json")
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert sorted(a["artifact"] for a in answers) == sorted(
        p.name for p in bundle.iterdir() if p.suffix in RUNTIMES
    )
    for given in answers:
        labels = [prediction["label"] for prediction in given["labels"]]
        probabilities = [prediction["probability"] for prediction in given["labels"]]
        precision = Path(given["artifact"]).stem.rsplit("_", 1)[1]
        assert labels == reference["labels"]
        np.testing.assert_allclose(
            probabilities, reference["probabilities"], rtol=0, atol=TOLERANCES[precision]
        )
        rows.append(
            Row(
                install=arm64.name,
                runtime=given["runtime"],
                artifact=given["artifact"],
                import_ms=None,
                first_label_ms=None,
                peak_bytes=None,
                installed_bytes=None,
                answer=answer({"labels": labels, "probabilities": probabilities}),
            )
        )
