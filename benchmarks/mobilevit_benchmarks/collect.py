"""The records of a device, made into a result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from .cases import Case
from .measurement import (
    BenchmarkResult,
    Launch,
    Measurement,
    NotTimed,
    Round,
    SentinelSamples,
    StateAt,
    WarmUp,
)
from .plan import Plan
from .records import (
    Closed,
    DeviceDescription,
    DeviceRecord,
    Opened,
    Refused,
    RoundDone,
    SentinelReading,
    StateReading,
    WarmedUp,
)


@dataclass
class _Launched:
    opened: Opened
    warmup: WarmUp | None = None
    rounds: list[Round] = field(default_factory=list)
    closed: Closed | None = None


def collect(
    records: Iterable[DeviceRecord],
    *,
    plan: Plan,
    cases: Mapping[str, Case],
    sizes: Mapping[str, int],
    device: DeviceDescription,
    created: datetime,
    command: str | None = None,
    not_timed: Sequence[NotTimed] = (),
    stopped: str | None = None,
) -> BenchmarkResult | None:
    """The result that `records` come to; None if no round of any case is among them.

    Args:
        cases: by their id in the plan.
        sizes: bytes of the artifact, by the id of the case.
        stopped: why the run ended before its plan.
    """
    launches: dict[str, dict[int, _Launched]] = {case_id: {} for case_id in cases}
    sentinel: list[SentinelSamples] = []
    states: list[StateAt] = []
    refused: dict[str, str] = {}
    for record in records:
        match record:
            case Opened():
                launches[record.case][record.launch] = _Launched(record)
            case WarmedUp():
                launched = launches[record.case][record.launch]
                launched.warmup = WarmUp(samples_ns=record.samples_ns, capped=record.capped)
            case RoundDone():
                launches[record.case][record.launch].rounds.append(
                    Round(
                        number=record.round,
                        started_ns=record.started_ns,
                        samples_ns=record.samples_ns,
                    )
                )
            case Closed():
                launches[record.case][record.launch].closed = record
            case SentinelReading():
                sentinel.append(
                    SentinelSamples(started_ns=record.started_ns, samples_ns=record.samples_ns)
                )
            case StateReading():
                states.append(StateAt(at_ns=record.at_ns, state=record.state))
            case Refused():
                refused[record.case] = record.reason
    by_id = {planned.id: planned for planned in plan.cases}
    measurements = []
    for case_id, case in cases.items():
        warm = [x for x in launches[case_id].values() if x.warmup is not None and x.rounds]
        if not warm:
            continue
        measurements.append(
            Measurement(
                name=case.subject.name,
                model=case.subject.model,
                artifact=case.subject.artifact.name,
                artifact_sha256=by_id[case_id].artifact_sha256,
                artifact_bytes=sizes[case_id],
                runtime=case.runtime,
                runtime_version=warm[0].opened.runtime_version,
                delegate=case.delegate,
                delegate_ran=warm[0].opened.delegate,
                threads=case.threads,
                batch=case.batch,
                launches=tuple(_launch(x) for x in warm),
            )
        )
    if not measurements:
        return None
    return BenchmarkResult(
        created=created,
        command=command,
        device=device,
        protocol=plan.protocol,
        measurements=tuple(measurements),
        sentinel=tuple(sentinel),
        states=tuple(states),
        not_timed=(*not_timed, *(_refusal(cases[i], why) for i, why in refused.items())),
        stopped=stopped,
    )


def _launch(launched: _Launched) -> Launch:
    assert launched.warmup is not None
    closed = launched.closed
    return Launch(
        load_ns=launched.opened.load_ns,
        first_run_ns=launched.opened.first_run_ns,
        warmup=launched.warmup,
        rounds=tuple(launched.rounds),
        peak_memory_bytes=None if closed is None else closed.peak_memory_bytes,
        memory_rise_bytes=None if closed is None else closed.memory_rise_bytes,
    )


def _refusal(case: Case, why: str) -> NotTimed:
    return NotTimed(
        name=case.subject.name,
        model=case.subject.model.name,
        artifact=case.subject.artifact.name,
        reason=f"{case.runtime} ({case.delegate}): {why}",
        refused=True,
    )
