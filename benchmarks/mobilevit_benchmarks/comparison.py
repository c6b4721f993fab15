"""Which of two is faster: a ratio with its interval, and one of five verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import numpy as np

from mobilevit.errors import InputError

from .measurement import BenchmarkResult, InstructionCount, Measurement, full_name
from .statistics import (
    Interval,
    disturbed_rounds,
    paired_ratio,
    round_medians,
    sentinel_medians,
    share_rounds,
    unpaired_ratio,
)

NOISE = 0.01  # a smaller change of latency is not worth a word
RESOLUTION = 0.05  # a change that must not go unseen
COUNT_NOISE = 0.002  # instruction counts repeat to this
COUNT_RESOLUTION = 0.005
MIN_ROUNDS = 8
MIN_LAUNCHES = 4  # fewer processes say too little of how far processes differ

_Case = TypeVar("_Case", Measurement, InstructionCount)


class Verdict(StrEnum):
    FASTER = "faster"
    SLOWER = "slower"
    WITHIN_NOISE = "within noise"  # any difference is too small to matter
    NO_DIFFERENCE = "no difference found"  # and one of the resolution would have been
    NOT_ENOUGH_DATA = "not enough data"  # a difference of the resolution may hide in it


@dataclass(frozen=True)
class Comparison:
    """One case against another. The ratio is of times, or of instructions: below 1 is faster."""

    name: str
    reference: str
    what: str  # "latency" or "instructions"
    runtime: str
    threads: int
    batch: int
    ratio: Interval
    verdict: Verdict
    paired: bool  # measured in turns, round by round
    rounds: int  # that went into the ratio; or processes, of instructions
    disturbed: int  # rounds that the sentinel marked
    unfit: str = ""  # why there can be no verdict on it
    remark: str = ""  # what else to know of it


def judge(ratio: Interval, noise: float, resolution: float) -> Verdict:
    """The verdict on a ratio. A winner needs the whole interval beyond the noise."""
    if ratio.low >= 1 + noise:
        return Verdict.SLOWER
    if ratio.high <= 1 / (1 + noise):
        return Verdict.FASTER
    if 1 / (1 + noise) <= ratio.low and ratio.high <= 1 + noise:
        return Verdict.WITHIN_NOISE
    if 1 / (1 + resolution) <= ratio.low <= 1 <= ratio.high <= 1 + resolution:
        return Verdict.NO_DIFFERENCE
    return Verdict.NOT_ENOUGH_DATA


def passes(comparison: Comparison, limit: float) -> bool:
    """Whether a case is shown to be slower by less than `limit`, a share: its whole interval is.

    What could not be measured well enough to tell does not pass.
    """
    return not comparison.unfit and comparison.ratio.high < 1 + limit


def not_compared(
    comparisons: Sequence[Comparison], result: BenchmarkResult, other: BenchmarkResult | None = None
) -> list[str]:
    """What a gate must not overlook: cases that `comparisons` are silent on, one line each."""
    latest = other or result
    lines = [f"{s.name} was refused: {s.reason}" for s in latest.not_timed if s.refused]
    if latest.stopped is not None:
        lines.append(f"the run was cut off: {latest.stopped}")
    if other is not None:
        there = {_key(m) for m in other.measurements} | {_key(c) for c in other.counts}
        before: list[Measurement | InstructionCount] = [*result.measurements, *result.counts]
        lines += [
            f"{full_name(case)} on {case.runtime} is missing"
            for case in before
            if _key(case) not in there
        ]
    elif len(comparisons) < len(result.measurements) + len(result.counts) - len(_groups(result)):
        lines.append("some cases have no reference of their runtime, threads and batch")
    return lines


def _groups(result: BenchmarkResult) -> set[tuple[object, ...]]:
    """Of cases that can be compared within a result."""
    counted: set[tuple[object, ...]] = {(c.runtime, c.processor) for c in result.counts}
    return counted | {(m.runtime, m.threads, m.batch) for m in result.measurements}


def compare(
    result: BenchmarkResult,
    other: BenchmarkResult | None = None,
    *,
    reference: str | None = None,
    resolution: float = RESOLUTION,
) -> list[Comparison]:
    """Within one result, every case against the reference of its runtime, threads and batch; or
    every case of `other` against the same one of `result`.

    Args:
        reference: of one result, the name or the file of what the others are compared with; None
            for the first.
        resolution: a share; a difference as large must not go unseen.

    Raises:
        InputError: there is nothing to compare, or no such reference.
    """
    for one in (result, other):
        if one is not None and one.protocol.sustained_s is not None:
            raise InputError(
                "sustained load is measured one case after the other, not in turns",
                "compare results that were measured without `--sustained`",
            )
        if one is not None and one.device.emulated and one.measurements:
            raise InputError("times of an emulated device mean nothing", "compare its counts")
    if other is None:
        found = _within(result, reference, resolution)
    else:
        found = _across(result, other, resolution)
    if not found:
        raise InputError(
            "there is nothing to compare: no two cases have the same "
            + ("runtime, threads and batch" if other is None else "name and settings"),
            "give a result with several artifacts, or two results of the same",
        )
    return found


def compare_measurements(
    result: BenchmarkResult, case: Measurement, reference: Measurement, resolution: float
) -> Comparison:
    """Two cases of one result, whose rounds interleave.

    Rounds that the sentinel marks in either are left out of the ratio. That cannot favour one of
    the two: the sentinel knows nothing of what they took. Where it leaves too few, all are taken,
    and there is no winner.
    """
    marked = disturbed_rounds(result, case) | disturbed_rounds(result, reference)
    numbers = {r.number for r in case.rounds} & {r.number for r in reference.rounds}
    left = numbers - marked
    without = marked if len(left) >= MIN_ROUNDS else set()
    ratio, rounds = paired_ratio(case, reference, without=without)
    launches = sum(any(r.number in numbers - without for r in x.rounds) for x in case.launches)
    return _comparison(
        case,
        reference,
        ratio,
        judge(ratio, NOISE, resolution),
        paired=True,
        rounds=rounds,
        disturbed=len(marked),
        unfit=_unfit(len(numbers), len(left), launches),
    )


def _unfit(rounds: int, left: int, launches: int) -> str:
    """Why so many rounds, those of them that are not marked, and launches decide nothing."""
    if rounds < MIN_ROUNDS:
        return f"{rounds} rounds; {MIN_ROUNDS} are the least"
    if left < MIN_ROUNDS:
        return f"the machine was busy in all but {left} rounds"
    if launches < MIN_LAUNCHES:
        return f"{launches} launches; {MIN_LAUNCHES} are the least"
    return ""


def _within(result: BenchmarkResult, reference: str | None, resolution: float) -> list[Comparison]:
    named = {name for m in result.measurements for name in (m.name, m.artifact)}
    named |= {name for c in result.counts for name in (c.name, c.artifact)}
    if reference is not None and reference not in named:
        raise InputError(
            f"nothing in the result is called `{reference}`", f"known: {', '.join(sorted(named))}"
        )
    found = []
    first: dict[tuple[object, ...], Measurement] = {}
    for m in _reference_first(result.measurements, reference):
        against = first.setdefault((m.runtime, m.threads, m.batch), m)
        wanted = reference in (None, against.name, against.artifact)
        if against is not m and wanted and share_rounds(m, against):
            found.append(compare_measurements(result, m, against, resolution))
    counted: dict[tuple[object, ...], InstructionCount] = {}
    for c in _reference_first(result.counts, reference):
        base = counted.setdefault((c.runtime, c.processor), c)
        if base is not c and reference in (None, base.name, base.artifact):
            found.append(_compare_counts(c, base))
    return found


def _reference_first(cases: Sequence[_Case], reference: str | None) -> list[_Case]:
    return sorted(cases, key=lambda case: reference not in (case.name, case.artifact))


def _across(result: BenchmarkResult, other: BenchmarkResult, resolution: float) -> list[Comparison]:
    found = []
    before = _by_key(result.measurements)
    pace = _pace(result, other)
    for key, m in _by_key(other.measurements).items():
        if (reference := before.get(key)) is None:
            continue
        marks = disturbed_rounds(other, m), disturbed_rounds(result, reference)
        sides = round_medians(m, without=marks[0]), round_medians(reference, without=marks[1])
        left = min(sum(map(len, side)) for side in sides)
        if left < MIN_ROUNDS:
            sides = round_medians(m), round_medians(reference)
        ratio = unpaired_ratio(*sides)
        verdict = judge(ratio, NOISE, resolution)
        unfit = _unfit(
            min(len(m.rounds), len(reference.rounds)), left, min(len(side) for side in sides)
        )
        if _machine(result) != _machine(other):
            unfit = "measured on two devices"
        elif pace is not None and verdict is not judge(_scaled(ratio, pace), NOISE, resolution):
            unfit = f"the machine itself took {pace:.2f} times as long, by its sentinel"
        found.append(
            _comparison(
                m,
                reference,
                ratio,
                verdict,
                paired=False,
                rounds=min(sum(map(len, side)) for side in sides),
                disturbed=sum(map(len, marks)),
                unfit=unfit,
                remark="measured at two times, not in turns",
            )
        )
    counted = _by_key(result.counts)
    again = _by_key(other.counts)
    found += [_compare_counts(c, counted[key]) for key, c in again.items() if key in counted]
    return found


def _key(case: Measurement | InstructionCount) -> tuple[object, ...]:
    named = (case.model.name, case.name, case.runtime)
    if isinstance(case, InstructionCount):
        return (*named, case.processor)
    return (*named, case.delegate, case.threads, case.batch)


def _by_key(cases: Sequence[_Case]) -> dict[tuple[object, ...], _Case]:
    """Raises InputError where two cases of a result cannot be told apart."""
    found: dict[tuple[object, ...], _Case] = {}
    for case in cases:
        if found.setdefault(_key(case), case) is not case:
            raise InputError(
                f"a result has two cases called `{full_name(case)}` on {case.runtime}",
                "measure each once, under names of their own",
            )
    return found


def _machine(result: BenchmarkResult) -> tuple[object, ...]:
    d = result.device
    return d.address, d.model, d.chip, d.machine, d.cores, d.memory_bytes


def _scaled(ratio: Interval, pace: float) -> Interval:
    return Interval(ratio.estimate / pace, ratio.low / pace, ratio.high / pace)


def _pace(result: BenchmarkResult, other: BenchmarkResult) -> float | None:
    """How many times as long the sentinel took in `other`; None where one has no sentinel."""
    if not result.sentinel or not other.sentinel:
        return None
    return float(np.median(sentinel_medians(other)) / np.median(sentinel_medians(result)))


def _compare_counts(case: InstructionCount, reference: InstructionCount) -> Comparison:
    ratio = unpaired_ratio([case.instructions], [reference.instructions])
    processes = min(len(case.instructions), len(reference.instructions))
    return Comparison(
        name=_name(case, reference),
        reference=_name(reference, case),
        what="instructions",
        runtime=f"{case.runtime}, emulated {case.processor}",
        threads=1,
        batch=1,
        ratio=ratio,
        verdict=judge(ratio, COUNT_NOISE, COUNT_RESOLUTION),
        paired=False,
        rounds=processes,
        disturbed=0,
        remark="a count, not a latency",
    )


def _comparison(
    case: Measurement,
    reference: Measurement,
    ratio: Interval,
    verdict: Verdict,
    *,
    paired: bool,
    rounds: int,
    disturbed: int,
    unfit: str,
    remark: str = "",
) -> Comparison:
    return Comparison(
        name=_name(case, reference),
        reference=_name(reference, case),
        what="latency",
        runtime=case.runtime,
        threads=case.threads,
        batch=case.batch,
        ratio=ratio,
        verdict=Verdict.NOT_ENOUGH_DATA if unfit else verdict,
        paired=paired,
        rounds=rounds,
        disturbed=disturbed,
        unfit=unfit,
        remark=remark,
    )


def _name(case: Measurement | InstructionCount, beside: Measurement | InstructionCount) -> str:
    if case.model.name != beside.model.name:
        return full_name(case)
    if isinstance(case, Measurement) and isinstance(beside, Measurement):
        return case.name if case.delegate == beside.delegate else f"{case.name}, {case.delegate}"
    return case.name
