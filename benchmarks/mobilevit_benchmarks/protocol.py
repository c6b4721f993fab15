"""A benchmark from end to end: subjects -> plan -> device -> records -> result.

How the times are taken is told in `mobilevit_benchmarks.runner.conduct`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from mobilevit.errors import ConversionError, SdkError

from .cases import Case, Subject, unfold
from .collect import collect
from .devices import Device
from .devices.local import LocalDevice
from .measurement import BenchmarkResult
from .plan import Plan, ProtocolSettings
from .plan_folder import write_plan
from .records import (
    Closed,
    DeviceRecord,
    Ended,
    Opened,
    Refused,
    RoundDone,
    Started,
    WarmedUp,
    parse_record,
)

INTERRUPTED = "interrupted"


def benchmark(
    artifacts: Sequence[Subject],
    *,
    threads: Sequence[int] = (1,),
    batches: Sequence[int] = (1,),
    delegates: Sequence[str] = (),
    settings: ProtocolSettings | None = None,
    device: Device | None = None,
    command: str | None = None,
    report: Callable[[str], None] = print,
    keep_partial: Callable[[BenchmarkResult], None] | None = None,
) -> BenchmarkResult:
    """Measure every artifact on every runtime that is to time it, with every number of threads.

    Args:
        artifacts: what to time. The same one twice shows how far apart equal things come out.
        threads: numbers of intra-op threads, as the runtime understands them.
        batches: numbers of images in a run.
        delegates: to time with, on the runtimes that have them; none: the first of each runtime.
        settings: of the protocol; None for its defaults.
        device: where to measure; None for this machine.
        command: that makes such a result again, for the record.
        report: is given lines for a person to read.
        keep_partial: is given what was measured before the device failed, or the run was
            interrupted, if any was; `stopped` says why. The error is raised all the same.

    Raises:
        InputError: an artifact is missing or cannot be read, a runtime is unknown or not timed,
            a number is below 1, or no artifact can be timed there.
        MissingDependencyError: the runtime that a subject names is not installed.
        ConversionError: every artifact is refused, or the device fails or is lost.
    """
    settings = settings or ProtocolSettings()
    created = datetime.now(UTC)
    records: list[DeviceRecord] = []
    used: Device = device or LocalDevice()
    with used, tempfile.TemporaryDirectory() as folder:
        cases, not_timed = unfold(
            artifacts,
            threads=threads,
            batches=batches,
            delegates=delegates,
            offer=used.runtimes,
        )
        plan = write_plan(cases, settings, Path(folder))
        sizes = {planned.id: _size(Path(folder) / planned.artifact) for planned in plan.cases}
        by_id = _by_id(plan, cases)
        described = used.describe()

        def result(stopped: str | None = None) -> BenchmarkResult | None:
            return collect(
                records,
                plan=plan,
                cases=by_id,
                sizes=sizes,
                device=described,
                created=created,
                command=command,
                not_timed=not_timed,
                stopped=stopped,
            )

        try:
            used.push(Path(folder))
            for record in _answers(used, plan):
                records.append(record)
                _tell(record, by_id, settings, report)
            if not records or not isinstance(records[-1], Ended):
                raise ConversionError(
                    f"device `{used.address}` ended the run early, and did not say why"
                )
            pulled = list(_checked(iter(used.pull().splitlines(keepends=True)), used, plan))
            if not pulled or not isinstance(pulled[-1], Ended):
                raise ConversionError(f"the records on device `{used.address}` are cut off")
            records = pulled
        except (SdkError, KeyboardInterrupt) as error:
            partial = result(error.message if isinstance(error, SdkError) else INTERRUPTED)
            if partial is not None and keep_partial is not None:
                keep_partial(partial)
            raise
    whole = result()
    if whole is None:
        reasons = (r.reason for r in records if isinstance(r, Refused))
        raise ConversionError(next(reasons, "the device ended its run without a single round"))
    return whole


def _answers(device: Device, plan: Plan) -> Iterator[DeviceRecord]:
    with closing(device.run()) as lines:
        yield from _checked(lines, device, plan)


def _checked(lines: Iterator[str], device: Device, plan: Plan) -> Iterator[DeviceRecord]:
    """The records of `lines`, as far as they are whole.

    Raises:
        ConversionError: a line is no record, or not one of this plan where it stands.
    """
    known = {case.id for case in plan.cases}
    opened: set[tuple[str, int]] = set()
    for line in lines:
        if not line.endswith("\n"):  # cut off in the middle
            return
        record = parse_record(line)
        if isinstance(record, Started) and record.run != plan.run:
            raise ConversionError(
                f"device `{device.address}` answered for another run, `{record.run}`",
                "does another benchmark run there?",
            )
        if isinstance(record, Opened):
            opened.add((record.case, record.launch))
        unknown = isinstance(record, Opened | Refused) and record.case not in known
        early = isinstance(record, WarmedUp | RoundDone | Closed) and (
            (record.case, record.launch) not in opened
        )
        if unknown or early:
            raise ConversionError(
                f"device `{device.address}` answered out of order: {line.strip()[:80]!r}",
                "its runner and this release must be of the same version",
            )
        yield record


def _by_id(plan: Plan, cases: Sequence[Case]) -> dict[str, Case]:
    return {planned.id: case for planned, case in zip(plan.cases, cases, strict=True)}


def _size(artifact: Path) -> int:
    """Bytes of a file, or of all files of a package."""
    files = artifact.rglob("*") if artifact.is_dir() else [artifact]
    return sum(file.stat().st_size for file in files if file.is_file())


def _tell(
    record: DeviceRecord,
    cases: Mapping[str, Case],
    settings: ProtocolSettings,
    report: Callable[[str], None],
) -> None:
    match record:
        case Opened(launch=0):
            report(f"{cases[record.case]}: loaded in {record.load_ns / 1e6:.0f} ms")
        case Refused():
            report(f"{cases[record.case]}: refused: {record.reason}")
        case RoundDone() if settings.sustained_s is None and record.case == next(iter(cases)):
            report(f"round {record.round + 1} of {settings.rounds}")
