"""Runs in turns with and without a profiler, and the median of what it reads."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter_ns

from .records import OperationTime

WARM_UP = 10  # runs before those that count


@dataclass(frozen=True)
class Profiled:
    """What a runtime's module measured; the fields are those of `OperationProfile`."""

    whole_ns: int
    profiled_whole_ns: int
    outside_ns: int
    deducted_ns: float
    operations: tuple[OperationTime, ...]


def median_ns(readings_us: Sequence[int]) -> float:
    """The median of times that were cut to whole microseconds, in ns.

    A reading of k stands for k to k + 1, and the median is interpolated in there by how many
    readings are above and below it: `statistics.median_grouped`. But a median reading of 0 gives 0:
    it tells nothing between nothing and a microsecond, and hundreds of operations that take next to
    nothing would add up to something.
    """
    if statistics.median_high(readings_us) == 0:
        return 0.0
    return 1e3 * statistics.median_grouped([reading + 0.5 for reading in readings_us], 1)


def timed(run: Callable[[], object]) -> int:
    """Nanoseconds of one run."""
    start = perf_counter_ns()
    run()
    return perf_counter_ns() - start


def in_turns(runs: int, *candidates: Callable[[], int]) -> list[list[int]]:
    """The times of `runs` runs of each, in ns, taken in turns so that what the machine does
    meanwhile falls on all alike; `WARM_UP` runs of each come first and are not counted.

    Args:
        candidates: each runs once and gives the nanoseconds that took.
    """
    times: list[list[int]] = [[] for _ in candidates]
    for _ in range(WARM_UP + runs):
        for samples, run in zip(times, candidates, strict=True):
            samples.append(run())
    return [samples[WARM_UP:] for samples in times]


def median_of(samples: Sequence[int]) -> int:
    return round(statistics.median(samples))


def outside_ns(runs_ns: Sequence[int], readings_us: Iterable[Sequence[int]]) -> int:
    """The median over the runs of what is in none of the operations.

    Args:
        runs_ns: the time of each run.
        readings_us: of each operation, its times in those runs.
    """
    inside = [1000 * sum(of_run) for of_run in zip(*readings_us, strict=True)]
    return median_of([run - part for run, part in zip(runs_ns, inside, strict=True)])
