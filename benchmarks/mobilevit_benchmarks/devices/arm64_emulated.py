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

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median_low
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mobilevit.errors import ConversionError, InputError

from .arm64_root import DEFAULT_CPU
from .emulated_process import EmulatedProgram
from .instruction_plugin import instruction_plugin, plugin_option

_GUEST = Path(__file__).with_name("counted_runs.py")


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
        program = EmulatedProgram(
            _GUEST,
            cpu=cpu,
            folder=scratch,
            qemu_options=plugin_option(instruction_plugin(), counts),
        )
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
            reply = program.run(command, what=what, timeout_s=timeout_s)
            counted.append(read_counts(counts, runs, what))
            counts.unlink()  # the next process must make its own
    return InstructionCounts(
        runs=tuple(counted),
        cpu=cpu,
        qemu_version=program.qemu_version(),
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
