"""The client in new virtual environments: the base install and one runtime, nothing else."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mobilevit.bundle import read_manifest
from tests.devices.conftest import SCRATCH
from tests.devices.installs import (
    CLIENT,
    Install,
    Row,
    faults_found,
    fresh_install,
    measured_row,
    packages_size,
    run_client,
    run_command,
)
from tests.fuzz.seeds import record_anew

pytestmark = [pytest.mark.devices, pytest.mark.timeout(900)]

SUFFIXES = {"onnxruntime": ".onnx", "litert": ".tflite"}
TOLERANCE = 1e-4  # of probabilities, between runtimes and machines, fp32


@pytest.fixture(scope="module")
def reference(here: Install, bundle: Path, photo: Path, rows: list[Row]) -> dict[str, Any]:
    """What the development environment answers."""
    rows.append(measured_row(here, bundle, photo))
    return run_client(here, bundle, photo)


@pytest.fixture(scope="module", params=SUFFIXES)
def runtime(request: pytest.FixtureRequest) -> str:
    """The only one of the environment under test; its extra has the same name."""
    return request.param


@pytest.fixture(scope="module")
def fresh(runtime: str, bundle: Path, photo: Path, rows: list[Row]) -> Install:
    folder = SCRATCH / f"base-{runtime}"
    install = fresh_install(folder, runtime)
    size = packages_size(folder)
    rows.append(replace(measured_row(install, bundle, photo), installed_bytes=size))
    return install


def test_torch_cannot_be_imported(fresh: Install) -> None:
    done = subprocess.run(
        [*fresh.python, "-c", "import torch"], env=fresh.environment, capture_output=True, text=True
    )
    assert "ModuleNotFoundError: No module named 'torch'" in done.stderr


def test_nothing_heavy_is_there(fresh: Install, bundle: Path, photo: Path) -> None:
    report = run_client(fresh, bundle, photo)
    assert report["heavy_installed"] == []
    assert report["heavy_loaded"] == []


def test_nothing_heavy_is_loaded_where_it_is_there(reference: dict[str, Any]) -> None:
    assert "torch" in reference["heavy_installed"]
    assert reference["heavy_loaded"] == []


def test_heavy_packages_would_be_seen(here: Install, bundle: Path, photo: Path) -> None:
    """The control: the same program, with a heavy package imported before it."""
    program = "import runpy, scipy, sys; runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    done = subprocess.run(
        [*here.python, "-c", program, str(CLIENT), str(bundle), str(photo)],
        env=here.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["heavy_loaded"] == ["scipy"]


def test_bundle_verifies(fresh: Install, runtime: str, bundle: Path) -> None:
    status, faults = faults_found(fresh, bundle)
    assert status == 0
    assert not any(faults.values())
    artifacts = sorted(p.name for p in bundle.iterdir() if p.suffix in SUFFIXES.values())
    assert {file for file, what in faults if what == "hash"} >= set(artifacts)
    run = sorted(file for file, what in faults if what == runtime)
    assert run == [name for name in artifacts if Path(name).suffix == SUFFIXES[runtime]]
    # and by nothing that is not in this environment
    assert not any(what in SUFFIXES for _, what in faults if what != runtime)


def test_damaged_bundle_does_not_verify(fresh: Install, runtime: str, damaged: Path) -> None:
    status, faults = faults_found(fresh, damaged)
    file = next(p.name for p in damaged.glob(f"*_fp32{SUFFIXES[runtime]}"))
    assert status == 1
    assert faults[file, "hash"]
    assert faults[file, runtime]


def test_answers_are_those_of_development(
    fresh: Install, runtime: str, bundle: Path, photo: Path, reference: dict[str, Any]
) -> None:
    report = run_client(fresh, bundle, photo)
    assert report["runtime"] == runtime
    assert report["labels"] == reference["labels"]
    np.testing.assert_allclose(
        report["probabilities"], reference["probabilities"], rtol=0, atol=TOLERANCE
    )


def test_damaged_bundle_is_not_opened(fresh: Install, damaged: Path, photo: Path) -> None:
    done = run_command(fresh, "classify", str(damaged), str(photo))
    assert done.returncode == 2
    assert "is not the file that was exported" in done.stderr


def test_damaged_bundle_answers_otherwise(
    fresh: Install, damaged: Path, photo: Path, reference: dict[str, Any], tmp_path: Path
) -> None:
    """The control of the comparison of answers: a client that has no hash to go by."""
    bundle = shutil.copytree(damaged, tmp_path / "bundle")
    record_anew(bundle, read_manifest(bundle))
    report = run_client(fresh, bundle, photo)
    assert (
        report["labels"] != reference["labels"]
        or np.abs(np.subtract(report["probabilities"], reference["probabilities"])).max()
        > TOLERANCE
    )
