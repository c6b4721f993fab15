"""Starts `mobilevit train` on tiny images, and the tasks of several.py, as somebody would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
COMMAND = [sys.executable, "-m", "mobilevit.cli", "train"]


def options(out: Path, *settings: str, epochs: int = 2, batch_size: int = 6) -> list[str]:
    numbers = ["--epochs", str(epochs), "--batch-size", str(batch_size), "--image-size", "32"]
    chosen = ["warmup_epochs=0.5", "crop_scale=[0.5,1]", "learning_rate=0.001", *settings]
    sets = [word for setting in chosen for word in ("--set", setting)]
    return ["--out", str(out), *numbers, "--workers", "0", *sets]


def run(command: list[str], *, timeout: float = 200) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    return done


def several(task: str, *paths: Path) -> list[str]:
    """The command by which two processes do a task of several.py."""
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    script = Path(__file__).with_name("several.py")
    return [sys.executable, *launch, str(script), task, *map(str, paths)]
