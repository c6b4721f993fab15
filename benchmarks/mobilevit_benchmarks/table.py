"""A benchmark's result, and comparisons, as tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from .comparison import RESOLUTION, Comparison, compare_measurements
from .measurement import BenchmarkResult, Measurement, full_name
from .statistics import (
    DRIFT_TOLERANCE,
    disturbed_rounds,
    drift,
    middle,
    share_rounds,
    summarize,
    throttling,
)

_NUMBERS = ("thr", "load\nms", "first\nms", "p50\nms", "p90\nms", "p99\nms", "CV\n%", "peak\nMB")


def result_table(result: BenchmarkResult) -> Table:
    """One row per measurement, in at most 100 columns if names are short.

    The ratio is of times, to the first row of the same runtime, threads and batch, with its 95 %
    interval; `compare` has the verdicts.
    """
    several_models = len({m.model.name for m in result.measurements}) > 1
    sustained = result.protocol.sustained_s is not None
    batches = len({m.batch for m in result.measurements}) > 1
    table = new_table(_title(result, several_models), "artifact", "runtime")
    table.caption = escape(_caption(result))
    table.caption_justify = "left"
    ends = ("last\nms", "throttles\nafter s") if sustained else ("ratio", "95 %")
    for heading in (*(["batch"] if batches else []), *_NUMBERS, *ends):
        table.add_column(heading, justify="right", no_wrap=True)
    references: dict[tuple[str, int, int], Measurement] = {}
    for measurement in result.measurements:
        key = (measurement.runtime, measurement.threads, measurement.batch)
        reference = references.setdefault(key, measurement)
        name = full_name(measurement) if several_models else measurement.name
        if len({m.delegate for m in result.measurements if m.runtime == key[0]}) > 1:
            name += f", {measurement.delegate}"
        numbers = _numbers(measurement)
        if sustained:
            load = throttling(measurement)
            after = "no" if load.after_s is None else f"{load.after_s:.0f}"
            numbers += [milliseconds(load.last_ns), after]
        else:
            numbers += _ratio(result, measurement, reference)
        batch = [str(measurement.batch)] if batches else []
        table.add_row(escape(name), measurement.runtime, *batch, *numbers)
    return table


def counts_table(result: BenchmarkResult) -> Table:
    """Executed instructions, emulated: counts, and no measure of time."""
    emulators = {f"{c.emulator}, {c.processor}" for c in result.counts}
    table = new_table(
        "instructions per run, emulated arm64: a count, not a latency",
        "artifact",
        "runtime",
    )
    table.caption = escape("; ".join(sorted(emulators)))
    table.caption_justify = "left"
    for heading in ("instructions\nmillions", "spread\n%", "processes", "ratio"):
        table.add_column(heading, justify="right", no_wrap=True)
    first: dict[tuple[str, str], float] = {}
    for count in result.counts:
        typical = middle(count.instructions)
        base = first.setdefault((count.runtime, count.processor), typical)
        spread = (max(count.instructions) - min(count.instructions)) / typical
        table.add_row(
            escape(full_name(count)),
            count.runtime,
            f"{typical / 1e6:.2f}",
            f"{100 * spread:.3f}",
            str(len(count.instructions)),
            f"{typical / base:.3f}",
        )
    return table


def comparison_table(comparisons: Sequence[Comparison]) -> Table:
    """One row per comparison."""
    table = new_table("", "", "against", "runtime")
    for heading in ("thr", "ratio", "95 %", "rounds", "marked"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict")
    for c in comparisons:
        table.add_row(
            escape(c.name),
            escape(c.reference),
            c.runtime,
            str(c.threads),
            f"{c.ratio.estimate:.3f}",
            f"{c.ratio.low:.3f}-{c.ratio.high:.3f}",
            str(c.rounds),
            str(c.disturbed),
            str(c.verdict) + (f" ({c.unfit or c.remark})" if c.unfit or c.remark else ""),
        )
    return table


def new_table(title: str, *text: str) -> Table:
    """With columns of text, the first of which may wrap."""
    table = Table(
        title=escape(title) or None,
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for place, heading in enumerate(text):
        table.add_column(heading, overflow="fold", no_wrap=place > 0, min_width=0 if place else 10)
    return table


def milliseconds(ns: float) -> str:
    """Three significant digits, which is what a time repeats to at best."""
    ms = ns / 1e6
    decimals = 3 if ms < 1 else 2 if ms < 10 else 1 if ms < 100 else 0
    return f"{ms:.{decimals}f}"


def _numbers(measurement: Measurement) -> list[str]:
    summary = summarize(measurement.launches)
    first = measurement.launches[0]
    capped = any(launch.warmup.capped for launch in measurement.launches)
    peak = measurement.peak_memory_bytes
    return [
        str(measurement.threads),
        milliseconds(middle([launch.load_ns for launch in measurement.launches])),
        milliseconds(first.first_run_ns),
        milliseconds(summary.p50_ns),
        milliseconds(summary.p90_ns),
        milliseconds(summary.p99_ns),
        f"{100 * summary.cv:.1f}" + ("*" if capped else ""),
        "" if peak is None else f"{peak / 1e6:.0f}",
    ]


def _ratio(result: BenchmarkResult, case: Measurement, reference: Measurement) -> list[str]:
    if case is reference:
        return ["1", ""]
    if not share_rounds(case, reference):
        return ["", ""]
    ratio = compare_measurements(result, case, reference, RESOLUTION).ratio
    return [f"{ratio.estimate:.2f}", f"{ratio.low:.2f}-{ratio.high:.2f}"]


def _title(result: BenchmarkResult, several_models: bool) -> str:
    device = result.device
    name = ", ".join(x for x in (device.model, device.chip or device.machine) if x)
    cores = "1 core" if device.cores == 1 else f"{device.cores} cores"
    model = "" if several_models else f"{result.measurements[0].model.name} on "
    emulated = ", EMULATED: not a latency" if device.emulated else ""
    return f"{model}{name}, {cores}{emulated}"


def _caption(result: BenchmarkResult) -> str:
    lines = []
    loads = [x.state.load_average[0] for x in result.states if x.state.load_average]
    if loads:
        lines.append(f"load average {loads[0]:.2f} before, {loads[-1]:.2f} after")
    total = sum(len(m.rounds) for m in result.measurements)
    marked = sum(len(disturbed_rounds(result, m)) for m in result.measurements)
    if marked:
        lines.append(f"{marked} of {total} rounds are marked: the sentinel ran slower beside them")
    drifted = drift(result)
    if drifted is not None and abs(drifted) > DRIFT_TOLERANCE:
        pace = "slower" if drifted > 0 else "faster"
        lines.append(f"by its sentinel the machine became {abs(drifted):.0%} {pace}")
    if len(result.measurements) > 1 and result.protocol.sustained_s is None:
        lines.append("ratio: of times, to the first row of the same runtime, threads and batch")
    if any(launch.warmup.capped for m in result.measurements for launch in m.launches):
        cap = result.protocol.warmup_cap_s
        lines.append(f"*: not settled when a warm-up was stopped, after {cap:g} s")
    lines += [
        f"{'refused' if skipped.refused else 'not timed'}: {skipped.name}: {skipped.reason}"
        for skipped in result.not_timed
    ]
    if result.stopped is not None:
        lines.append(f"INCOMPLETE: {result.stopped}")
    return "\n".join(lines)
