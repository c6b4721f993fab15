"""This machine: Linux or macOS."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from types import TracebackType

from mobilevit.errors import ConversionError, InputError

from ..cases import Offer
from ..plan import RECORDS_FILE
from ..records import DeviceDescription, DeviceState
from ..runner import machine
from ..runner.processes import import_paths


class LocalDevice:
    """The runner is a process of this Python.

    Raises:
        InputError: on Windows, which does not tell what a worker measures.
    """

    address = "local"
    runtimes: Offer | None = None

    def __init__(self) -> None:
        if sys.platform == "win32":
            raise InputError("benchmarks run on Linux and macOS only", "on Windows, use WSL")
        self._folder: Path | None = None

    def __enter__(self) -> LocalDevice:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._folder = None

    def describe(self) -> DeviceDescription:
        return DeviceDescription(address=self.address, **machine.describe())

    def state(self) -> DeviceState:
        return DeviceState(**machine.state())

    def push(self, folder: Path) -> None:
        self._folder = folder  # it is here already

    def run(self) -> Generator[str, None, None]:
        assert self._folder is not None, "push comes first"
        command = [sys.executable, "-m", "mobilevit_benchmarks.runner", "--clean-up"]
        with (
            tempfile.TemporaryFile() as errors,  # a pipe that nobody reads could fill up
            subprocess.Popen(
                [*command, str(self._folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, **import_paths()},
            ) as runner,
        ):
            assert runner.stdout is not None
            try:
                yield from runner.stdout
                status = runner.wait()
            finally:
                runner.kill()  # its workers end with their pipes
            if status != 0:
                errors.seek(0)
                said = errors.read().decode(errors="replace").strip().splitlines()
                last = said[-1] if said else f"it ended with status {status}"
                raise ConversionError(f"the runner of the benchmark failed: {last}")

    def pull(self) -> str:
        assert self._folder is not None, "push comes first"
        return (self._folder / RECORDS_FILE).read_text(encoding="utf-8")
