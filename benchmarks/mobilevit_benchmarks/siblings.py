"""Every artifact of a bundle against its fp32 sibling, the fp32 one of its format, in turns.

A reduced precision is there to be smaller or faster, and need not be either: a runtime without a
kernel for it converts at every operation. What is slower here may be faster on a phone, so this
finds fault and forbids nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mobilevit.bundle import (
    ArtifactRecord,
    SiblingRecord,
    find_file,
    read_manifest,
    write_manifest,
)
from mobilevit.errors import SdkError
from mobilevit.runtimes import Runtime, runtimes_for

from .cases import bundle_subjects
from .comparison import MIN_LAUNCHES, MIN_ROUNDS, RESOLUTION, compare_measurements
from .measurement import BenchmarkResult
from .plan import ProtocolSettings
from .protocol import benchmark
from .records import DeviceDescription
from .statistics import share_rounds

LEAST_SPEEDUP = 0.98  # a fault is to be surely below it

# The least that decides anything, and half as many rounds again, for those that the machine spoils
SETTINGS = ProtocolSettings(
    launches=MIN_LAUNCHES,
    rounds=MIN_ROUNDS + MIN_ROUNDS // 2,
    warmup_min_runs=10,
    warmup_min_s=0.1,
    warmup_cap_s=1.0,
    round_min_s=0.05,
)
# where it is not the runtime's first: what an app lets Core ML use
_DELEGATES = {"coreml": ("all",)}


def time_siblings(
    bundle: Path,
    *,
    settings: ProtocolSettings = SETTINGS,
    report: Callable[[str], None] = print,
) -> tuple[ArtifactRecord, ...]:
    """Time each artifact that is not fp32 against its sibling, and write that into the manifest.

    One whose format has no fp32 artifact in the bundle, or that no timed runtime here opens, has no
    record after it. Some seconds an artifact.

    Args:
        bundle: its folder.
        settings: of the protocol.
        report: is given lines for a person to read.

    Returns:
        The bundle's artifacts, as its manifest has them now.

    Raises:
        BundleError: not a bundle, or not as it was exported.
        InputError: the manifest cannot be written.
    """
    manifest = read_manifest(bundle)
    timed: dict[str, SiblingRecord] = {}
    for sibling, records in _families(manifest.artifacts):
        runtime = _timed_runtime(find_file(bundle, sibling.file))
        if runtime is None:
            continue
        names = ", ".join(f"`{record.file}`" for record in records)
        report(f"timing {names} against `{sibling.file}` on {runtime.name}")
        try:
            result = _measure(bundle, [sibling, *records], runtime, settings)
        except SdkError as error:  # not of the artifacts that are good: there is no clock, say
            report(f"not timed: {error.message}")
            continue
        for skipped in result.not_timed:
            report(f"`{skipped.artifact}` was not timed: {skipped.reason}")
        timed |= {
            record.file: found
            for record in records
            if (found := _compared(result, record, sibling)) is not None
        }
    told = tuple(
        record.model_copy(update={"sibling": timed.get(record.file)})
        for record in manifest.artifacts
    )
    write_manifest(bundle, manifest.model_copy(update={"artifacts": told}))
    return told


def _families(
    records: Sequence[ArtifactRecord],
) -> Iterator[tuple[ArtifactRecord, list[ArtifactRecord]]]:
    """Each fp32 artifact that is a sibling, and those whose sibling it is."""
    for sibling in records:
        own = [record for record in records if _sibling(record, records) is sibling]
        if own:
            yield sibling, own


def _sibling(record: ArtifactRecord, records: Sequence[ArtifactRecord]) -> ArtifactRecord | None:
    """The fp32 artifact of the format, of the same layout where there is such a one."""
    if record.precision == "fp32":
        return None
    fp32 = [r for r in records if r.format == record.format and r.precision == "fp32"]
    return next((r for r in fp32 if r.layout == record.layout), fp32[0] if fp32 else None)


def _timed_runtime(artifact: Path) -> Runtime | None:
    return next((runtime for runtime in runtimes_for(artifact) if runtime.timed), None)


def _measure(
    bundle: Path, records: Sequence[ArtifactRecord], runtime: Runtime, settings: ProtocolSettings
) -> BenchmarkResult:
    subjects = {subject.artifact.name: subject for subject in bundle_subjects(bundle)}
    return benchmark(
        [replace(subjects[Path(r.file).name], runtime=runtime.name) for r in records],
        delegates=_DELEGATES.get(runtime.name, ()),
        settings=settings,
        report=lambda line: None,  # a line a round is too much
    )


def _compared(
    result: BenchmarkResult, record: ArtifactRecord, sibling: ArtifactRecord
) -> SiblingRecord | None:
    """None where one of the two was refused, or the other's rounds ended before its."""
    measured = {m.artifact: m for m in result.measurements}
    case, reference = measured.get(record.file), measured.get(sibling.file)
    if case is None or reference is None or not share_rounds(case, reference):
        return None
    compared = compare_measurements(result, case, reference, RESOLUTION)
    # of times, and a speed is its inverse
    ratio = compared.ratio
    speedup, low, high = 1 / ratio.estimate, 1 / ratio.high, 1 / ratio.low
    faults = []
    enough = compared.rounds >= MIN_ROUNDS and len(case.launches) >= MIN_LAUNCHES
    if enough and high < LEAST_SPEEDUP:
        faults.append(
            f"slower than fp32: {speedup:.2f} times as fast ({low:.2f} to {high:.2f}) "
            f"on {case.runtime}"
        )
    if record.quantization is not None:
        faults += record.quantization.faults
    return SiblingRecord(
        file=sibling.file,
        runtime=case.runtime,
        runtime_version=case.runtime_version,
        machine=_machine(result.device),
        speedup=speedup,
        low=low,
        high=high,
        faults=tuple(faults),
    )


def _machine(device: DeviceDescription) -> str:
    """Such as `Raspberry Pi 5 Model B, bcm2712, 4 cores, aarch64`."""
    cores = "1 core" if device.cores == 1 else f"{device.cores} cores"
    return ", ".join(part for part in (device.model, device.chip, cores, device.machine) if part)
