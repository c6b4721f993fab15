"""Instructions that an arm64 processor executes to run an artifact once, counted under QEMU.

No time, and no stand-in for one: a count knows nothing of memory, of how many instructions a core
executes at once, or of what any of them takes. It is of the kernels that a phone's processor would
run, though, and it repeats where a time does not: processes differ by 3 instructions in a million
at most, beside any load. So it can tell that a change made an artifact or a runtime do 1 % more.

Why it repeats: one thread; Python's hashes are not drawn anew in each process; and the environment
is always the same, for QEMU puts it on the program's stack, and that moves what is allocated.
Addresses need no care: QEMU hands out the same ones whatever the kernel would draw. Where files lie
and how long their paths are does matter; counts then differ by some 20 in a million.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median_low
from typing import Any

import numpy as np
from numpy.typing import NDArray

import mobilevit
import mobilevit_benchmarks
from mobilevit.errors import ConversionError, InputError

from .arm64_root import DEFAULT_CPU, arm64_root, emulated_python
from .instruction_plugin import instruction_plugin, plugin_option

_GUEST = Path(__file__).with_name("counted_runs.py")
_ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # a thread that wakes every few seconds, since onnxruntime 1.29; and nobody asked for it
    "ORT_DISABLE_TELEMETRY": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
}


@dataclass(frozen=True)
class InstructionCounts:
    """Counts of one artifact on one runtime, and what they depend on."""

    runs: tuple[tuple[int, ...], ...]  # [process][run]
    cpu: str  # one of CPUS
    qemu_version: str
    runtime_version: str

    @property
    def per_process(self) -> tuple[int, ...]:
        """One count per process: the median of its runs. onnxruntime's second run, the first that
        counts, still differs from the later ones by 0.04 %."""
        return tuple(median_low(runs) for runs in self.runs)


def count_instructions(
    artifact: Path,
    *,
    runtime: str,
    cpu: str = DEFAULT_CPU,
    repeats: int = 5,
    runs: int = 3,
    feeds: Mapping[str, NDArray[Any]] | None = None,
    seed: int = 0,
    timeout_s: float = 600.0,
) -> InstructionCounts:
    """Count the instructions of `session.run`, as an app would call it, with one thread.

    Args:
        artifact: what `runtime` opens.
        runtime: "litert" or "onnxruntime", of the versions in arm64_wheels.txt.
        cpu: one of `arm64_root.CPUS`.
        repeats: processes, one after the other. They agree; several only show it.
        runs: counted ones in each process, after one that is not. One run takes seconds.
        feeds: every input by name, in the artifact's shapes and dtypes; None to draw them from
            `seed`.
        timeout_s: for each process.

    Raises:
        InputError: a wrong name or number, feeds that do not fit, or a tool is missing (see
            `arm64_root` and `instruction_plugin`).
        ConversionError: the runtime refuses the artifact, its process ends or takes too long, or
            more than one thread ran.
    """
    if repeats < 1 or runs < 1 or timeout_s <= 0:
        raise InputError(
            f"{repeats} processes of {runs} runs in {timeout_s:g} s count nothing",
            "give 1 or more of each",
        )
    what = f"{runtime} with `{artifact}`"
    with tempfile.TemporaryDirectory(prefix="mobilevit-counts-") as folder:
        scratch = Path(folder)
        counts = scratch / "counts"
        python = emulated_python(
            arm64_root(),
            cpu=cpu,
            imports=[_own_packages(scratch / "imports")],
            qemu_options=("-seed", "0", *plugin_option(instruction_plugin(), counts)),
        )
        environment = {k: v for k, v in python.environment.items() if k.startswith("PYTHON")}
        command = {
            "artifact": str(artifact.absolute()),
            "runtime": runtime,
            "runs": runs,
            "seed": seed,
            "feeds": None if feeds is None else list(feeds),
            "feeds_file": str(scratch / "feeds.npz"),
        }
        if feeds is not None:
            np.savez(scratch / "feeds.npz", *feeds.values())
        counted: list[tuple[int, ...]] = []
        for _ in range(repeats):
            reply = _run_guest(
                [*python.argv, str(_GUEST)],
                environment | _ENVIRONMENT,
                command,
                what=what,
                folder=scratch,
                timeout_s=timeout_s,
            )
            counted.append(read_counts(counts, runs, what))
            counts.unlink()  # the next process must make its own
    return InstructionCounts(
        runs=tuple(counted),
        cpu=cpu,
        qemu_version=_qemu_version(python.argv[0]),
        runtime_version=reply["runtime_version"],
    )


def read_counts(file: Path, runs: int, what: str) -> tuple[int, ...]:
    """The counts that the plugin wrote.

    Raises:
        ConversionError: it did not count `runs` runs, or refused one.
    """
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    for line in lines:
        if not re.fullmatch(r"run [1-9]\d*", line):
            raise ConversionError(
                f"a run of {what} cannot be counted: {line.removeprefix('refused ')}",
                "counts need a runtime that works on one thread",
            )
    if len(lines) != runs:
        raise ConversionError(
            f"the plugin of QEMU counted {len(lines)} of {runs} runs of {what}",
            "QEMU 7.2, Debian 12's, is known to show it the marks",
        )
    return tuple(int(line.removeprefix("run ")) for line in lines)


def _own_packages(folder: Path) -> Path:
    """A folder to import this project from, and nothing that may be installed beside it."""
    folder.mkdir()
    for package in (mobilevit, mobilevit_benchmarks):
        assert package.__file__ is not None
        (folder / package.__name__).symlink_to(Path(package.__file__).parent.absolute())
    return folder


def _run_guest(
    argv: list[str],
    environment: dict[str, str],
    command: dict[str, Any],
    *,
    what: str,
    folder: Path,
    timeout_s: float,
) -> dict[str, Any]:
    """Its reply."""
    try:
        done = subprocess.run(
            argv,
            env=environment,
            cwd=folder,  # where QEMU would leave the core of a program that crashes
            input=json.dumps(command) + "\n",
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired as error:
        raise ConversionError(
            f"{what}: the emulated process did not end within {timeout_s:g} s",
            "emulation is some hundred times slower than a processor: allow more time, or count "
            "fewer runs",
        ) from error
    if done.returncode != 0:
        raise _ended(what, done)
    reply: dict[str, Any] = json.loads(done.stdout)
    if "error" in reply:
        family = InputError if reply["error"] == "input" else ConversionError
        raise family(reply["message"], reply["hint"])
    return reply


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


def _qemu_version(qemu: str) -> str:
    told = subprocess.run([qemu, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"version (\S+)", told)
    if found is None:
        raise InputError(f"`{qemu} --version` tells no version")
    return found[1]
