"""What several runs say together: by date, by device, and models against latency."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..comparison import compare
from ..correlation import Point, RankCorrelation, rank_correlation
from ..measurement import BenchmarkResult
from ..published import load_published
from .figures import make_run
from .model import (
    AcrossDevices,
    Day,
    History,
    PublishedRow,
    Report,
    Row,
    Run,
    Scatter,
    ScatterPoint,
    device_name,
    device_names,
    same_device,
)
from .wording import Sentence, across_days, number_of

_FEWEST_MODELS = 4  # for a correlation


def make_report(results: Sequence[BenchmarkResult]) -> Report:
    """Work out every figure; some 0.3 s for each measurement."""
    ordered = sorted(results, key=lambda result: result.created)
    runs = [make_run(result, number) for number, result in enumerate(ordered, 1)]
    in_turns = [run for run in runs if not run.sustained and not run.result.device.emulated]
    return Report(
        runs=tuple(runs),
        histories=tuple(_histories(in_turns)),
        across_devices=tuple(_across_devices(in_turns, list(device_names(runs)))),
        by_accuracy=tuple(_by_accuracy(in_turns)),
        by_multiply_adds=tuple(_by_multiply_adds(in_turns)),
        published=tuple(_published(runs)),
    )


def _histories(runs: Sequence[Run]) -> Iterable[History]:
    """Of every case that several runs on one device measured."""
    found: dict[tuple[object, ...], dict[int, tuple[Run, Row]]] = {}
    for run in runs:
        for row in run.rows:
            key = (same_device(run.result.device), _case(row))
            found.setdefault(key, {}).setdefault(run.number, (run, row))
    return (_history(list(measured.values())) for measured in found.values() if len(measured) > 1)


def _across_devices(
    runs: Sequence[Run], devices: Sequence[tuple[object, ...]]
) -> Iterable[AcrossDevices]:
    """Of every case that several devices measured, in the order of `devices`."""
    found: dict[tuple[object, ...], dict[tuple[object, ...], Row]] = {}
    for run in runs:
        for row in run.rows:  # a later run takes the place
            found.setdefault(_case(row), {})[same_device(run.result.device)] = row
    for rows in found.values():
        if len(rows) > 1:
            name = _case_name(next(iter(rows.values())))
            yield AcrossDevices(name, tuple(map(rows.get, devices)))


def _by_accuracy(runs: Sequence[Run]) -> Iterable[Scatter]:
    """A picture for each set of data."""
    for title, rows in _pictures(runs):
        known = [row for row in rows if row.measurement.model.top1 is not None]
        for data in dict.fromkeys(row.measurement.model.data for row in known):
            points = tuple(_accuracy_points(known, data))
            if len(points) > 1:
                yield Scatter(f"{title}; accuracy on {data}" if data else title, points)


def _by_multiply_adds(runs: Sequence[Run]) -> Iterable[Scatter]:
    """The correlation is over models, by the first artifact of each, and not over variants."""
    for title, rows in _pictures(runs):
        points = tuple(_multiply_add_points(rows))
        if len({point.x for point in points}) > 1:
            yield Scatter(title, points, _correlation(rows))


def _pictures(runs: Sequence[Run]) -> Iterable[tuple[str, Sequence[Row]]]:
    """What belongs into one picture, with its title."""
    return ((f"{run.title}: {group}", group.rows) for run in runs for group in run.groups)


def _published(runs: Sequence[Run]) -> Iterable[PublishedRow]:
    figures = load_published()
    models = {name for run in runs for x in run.artifacts for name in (x.model.name, x.model.label)}
    return (
        PublishedRow(figures.models[row.model], row, figures.sources[row.source])
        for row in figures.latencies
        if models & {row.model, figures.models[row.model].label}
    )


def _case(row: Row) -> tuple[object, ...]:
    """What makes it the same case on another day or device."""
    m = row.measurement
    return (m.model.name, m.name, m.runtime, m.delegate, m.threads, m.batch)


def _case_name(row: Row) -> str:
    m = row.measurement
    batch = f", batch {m.batch}" if m.batch > 1 else ""
    threads = number_of(m.threads, "thread")
    return f"{m.model.name} {m.name}, {m.runtime} ({m.delegate}), {threads}{batch}"


def _history(cases: Sequence[tuple[Run, Row]]) -> History:
    (earlier, reference), (later, row) = cases[-2:]
    return History(
        name=_case_name(row),
        device=device_name(later.result.device),
        days=tuple(Day(run.result.created, run.number, row.summary) for run, row in cases),
        latest=_latest(earlier.result, reference, later.result, row),
    )


def _latest(earlier: BenchmarkResult, reference: Row, later: BenchmarkResult, row: Row) -> Sentence:
    """The verdict on one case alone."""
    before, after = (
        result.model_copy(update={"measurements": (case.measurement,), "counts": ()})
        for result, case in ((earlier, reference), (later, row))
    )
    [comparison] = compare(before, after)
    return across_days(comparison, earlier.created, later.created)


def _accuracy_points(rows: Sequence[Row], data: str | None) -> Iterable[ScatterPoint]:
    for row in rows:
        model = row.measurement.model
        if model.top1 is not None and model.data == data:
            latency = row.summary.p50_ns / 1e6
            yield ScatterPoint(row.name, model.family or "", latency, 100 * model.top1)


def _multiply_add_points(rows: Sequence[Row]) -> Iterable[ScatterPoint]:
    for row in rows:
        model = row.measurement.model
        if model.multiply_adds is not None:
            latency = row.summary.p50_ns / 1e6
            name = model.label or row.name
            yield ScatterPoint(name, model.family or "", model.multiply_adds, latency)


def _correlation(rows: Sequence[Row]) -> RankCorrelation | None:
    points: dict[str, Point] = {}
    for row in rows:
        model = row.measurement.model
        if model.multiply_adds is not None and not model.variant:
            points.setdefault(
                model.name,
                Point(
                    name=model.label or model.name,
                    family=model.family or "",
                    multiply_adds=model.multiply_adds,
                    latency_ms=row.summary.p50_ns / 1e6,
                ),
            )
    chosen = list(points.values())
    varied = len({p.multiply_adds for p in chosen}) > 1 and len({p.latency_ms for p in chosen}) > 1
    return rank_correlation(chosen) if len(chosen) >= _FEWEST_MODELS and varied else None
