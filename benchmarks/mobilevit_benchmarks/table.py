"""A benchmark's result as a table for the terminal."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from .measurement import BenchmarkResult, Measurement
from .statistics import paired_ratio, summarize

_NUMBERS = (
    "thr",
    "load\nms",
    "first\nms",
    "p50\nms",
    "p90\nms",
    "p99\nms",
    "CV\n%",
    "peak\nMB",
    "ratio",
    "p10-p90",
)


def result_table(result: BenchmarkResult) -> Table:
    """One row per measurement, in at most 100 columns if names are short.

    The ratio is of times, to the first row of the same runtime and threads: the median over the
    rounds, and their 10th and 90th percentile.
    """
    several_models = len({m.model for m in result.measurements}) > 1
    table = Table(
        title=_title(result, several_models),
        title_justify="left",
        caption=_caption(result),
        caption_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column("artifact", overflow="fold")
    table.add_column("runtime", no_wrap=True)
    for heading in _NUMBERS:
        table.add_column(heading, justify="right", no_wrap=True)
    references: dict[tuple[str, int], Measurement] = {}
    for measurement in result.measurements:
        reference = references.setdefault((measurement.runtime, measurement.threads), measurement)
        name = f"{measurement.model} {measurement.name}" if several_models else measurement.name
        table.add_row(escape(name), measurement.runtime, *_numbers(measurement, reference))
    return table


def _numbers(measurement: Measurement, reference: Measurement) -> list[str]:
    summary = summarize(measurement.samples_ns)
    ratio, spread = "1", ""
    if measurement is not reference:
        paired = paired_ratio(measurement.rounds, reference.rounds)
        ratio = f"{paired.median:.2f}"
        spread = f"{paired.p10:.2f}-{paired.p90:.2f}"
    return [
        str(measurement.threads),
        _milliseconds(measurement.load_ns),
        _milliseconds(measurement.first_run_ns),
        _milliseconds(summary.p50_ns),
        _milliseconds(summary.p90_ns),
        _milliseconds(summary.p99_ns),
        f"{100 * summary.cv:.1f}" + ("*" if measurement.warmup.capped else ""),
        f"{measurement.peak_memory_bytes / 1e6:.0f}",
        ratio,
        spread,
    ]


def _milliseconds(ns: float) -> str:
    """Three significant digits, which is what a time repeats to at best."""
    ms = ns / 1e6
    decimals = 3 if ms < 1 else 2 if ms < 10 else 1 if ms < 100 else 0
    return f"{ms:.{decimals}f}"


def _title(result: BenchmarkResult, several_models: bool) -> str:
    host = result.host
    processor = host.processor or host.machine
    cores = "1 core" if host.cores == 1 else f"{host.cores} cores"
    model = "" if several_models else f"{result.measurements[0].model} on "
    return escape(f"{model}{processor}, {cores}")


def _caption(result: BenchmarkResult) -> str:
    before, after = result.state_before.load_average[0], result.state_after.load_average[0]
    lines = [f"load average {before:.2f} before, {after:.2f} after"]
    if len(result.measurements) > 1:
        lines.append("ratio: of times, to the first row of the same runtime and threads")
    if any(m.warmup.capped for m in result.measurements):
        cap = result.protocol.warmup_cap_s
        lines.append(f"*: not settled when its warm-up was stopped, after {cap:g} s")
    lines += [f"not timed: {skipped.name}: {skipped.reason}" for skipped in result.not_timed]
    return escape("\n".join(lines))
