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
    SENTINEL_TOLERANCE,
    Interval,
    disturbed_rounds,
    paired_ratio,
    round_medians,
    sentinel_medians,
    unpaired_ratio,
)

NOISE = 0.01  # a smaller change of latency is not worth a word
RESOLUTION = 0.05  # a change that must not go unseen
COUNT_NOISE = 0.002  # instruction counts repeat to this
COUNT_RESOLUTION = 0.005
MIN_ROUNDS = 8

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
    remark: str = ""  # why the verdict is not to be trusted further


def judge(ratio: Interval, noise: float, resolution: float) -> Verdict:
    """The verdict on a ratio. A winner needs the whole interval beyond the noise."""
    if ratio.low >= 1 + noise:
        return Verdict.SLOWER
    if ratio.high <= 1 / (1 + noise):
        return Verdict.FASTER
    if 1 / (1 + noise) <= ratio.low and ratio.high <= 1 + noise:
        return Verdict.WITHIN_NOISE
    if 1 / (1 + resolution) <= ratio.low and ratio.high <= 1 + resolution:
        return Verdict.NO_DIFFERENCE if ratio.low <= 1 <= ratio.high else Verdict.WITHIN_NOISE
    return Verdict.NOT_ENOUGH_DATA


def passes(comparison: Comparison, limit: float) -> bool:
    """Whether a case is as fast as it must be: not slower by `limit`, a share, or more.

    What could not be measured well enough to tell does not pass.
    """
    if comparison.verdict is Verdict.NOT_ENOUGH_DATA:
        return comparison.ratio.high < 1 + limit and not comparison.remark
    return comparison.verdict is not Verdict.SLOWER or comparison.ratio.estimate < 1 + limit


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
    busy = len(numbers - marked) < MIN_ROUNDS <= len(numbers)
    ratio, rounds = paired_ratio(case, reference, without=set() if busy else marked)
    verdict, remark = judge(ratio, NOISE, resolution), ""
    if rounds < MIN_ROUNDS:
        verdict, remark = Verdict.NOT_ENOUGH_DATA, f"{rounds} rounds; {MIN_ROUNDS} are the least"
    elif busy:
        verdict = Verdict.NOT_ENOUGH_DATA
        remark = f"the machine was busy in all but {len(numbers - marked)} rounds"
    return _comparison(case, reference, ratio, verdict, True, rounds, len(marked), remark)


def _within(result: BenchmarkResult, reference: str | None, resolution: float) -> list[Comparison]:
    if result.protocol.sustained_s is not None:
        raise InputError(
            "sustained load is measured one case after the other, not in turns",
            "compare a result that was measured without `--sustained`",
        )
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
        if against is not m and reference in (None, against.name, against.artifact):
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
    before = {_key(m): m for m in result.measurements}
    pace = _pace(result, other)
    for m in other.measurements:
        if (reference := before.get(_key(m))) is None:
            continue
        sides = round_medians(m), round_medians(reference)
        ratio = unpaired_ratio(*sides)
        rounds = min(sum(map(len, side)) for side in sides)
        marked = len(disturbed_rounds(other, m)) + len(disturbed_rounds(result, reference))
        verdict, remark = judge(ratio, NOISE, resolution), "measured at two times, not in turns"
        if rounds < MIN_ROUNDS:
            verdict = Verdict.NOT_ENOUGH_DATA
            remark = f"{rounds} rounds; {MIN_ROUNDS} are the least"
        elif result.device.address != other.device.address or _chip(result) != _chip(other):
            verdict, remark = Verdict.NOT_ENOUGH_DATA, "measured on two devices"
        elif pace is not None and abs(pace - 1) > SENTINEL_TOLERANCE:
            verdict = Verdict.NOT_ENOUGH_DATA
            remark = f"the machine itself took {pace:.2f} times as long, by its sentinel"
        found.append(_comparison(m, reference, ratio, verdict, False, rounds, marked, remark))
    counted = {_key(c): c for c in result.counts}
    found += [_compare_counts(c, counted[_key(c)]) for c in other.counts if _key(c) in counted]
    return found


def _key(case: Measurement | InstructionCount) -> tuple[object, ...]:
    named = (case.model.name, case.name, case.runtime)
    if isinstance(case, InstructionCount):
        return (*named, case.processor)
    return (*named, case.delegate, case.threads, case.batch)


def _chip(result: BenchmarkResult) -> tuple[str | None, str]:
    return result.device.chip, result.device.machine


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
    paired: bool,
    rounds: int,
    disturbed: int,
    remark: str,
) -> Comparison:
    return Comparison(
        name=_name(case, reference),
        reference=_name(reference, case),
        what="latency",
        runtime=case.runtime,
        threads=case.threads,
        batch=case.batch,
        ratio=ratio,
        verdict=verdict,
        paired=paired,
        rounds=rounds,
        disturbed=disturbed,
        remark=remark,
    )


def _name(case: Measurement | InstructionCount, beside: Measurement | InstructionCount) -> str:
    if case.model.name != beside.model.name:
        return full_name(case)
    if isinstance(case, Measurement) and isinstance(beside, Measurement):
        return case.name if case.delegate == beside.delegate else f"{case.name}, {case.delegate}"
    return case.name
