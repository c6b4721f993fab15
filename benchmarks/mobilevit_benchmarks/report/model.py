"""What a report says: results, and every figure in it.

The figures are those of `statistics.py` and `comparison.py`, worked out once by `figures.py` and
`several.py`; the pages only write them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from ..correlation import RankCorrelation
from ..measurement import BenchmarkResult, InstructionCount, Measurement, NotTimed
from ..published import PublishedLatency, PublishedModel, Source
from ..records import DeviceDescription
from ..statistics import DRIFT_TOLERANCE, Summary, Throttling
from .wording import Sentence, number_of

Case = Measurement | InstructionCount


@dataclass(frozen=True)
class Row:
    """One measurement and its figures. Times are nanoseconds."""

    name: str  # unique within its group, as far as the result's names are
    measurement: Measurement
    summary: Summary
    load_ns: int  # median over the launches
    first_run_ns: int  # of the first launch
    images_per_second: float
    capped: bool  # a warm-up was stopped before the times settled
    disturbed: frozenset[int]  # numbers of the rounds that the sentinel marks
    quantiles_ns: tuple[float, ...]
    throttling: Throttling | None  # of sustained mode


@dataclass(frozen=True)
class Group:
    """What may be compared: one runtime, number of threads and batch of one run."""

    runtime: str
    runtime_version: str
    threads: int
    batch: int
    rows: tuple[Row, ...]

    @property
    def settings(self) -> str:
        batch = f", batch {self.batch}" if self.batch > 1 else ""
        return f"{number_of(self.threads, 'thread')}{batch}"

    def __str__(self) -> str:
        return f"{self.runtime} {self.runtime_version}, {self.settings}"


@dataclass(frozen=True)
class CountRow:
    """Executed instructions of one artifact."""

    name: str
    count: InstructionCount
    typical: int  # median over the processes
    spread: float  # largest less smallest, as a share of it


@dataclass(frozen=True)
class Run:
    """One result."""

    result: BenchmarkResult
    number: int  # counted from 1, by date
    groups: tuple[Group, ...]
    counts: tuple[CountRow, ...]
    sentences: tuple[Sentence, ...]
    no_verdicts: str | None  # why there are no sentences on its latencies
    drift: float | None

    @property
    def title(self) -> str:
        return f"{device_name(self.result.device)}, {moment(self.result.created)}"

    @property
    def rows(self) -> list[Row]:
        return [row for group in self.groups for row in group.rows]

    @property
    def rounds(self) -> int:
        return sum(len(row.measurement.rounds) for row in self.rows)

    @property
    def disturbed(self) -> int:
        return sum(len(row.disturbed) for row in self.rows)

    @property
    def drifted(self) -> bool:
        return self.drift is not None and abs(self.drift) > DRIFT_TOLERANCE

    @property
    def sustained(self) -> bool:
        return self.result.protocol.sustained_s is not None

    @property
    def artifacts(self) -> list[Case]:
        """One case of each artifact on each runtime."""
        cases: list[Case] = [*self.result.measurements, *self.result.counts]
        return list({(c.artifact_sha256, c.artifact, c.runtime): c for c in cases}.values())

    @property
    def refused(self) -> list[NotTimed]:
        return [skipped for skipped in self.result.not_timed if skipped.refused]


@dataclass(frozen=True)
class Day:
    """A case, as one run of several measured it."""

    created: datetime
    run: int
    summary: Summary


@dataclass(frozen=True)
class History:
    """One case on one device, measured by several runs."""

    name: str
    device: str
    days: tuple[Day, ...]  # by date
    latest: Sentence  # the last against the one before


@dataclass(frozen=True)
class AcrossDevices:
    """One case on several devices, the latest run of each. Side by side, and no comparison."""

    name: str
    rows: tuple[Row | None, ...]  # by device


@dataclass(frozen=True)
class ScatterPoint:
    name: str
    family: str
    x: float
    y: float


@dataclass(frozen=True)
class Scatter:
    """Models against latency, of one run and group."""

    title: str
    points: tuple[ScatterPoint, ...]
    correlation: RankCorrelation | None = None


@dataclass(frozen=True)
class PublishedRow:
    model: PublishedModel
    latency: PublishedLatency
    source: Source


@dataclass(frozen=True)
class Report:
    """Results of any number of devices and days."""

    runs: tuple[Run, ...]  # by date
    histories: tuple[History, ...]
    across_devices: tuple[AcrossDevices, ...]
    by_accuracy: tuple[Scatter, ...]  # latency of a run in ms, top-1 accuracy in percent
    by_multiply_adds: tuple[Scatter, ...]  # multiply-adds of one image, latency of a run in ms
    published: tuple[PublishedRow, ...]  # what others printed about the same models

    @cached_property
    def models(self) -> list[str]:
        """Names of the models, in the order met."""
        cases: list[Case] = []
        for run in self.runs:
            cases += [*run.result.measurements, *run.result.counts]
        return list(dict.fromkeys(case.model.name for case in cases))

    @cached_property
    def devices(self) -> dict[tuple[object, ...], str]:
        """Their names, in the order met."""
        return device_names(self.runs)


def device_names(runs: Sequence[Run]) -> dict[tuple[object, ...], str]:
    """The names of the devices, in the order met; with the address where two have one name."""
    met = {same_device(run.result.device): run.result.device for run in runs}
    names = [device_name(device) for device in met.values()]
    return {
        key: name if names.count(name) == 1 else f"{name}, {device.address}"
        for (key, device), name in zip(met.items(), names, strict=True)
    }


def device_name(device: DeviceDescription) -> str:
    """As sold, or by its processor."""
    parts = [device.model, device.chip if device.chip != device.model else None]
    name = ", ".join(part for part in parts if part) or device.machine
    return f"{name} (emulated)" if device.emulated else name


def same_device(device: DeviceDescription) -> tuple[object, ...]:
    """Equal for runs on one device, whatever its system was updated to meanwhile."""
    return (device.address, device.model, device.chip, device.machine, device.emulated)


def moment(created: datetime) -> str:
    """To the minute, in the zone it was recorded in."""
    return created.isoformat(" ", "minutes").replace("+00:00", " UTC")
