"""Artifacts of each format: converted, read back from disk, compared, and judged."""

from __future__ import annotations

import copy
import gc
import itertools
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import active_children, get_context
from pathlib import Path

from mobilevit.bundle import ArtifactRecord, ParityRecord, QuantizationRecord, hash_artifact
from mobilevit.checkpoint import Checkpoint
from mobilevit.errors import ConversionError
from mobilevit.graph import ClassifierGraph
from mobilevit.runtimes import RUNTIMES, Runtime

from .calibration import Calibration
from .formats import FORMATS, QUANTIZED, Conversion, ExportSpec
from .quiet import quiet
from .sensitivity import find_mix
from .verify import Comparison, compare, worst

# photos that loss is measured on, where a runtime takes long for each
_JUDGED = {"coreml_reference": 64}


@dataclass(frozen=True)
class Subject:
    """What is exported, and what artifacts of it are held to."""

    checkpoint: Checkpoint
    comparisons: tuple[Comparison, ...]  # one for each image size
    calibration: Calibration | None
    max_drop: float


@dataclass(frozen=True)
class Order:
    """An artifact to make."""

    format: str
    spec: ExportSpec
    path: Path
    checker: str  # the runtime that compares it


@dataclass(frozen=True)
class Attempt:
    """One artifact, good or not."""

    record: ArtifactRecord
    parities: dict[tuple[int, int], ParityRecord]  # at each (H, W); the record has the worst
    convert_seconds: float  # what artifacts of a format share counts to the first of them
    verify_seconds: float


def make(
    subject: Subject, orders: Sequence[Order], jobs: int, report: Callable[[str], None]
) -> list[Attempt]:
    """Make every artifact that is ordered; those of one format and layout share a conversion.

    Args:
        jobs: how many formats and layouts side by side, in processes of their own.
        report: is given lines for a person to read.

    Returns:
        One for each order, in the order of these.

    Raises:
        ConversionError: a converter failed, or a runtime does not open what it wrote.
        InputError: there are no photos to calibrate int8 on.
    """
    batches: dict[tuple[str, str], list[Order]] = {}
    for order in orders:
        batches.setdefault((order.format, order.spec.layout), []).append(order)
    if jobs == 1 or len(batches) == 1:
        made = [_make_batch(subject, batch, report) for batch in batches.values()]
    else:
        made = _make_aside(subject, list(batches.values()), jobs, report)
    by_path = {attempt.record.file: attempt for attempts in made for attempt in attempts}
    return [by_path[order.path.name] for order in orders]


def _make_aside(
    subject: Subject,
    batches: Sequence[Sequence[Order]],
    jobs: int,
    report: Callable[[str], None],
) -> list[list[Attempt]]:
    # no fork: threads that torch has started here would be missing there
    workers = min(jobs, len(batches))
    others = set(active_children())
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _leave_interrupts)
    made = []
    try:
        futures = [pool.submit(_make_and_tell, subject, batch) for batch in batches]
        report(f"converting {len(batches)} formats, {workers} side by side")
        for future in futures:
            attempts, lines = future.result()
            for line in lines:
                report(line)
            made.append(attempts)
    except BrokenProcessPool as error:
        raise ConversionError(
            "a process that converts was ended from outside", "if memory is short, give `--jobs 1`"
        ) from error
    finally:
        # after Ctrl-C or a failure, nobody waits for what is still being converted
        for process in set(active_children()) - others:
            process.terminate()
        pool.shutdown(cancel_futures=True)
    return made


