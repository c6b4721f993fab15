"""The figures of one result."""

from __future__ import annotations

from collections.abc import Sequence

from mobilevit.errors import InputError

from ..comparison import Comparison, compare
from ..measurement import BenchmarkResult, InstructionCount, Measurement
from ..statistics import (
    disturbed_rounds,
    drift,
    images_per_second,
    middle,
    quantiles,
    summarize,
    throttling,
)
from .model import Case, CountRow, Group, Row, Run
from .wording import within_run


def make_run(result: BenchmarkResult, number: int) -> Run:
    """Of the result that is the `number`th by date, counted from 1."""
    groups: dict[tuple[object, ...], list[Row]] = {}
    several_models = len({m.model.name for m in result.measurements}) > 1
    for m in result.measurements:
        delegates = {x.delegate for x in result.measurements if x.runtime == m.runtime}
        row = _row(result, m, several_models, len(delegates) > 1)
        key = (m.runtime, m.runtime_version, m.threads, m.batch)
        groups.setdefault(key, []).append(row)
    found, no_verdicts = _comparisons(result)
    return Run(
        result=result,
        number=number,
        groups=tuple(_group(rows) for rows in groups.values()),
        counts=tuple(_count_row(count) for count in result.counts),
        sentences=tuple(within_run(comparison) for comparison in found),
        no_verdicts=no_verdicts,
        drift=drift(result),
    )


def _group(rows: Sequence[Row]) -> Group:
    m = rows[0].measurement
    return Group(m.runtime, m.runtime_version, m.threads, m.batch, tuple(rows))


def _row(
    result: BenchmarkResult, measurement: Measurement, several_models: bool, delegates: bool
) -> Row:
    summary = summarize(measurement.launches)
    sustained = result.protocol.sustained_s is not None
    name = _label(measurement) if several_models else measurement.name
    if delegates:
        name += f", {measurement.delegate}"
    return Row(
        name=name,
        measurement=measurement,
        summary=summary,
        load_ns=middle([launch.load_ns for launch in measurement.launches]),
        first_run_ns=measurement.launches[0].first_run_ns,
        images_per_second=images_per_second(measurement.batch, summary),
        capped=any(launch.warmup.capped for launch in measurement.launches),
        disturbed=frozenset(disturbed_rounds(result, measurement)),
        quantiles_ns=tuple(quantiles(measurement)),
        throttling=throttling(measurement) if sustained else None,
    )


def _count_row(count: InstructionCount) -> CountRow:
    typical = middle(count.instructions)
    spread = (max(count.instructions) - min(count.instructions)) / typical
    return CountRow(_label(count), count, typical, spread)


def _label(case: Case) -> str:
    """With its model, unless its name has it already."""
    name, model = case.name, case.model.name
    return name if name.startswith(model) else f"{model} {name}"


def _comparisons(result: BenchmarkResult) -> tuple[list[Comparison], str | None]:
    """What may be compared within one result, and why its latencies may not."""
    why = None
    if result.protocol.sustained_s is not None:
        why = "sustained load is measured one case after the other, not in turns"
    elif result.device.emulated and result.measurements:
        why = "the processor is emulated, and its times mean nothing"
    elif len(result.measurements) == 1:
        why = "one case was measured, and nothing beside it"
    if why is not None:
        in_turns = result.protocol.model_copy(update={"sustained_s": None})
        result = result.model_copy(update={"measurements": (), "protocol": in_turns})
    try:
        return compare(result), why
    except InputError as error:  # nothing in it has the same settings
        return [], why or (error.message if result.measurements else None)
