"""Every hostile input gets its message, its exit status, and leaves nothing behind."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mobilevit.checkpoint import Checkpoint, save_checkpoint
from mobilevit.cli import app
from mobilevit.errors import InputError
from mobilevit.files import atomic_file, atomic_folder, scratch_folder
from tests.conftest import interrupt, write_photos
from tests.hostile.cases import CASES, Hostile


@pytest.fixture(scope="module")
def checkpoint_file(small_checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint") / "checkpoint.safetensors"
    save_checkpoint(path, small_checkpoint)
    return path


def contents(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def test_there_are_forty() -> None:
    assert len(CASES) >= 40
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_hostile_input(case: Hostile, checkpoint_file: Path, tmp_path: Path) -> None:
    arguments = case.build(tmp_path, checkpoint_file)
    before = contents(tmp_path)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == case.status, result.stderr
    assert case.message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.exception is None or isinstance(result.exception, SystemExit)
    first = next(line for line in result.stderr.splitlines() if line.startswith("error: "))
    assert not first.endswith(".")
    assert contents(tmp_path) == before


def test_usage_errors_exit_with_2() -> None:
    for arguments in (["trian"], ["train"], ["export", "x"], ["classify", "--top", "0", "a", "b"]):
        assert CliRunner().invoke(app, arguments).exit_code == 2


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fills_up_leaves_nothing(tmp_path: Path, code: int) -> None:
    for write in (atomic_file, atomic_folder, scratch_folder):
        with pytest.raises(InputError, match=os.strerror(code)), write(tmp_path / "out") as aside:
            (aside / "part" if aside.is_dir() else aside).write_bytes(b"half")
            raise OSError(code, os.strerror(code))
        assert not list(tmp_path.iterdir())


def test_a_folder_that_takes_no_files_is_named() -> None:
    with (
        pytest.raises(InputError, match="cannot write `/proc/none`"),
        atomic_file(Path("/proc/none")),
    ):
        raise AssertionError("there is nothing to write to")


def test_a_full_disk_is_named_and_leaves_nothing(checkpoint_file: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands in for a full disk: writing fails in the same place."""
    data = write_photos(tmp_path / "data", ("a", "b"), 4)
    limited = (
        "import resource, signal, sys; from mobilevit.cli import main;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000)); main()"
    )
    export = ["export", str(checkpoint_file), "--out", str(tmp_path / "bundle"), "--images", "2"]
    train = ["train", str(data), "--out", str(tmp_path / "run"), "--epochs", "1"]
    train += ["--image-size", "32", "--batch-size", "4", "--workers", "0"]
    for arguments in ([*export, "--format", "onnx"], train):
        command = [sys.executable, "-c", limited, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=200)
        assert done.returncode == 2, done.stderr
        assert "cannot write" in done.stderr
        assert "File too large" in done.stderr
        assert "Traceback" not in done.stderr
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert not any(name.endswith((".partial", ".safetensors", ".onnx")) for name in left), left


def test_ctrl_c_during_export_leaves_nothing(checkpoint_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    command = [sys.executable, "-m", "mobilevit.cli", "export", str(checkpoint_file)]
    process = subprocess.Popen(
        [*command, "--out", str(out), "--images", "2"], stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob(".*.scratch")) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(1.0)  # into the first conversion
    errors = interrupt(process)
    assert process.returncode == 130, errors
    assert "interrupted" in errors
    assert "Traceback" not in errors
    assert not list(tmp_path.iterdir())
