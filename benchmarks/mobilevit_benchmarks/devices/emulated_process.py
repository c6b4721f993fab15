"""A program of ours in the emulated arm64 Python: started, given one command, and its reply."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mobilevit
import mobilevit_benchmarks
from mobilevit.errors import ConversionError, InputError

from .arm64_root import arm64_root, emulated_python

_ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # a thread that wakes every few seconds, since onnxruntime 1.29; and nobody asked for it
    "ORT_DISABLE_TELEMETRY": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
}


class EmulatedProgram:
    """A file of this package to run, one process after the other, each of one thread.

    Args:
        file: reads one command and answers it, by `mobilevit_benchmarks.answering`.
        cpu: one of `arm64_root.CPUS`.
        folder: scratch, empty; the processes run there.
        qemu_options: further ones.

    Raises:
        InputError: no such processor, or a tool is missing (see `arm64_root`).
    """

    def __init__(
        self, file: Path, *, cpu: str, folder: Path, qemu_options: Sequence[str] = ()
    ) -> None:
        python = emulated_python(
            arm64_root(),
            cpu=cpu,
            imports=[_own_packages(folder / "imports")],
            qemu_options=("-seed", "0", *qemu_options),
        )
        kept = {k: v for k, v in python.environment.items() if k.startswith("PYTHON")}
        self._argv = [*python.argv, str(file)]
        self._environment = kept | _ENVIRONMENT
        self._folder = folder

    def run(self, command: dict[str, Any], *, what: str, timeout_s: float) -> dict[str, Any]:
        """The reply to `command`, from a new process.

        Raises:
            InputError, ConversionError: those of the program; or the process ends or takes too
                long.
        """
        try:
            done = subprocess.run(
                self._argv,
                env=self._environment,
                cwd=self._folder,  # where QEMU would leave the core of a program that crashes
                input=json.dumps(command) + "\n",
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout_s,
            )
        except subprocess.TimeoutExpired as error:
            raise ConversionError(
                f"{what}: the emulated process did not end within {timeout_s:g} s",
                "emulation is some hundred times slower than a processor: allow more time, or ask "
                "for less",
            ) from error
        if done.returncode != 0:
            raise _ended(what, done)
        reply: dict[str, Any] = json.loads(done.stdout)
        if "error" in reply:
            family = InputError if reply["error"] == "input" else ConversionError
            raise family(reply["message"], reply["hint"])
        return reply

    def qemu_version(self) -> str:
        told = subprocess.run(
            [self._argv[0], "--version"], capture_output=True, text=True, check=True
        ).stdout
        found = re.search(r"version (\S+)", told)
        if found is None:
            raise InputError(f"`{self._argv[0]} --version` tells no version")
        return found[1]


def _own_packages(folder: Path) -> Path:
    """A folder to import this project from, and nothing that may be installed beside it."""
    folder.mkdir()
    for package in (mobilevit, mobilevit_benchmarks):
        assert package.__file__ is not None
        (folder / package.__name__).symlink_to(Path(package.__file__).parent.absolute())
    return folder


def _ended(what: str, done: subprocess.CompletedProcess[str]) -> ConversionError:
    """The error for a guest that ended without a reply."""
    if done.returncode == -signal.SIGKILL:
        return ConversionError(
            f"{what}: the emulated process was killed",
            "the system does that when memory runs out",
        )
    how = f"ended with status {done.returncode}"
    if done.returncode < 0:
        how = f"was ended by signal {-done.returncode}, {signal.strsignal(-done.returncode)}"
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    last = said[-1].rstrip(".") if said else "it said nothing"
    return ConversionError(f"{what}: the emulated process {how}: {last}")
