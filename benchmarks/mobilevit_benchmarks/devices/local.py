"""This machine: Linux or macOS."""

from __future__ import annotations

import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from mobilevit.errors import ConversionError, InputError

from ..cases import Case
from ..measurement import HostDescription, HostState, ProtocolSettings, Round, WarmUp
from . import Opened


class LocalDevice:
    """Workers are processes of this Python.

    Raises:
        InputError: on Windows, which does not tell what a worker measures.
    """

    def __init__(self) -> None:
        if sys.platform == "win32":
            raise InputError("benchmarks run on Linux and macOS only", "on Windows, use WSL")

    def describe(self) -> HostDescription:
        return HostDescription(
            device="local",
            machine=platform.machine(),
            processor=_processor(),
            cores=_cores(),
            memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            system=platform.platform(),
            python=platform.python_version(),
        )

    def state(self) -> HostState:
        domains = sorted(Path("/sys/devices/system/cpu/cpufreq").glob("policy*"))
        return HostState(
            load_average=os.getloadavg(),
            governors=tuple((d / "scaling_governor").read_text().strip() for d in domains),
            frequencies_hz=tuple(int((d / "scaling_cur_freq").read_text()) * 1000 for d in domains),
        )

    @contextmanager
    def start(self, case: Case, seed: int) -> Iterator[LocalWorker]:
        with (
            tempfile.TemporaryFile() as errors,  # a pipe that nobody reads could fill up
            subprocess.Popen(
                [sys.executable, "-m", "mobilevit_benchmarks.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=_environment(case.threads),
            ) as process,
        ):
            try:
                yield LocalWorker(case, seed, process, errors)
            finally:
                process.kill()


class LocalWorker:
    """The parent's end of a worker's pipes."""

    def __init__(
        self,
        case: Case,
        seed: int,
        process: subprocess.Popen[bytes],
        errors: IO[bytes],
    ) -> None:
        self._case = case
        self._seed = seed
        self._process = process
        self._errors = errors

    def open(self) -> Opened:
        feeds = self._case.subject.feeds
        described = None
        if feeds is not None:
            described = [
                {"name": name, "dtype": array.dtype.str, "shape": array.shape}
                for name, array in feeds.items()
            ]
        reply = self._ask(
            "open",
            *(array.tobytes() for array in (feeds or {}).values()),
            artifact=str(self._case.subject.artifact.absolute()),
            runtime=self._case.runtime,
            threads=self._case.threads,
            seed=self._seed,
            feeds=described,
        )
        return Opened(**reply)

    def first_run(self) -> int:
        took_ns: int = self._ask("first_run")["took_ns"]
        return took_ns

    def warm_up(self, settings: ProtocolSettings) -> WarmUp:
        reply = self._ask(
            "warm_up",
            min_runs=settings.warmup_min_runs,
            min_ns=round(settings.warmup_min_s * 1e9),
            cap_ns=round(settings.warmup_cap_s * 1e9),
            agreement=settings.warmup_agreement,
        )
        return WarmUp(**reply)

    def round(self, settings: ProtocolSettings) -> Round:
        reply = self._ask(
            "round", min_runs=settings.round_min_runs, min_ns=round(settings.round_min_s * 1e9)
        )
        return Round(**reply)

    def peak_memory(self) -> int:
        peak_bytes: int = self._ask("peak_memory")["peak_bytes"]
        return peak_bytes

    def _ask(self, do: str, *attached: bytes, **options: Any) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        command = json.dumps({"do": do, **options}) + "\n"
        try:
            for content in (command.encode(), *attached):
                # past the buffer: what it held for a dead process would fail again when closed
                rest = memoryview(content)
                while rest:
                    rest = rest[os.write(self._process.stdin.fileno(), rest) :]
        except BrokenPipeError as error:
            raise self._ended() from error
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise self._ended()
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            family = InputError if reply["error"] == "input" else ConversionError
            raise family(reply["message"], reply["hint"])
        return reply

    def _ended(self) -> ConversionError:
        """The error for a worker that ended by itself."""
        status = self._process.wait()
        what = f"{self._case.runtime} with `{self._case.subject.artifact}`: the worker"
        if status == -signal.SIGKILL:
            return ConversionError(
                f"{what} was killed",
                "the system does that when memory runs out: benchmark fewer artifacts at once",
            )
        how = f"ended with status {status}"
        if status < 0:
            how = f"was ended by signal {-status}, {signal.strsignal(-status)}"
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(said) if line.strip()), "it said nothing")
        return ConversionError(f"{what} {how}: {last}")


def _environment(threads: int) -> dict[str, str]:
    return {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        # a worker imports from where this process does, and from nowhere else
        "PYTHONPATH": os.pathsep.join(str(Path(path).absolute()) for path in sys.path),
        "PYTHONSAFEPATH": "1",
    }


def _cores() -> int:
    if sys.platform == "darwin":
        return os.cpu_count() or 1
    return len(os.sched_getaffinity(0))


def _processor() -> str | None:
    if sys.platform == "darwin":
        shown = subprocess.run(
            ["sysctl", "-n", "machdep.cpu.brand_string"], check=True, capture_output=True, text=True
        )
        return shown.stdout.strip()
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    if found is not None:
        return found[1].strip()
    board = Path("/proc/device-tree/model")  # 64-bit Arm: the kernel names the board alone
    return board.read_text().rstrip("\0") if board.exists() else None