def _leave_interrupts() -> None:
    """Ctrl-C reaches every process of a terminal; the one that ends these is their parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _make_and_tell(subject: Subject, batch: Sequence[Order]) -> tuple[list[Attempt], list[str]]:
    """In the process it is called in."""
    lines: list[str] = []
    return _make_batch(subject, batch, lines.append), lines


def _make_batch(
    subject: Subject, batch: Sequence[Order], report: Callable[[str], None]
) -> list[Attempt]:
    """Artifacts of one format and layout."""
    row, first = FORMATS[batch[0].format], batch[0].spec
    attempts = []
    conversion: Conversion | None = None
    for order in batch:
        report(f"{order.path.name}: converting")
        started = time.monotonic()
        with quiet(f"converting to {row.name} {order.spec.precision}"), _uncollected():
            if conversion is None:
                # converters may leave marks on what they are given
                model = copy.deepcopy(subject.checkpoint.model)
                graph = ClassifierGraph(model, first.preprocessing).eval().requires_grad_(False)
                conversion = row.convert(graph, first)
            conversion.save(order.spec, order.path)
        attempt = _attempt(order, subject.comparisons, time.monotonic() - started)
        if order.spec.precision in QUANTIZED:
            attempt = _judged(attempt, order, conversion, subject, report)
        attempts.append(attempt)
        for line in _lines(attempt):
            report(line)
    return attempts


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without garbage collection, which goes through all that a converter holds, over and over: a
    tenth of its time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _attempt(order: Order, comparisons: Sequence[Comparison], convert_seconds: float) -> Attempt:
    """Read back from disk, run on every photo at every size it takes, compare."""
    converted = time.monotonic()
    row, spec, path = FORMATS[order.format], order.spec, order.path
    parities = {
        comparison.image_size: compare(comparison, path, _checker(order), spec.precision)
        for comparison in comparisons
        if comparison.image_size in spec.image_sizes
    }
    digest, size = hash_artifact(path)
    record = ArtifactRecord(
        file=path.name,
        format=row.name,
        precision=spec.precision,
        sha256=digest,
        size=size,
        input=row.input_record(spec),
        output=row.output_record(spec),
        parity=worst(list(parities.values())),
        layout=spec.layout,
        needs=row.needs(spec),
        tools=row.tool_versions(),
    )
    return Attempt(
        record=record,
        parities=parities,
        convert_seconds=convert_seconds,
        verify_seconds=time.monotonic() - converted,
    )


def _checker(order: Order) -> Runtime:
    return RUNTIMES[order.checker]


def _judged(
    attempt: Attempt,
    order: Order,
    conversion: Conversion,
    subject: Subject,
    report: Callable[[str], None],
) -> Attempt:
    """With what the artifact loses. One that loses too much is made again, with some layers left in
    float, where the format has the choice and its runtime can be timed."""
    told = _quantization(order, subject)
    if told.faults and conversion.layer_groups and _checker(order).timed:
        report(f"{order.path.name}: {told.faults[0]}; looking for layers to keep in float")
        order = _mixed(order, conversion, subject, report)
        attempt = _attempt(order, subject.comparisons, attempt.convert_seconds)
        told = _quantization(order, subject)
    record = attempt.record.model_copy(update={"quantization": told})
    return replace(attempt, record=record)


def _mixed(
    order: Order, conversion: Conversion, subject: Subject, report: Callable[[str], None]
) -> Order:
    """Replace the artifact by one that leaves some layers in float."""
    assert subject.calibration is not None  # what is lost is known
    numbers = itertools.count()

    def save(kept_float: Sequence[str], path: Path) -> Order:
        spec = replace(order.spec, kept_float=tuple(kept_float))
        with quiet(f"quantizing for {order.checker}"):
            conversion.save(spec, path)
        return replace(order, spec=spec)

    with tempfile.TemporaryDirectory(prefix="mobilevit-mix-") as folder:

        def trial(kept_float: frozenset[str]) -> Path:
            path = Path(folder, f"{next(numbers)}{order.path.suffix}")
            save(sorted(kept_float), path)
            return path

        mix = find_mix(
            trial,
            conversion.layer_groups,
            subject.calibration,
            _checker(order),
            subject.max_drop,
            report=report,
        )
    return save(mix.kept_float, order.path)


def _quantization(order: Order, subject: Subject) -> QuantizationRecord:
    """What a quantized artifact was made with, and what it loses where that can be told."""
    calibration, checker = subject.calibration, _checker(order)
    repairs, agreement, drop = [], None, None
    if calibration is not None and order.spec.precision == "int8":
        photos = len(calibration.range_pixels)
        repairs.append(f"ranges of least squared error over {photos} photos")
    if calibration is not None and calibration.labels is not None:
        count = _JUDGED.get(checker.name, len(calibration.pixels))
        agreement, drop = calibration.loss(checker.load(order.path, threads=1), count)
    took_part = repairs or agreement is not None
    return QuantizationRecord(
        calibration=calibration.record if calibration and took_part else None,
        repairs=tuple(repairs),
        kept_float=order.spec.kept_float,
        agreement=agreement,
        top1_drop=drop,
        max_drop=subject.max_drop,
    )


def _lines(attempt: Attempt) -> Iterator[str]:
    record = attempt.record
    yield (
        f"{record.format} {record.precision}: converted in {attempt.convert_seconds:.0f} s, "
        f"compared in {attempt.verify_seconds:.0f} s by {record.parity.runtime}, "
        + ("DISAGREES" if record.parity.faults else "agrees")
    )
    for size, parity in attempt.parities.items() if len(attempt.parities) > 1 else ():
        yield (
            f"  at {size[0]}x{size[1]} "
            + ("; ".join(parity.faults) or f"by up to {parity.max_abs_difference:.1e}")
        )
