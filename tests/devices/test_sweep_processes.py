"""A sweep of two processes: one run that fails in both stops no other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import write_photos

pytestmark = pytest.mark.devices


def test_two_processes_train_what_a_sweep_has_and_go_on_behind_a_failure(tmp_path: Path) -> None:
    photos, out = write_photos(tmp_path / "photos", ("a", "b"), 12), tmp_path / "sweep"
    command = [sys.executable, "-m", "mobilevit.cli", "train", str(photos), "--out", str(out)]
    command += ["--devices", "2", "--workers", "0", "--epochs", "1", "--batch-size", "8"]
    command += ["--image-size", "32", "--set", "config.transformer_depths=[1,1,1]", "--json"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for times in range(2):
        done = subprocess.run(
            [*command, "--sweep", "learning_rate=1e25,0.002,0.001"],
            capture_output=True,
            text=True,
            timeout=250,
            env=environment,
        )
        assert done.returncode == 1, done.stderr
        failed, *good = json.loads(done.stdout)
        assert "the loss is" in failed["error"]
        assert [run["epoch"] for run in good] == [1, 1]
        assert done.stderr.count("trained already") == 2 * times
