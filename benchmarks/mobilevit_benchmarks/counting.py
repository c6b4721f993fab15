"""The device `arm64-emulated`: instructions counted, and no time taken."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from mobilevit.bundle import hash_artifact
from mobilevit.errors import ConversionError, InputError, SdkError

from .cases import Subject, unfold
from .devices.arm64_emulated import count_instructions
from .devices.arm64_root import DEFAULT_CPU
from .measurement import BenchmarkResult, InstructionCount, NotTimed
from .plan import ProtocolSettings
from .protocol import INTERRUPTED
from .records import DeviceDescription
from .statistics import middle

ADDRESS = "arm64-emulated"
_OFFER = {"onnxruntime": ("cpu",), "litert": ("xnnpack",)}


def count(
    subjects: Sequence[Subject],
    *,
    processes: int = 5,
    cpu: str = DEFAULT_CPU,
    command: str | None = None,
    report: Callable[[str], None] = print,
    keep_partial: Callable[[BenchmarkResult], None] | None = None,
) -> BenchmarkResult:
    """The instructions that an emulated arm64 processor executes for one run of each artifact.

    Args:
        processes: how often each is counted, each time in a process of its own.
        cpu: the processor to emulate, one of `devices.arm64_root.CPUS`.
        command, report, keep_partial: as of `benchmark`.

    Raises:
        InputError: as `benchmark`, or a tool is missing.
        ConversionError: every artifact is refused, or the emulator fails.
    """
    cases, not_timed = unfold(subjects, offer=_OFFER)
    created = datetime.now(UTC)
    counts: list[InstructionCount] = []

    def result(stopped: str | None = None) -> BenchmarkResult:
        return BenchmarkResult(
            created=created,
            command=command,
            device=DeviceDescription(
                address=ADDRESS,
                model="QEMU, user mode",
                chip=cpu,
                machine="aarch64",
                cores=1,
                system=f"on {platform.platform()}",
                runner=counts[0].emulator,
                emulated=True,
            ),
            protocol=ProtocolSettings(launches=processes, rounds=processes),
            counts=tuple(counts),
            not_timed=tuple(not_timed),
            stopped=stopped,
        )

    try:
        for case in cases:
            subject = case.subject
            sha256, size = hash_artifact(subject.artifact)
            try:
                counted = count_instructions(
                    subject.artifact,
                    runtime=case.runtime,
                    cpu=cpu,
                    repeats=processes,
                    feeds=subject.feeds,
                )
            except ConversionError as error:
                report(f"{case}: refused: {error.message}")
                not_timed.append(
                    NotTimed(
                        name=subject.name,
                        model=subject.model.name,
                        artifact=subject.artifact.name,
                        reason=error.message,
                        refused=True,
                    )
                )
                continue
            counts.append(
                InstructionCount(
                    name=subject.name,
                    model=subject.model,
                    artifact=subject.artifact.name,
                    artifact_sha256=sha256,
                    artifact_bytes=size,
                    runtime=case.runtime,
                    runtime_version=counted.runtime_version,
                    processor=counted.cpu,
                    emulator=f"QEMU {counted.qemu_version}",
                    instructions=counted.per_process,
                )
            )
            middle_count = middle(counted.per_process)
            report(f"{case}: {middle_count / 1e6:.2f} million instructions")
    except (SdkError, KeyboardInterrupt) as error:
        if counts and keep_partial is not None:
            keep_partial(result(error.message if isinstance(error, SdkError) else INTERRUPTED))
        raise
    if not counts:
        raise ConversionError(not_timed[-1].reason)
    return result()


def check_options(threads: Sequence[int], batches: Sequence[int]) -> None:
    """Raises InputError for what cannot be counted."""
    if list(threads) != [1] or list(batches) != [1]:
        raise InputError(
            f"`{ADDRESS}` counts one thread and one image", "leave out --threads and --batch"
        )
