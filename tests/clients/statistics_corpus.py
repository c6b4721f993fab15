"""Samples with what Python's statistics make of them, for the clients to be held to.

    python tests/clients/statistics_corpus.py statistics.json

The samples are drawn, the same each time. `runs` hold the rounds of a case and the sentinel's
readings; `warm_ups` hold more times than a warm-up takes, and how many it takes of them;
`intervals` hold the rounds of several launches, and the interval of their mean.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mobilevit.files import atomic_file
from mobilevit_benchmarks.measurement import (
    BenchmarkResult,
    Launch,
    Measurement,
    ModelFacts,
    Round,
    SentinelSamples,
    WarmUp,
)
from mobilevit_benchmarks.plan import ProtocolSettings
from mobilevit_benchmarks.records import DeviceDescription
from mobilevit_benchmarks.runner.worker import warm_up
from mobilevit_benchmarks.statistics import (
    disturbed_rounds,
    drift,
    sentinel_pace,
    summarize,
    throttling,
)

MS = 1_000_000
_LARGEST = 10**17  # ns, three years


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    random = np.random.default_rng(2026)
    corpus = {
        "runs": [_answered(rounds, sentinel) for rounds, sentinel in _runs(random)],
        "warm_ups": [_warmed_up(random, kind) for kind in range(60)],
        "intervals": [_interval(launches) for launches in _launches(random)],
    }
    with atomic_file(parser.parse_args().out) as aside:
        aside.write_text(json.dumps(corpus) + "\n", encoding="utf-8")


def _runs(random: np.random.Generator) -> Iterator[tuple[list[list[int]], list[list[int]]]]:
    """Rounds, and readings of the sentinel: few and many, equal and far apart, small and huge."""
    yield [[7 * MS]], []
    yield [[1]], [[1]]
    yield [[1, 2]], [[2 * MS]] * 4
    yield [[3 * MS] * 5] * 4, [[2 * MS] * 3] * 5
    yield [[_LARGEST] * 3] * 3, [[_LARGEST]] * 4
    yield [[_LARGEST, 1], [1, _LARGEST]], [[1], [_LARGEST], [1], [_LARGEST]]
    # the sentinel just within its tolerance, and just beyond it
    yield [[MS]] * 5, [[1000], [1000], [1100], [1000], [1101], [1000]]
    for count in (1, 2, 3, 4, 5, 9, 10, 11, 19, 20, 21, 99, 100, 101, 400):
        for scale in (20_000, 5 * MS, 10**12):
            level = np.ones(count)
            if count > 9 and scale == 5 * MS:  # it throttles somewhere
                level[int(random.integers(1, count)) :] = random.uniform(1.05, 1.4)
            spread = float(random.choice([0.002, 0.03, 0.4]))
            rounds = [
                _times(random.lognormal(0, spread, int(random.integers(1, 30))) * scale * x)
                for x in level
            ]
            readings = random.lognormal(0, 0.06, count + 1) * 2 * MS
            yield rounds, [_times(r * random.lognormal(0, 0.02, 4)) for r in readings]


def _times(values: ArrayLike) -> list[int]:
    rounded: NDArray[np.int64] = np.maximum(1, np.rint(values)).astype(np.int64)
    return [int(value) for value in rounded]


def _answered(rounds: Sequence[Sequence[int]], sentinel: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Readings and rounds take turns, half a second apart, a reading first."""
    timed = tuple(
        Round(number=i, started_ns=i * 10**9 + 10**9 // 2, samples_ns=tuple(samples))
        for i, samples in enumerate(rounds)
    )
    launch = Launch(
        load_ns=1,
        first_run_ns=1,
        warmup=WarmUp(samples_ns=(1,), capped=False),
        rounds=timed,
        peak_memory_bytes=None,
        memory_rise_bytes=None,
    )
    measurement = Measurement(
        name="drawn",
        model=ModelFacts(name="drawn"),
        artifact="drawn.onnx",
        artifact_sha256="0" * 64,
        artifact_bytes=1,
        runtime="onnxruntime",
        runtime_version="1",
        delegate="cpu",
        delegate_ran="cpu",
        threads=1,
        batch=1,
        launches=(launch,),
    )
    result = BenchmarkResult(
        created=datetime(2026, 1, 1, tzinfo=UTC),
        device=DeviceDescription(machine="none", cores=1, system="none", runner="none"),
        protocol=ProtocolSettings(),
        measurements=(measurement,),
        sentinel=tuple(
            SentinelSamples(started_ns=i * 10**9, samples_ns=tuple(samples))
            for i, samples in enumerate(sentinel)
        ),
    )
    summary = asdict(summarize(measurement.launches))
    return {
        "rounds": [r.model_dump() for r in timed],
        "sentinel": [r.model_dump() for r in result.sentinel],
        "summary": {**summary, "mean_ns": summary["mean_ns"]["estimate"]},
        "throttling": asdict(throttling(measurement)),
        "pace": sentinel_pace(result).tolist(),
        "drift": drift(result),
        "disturbed": sorted(disturbed_rounds(result, measurement)),
    }


def _launches(random: np.random.Generator) -> Iterator[list[list[list[int]]]]:
    """Samples by launch and round: one launch and many, of equal and of different lengths."""
    yield [[[7 * MS]]]
    yield [[[5 * MS, 6 * MS]], [[4 * MS]]]
    yield [[[3 * MS] * 5] * 4] * 3
    for launches in (1, 2, 3, 5, 11, 12, 20):
        for rounds in (1, 4, 7, 20):
            drift = random.lognormal(0, 0.03, launches)
            yield [
                [
                    _times(random.lognormal(0, 0.05, int(random.integers(1, 30))) * 5 * MS * level)
                    for _ in range(int(random.integers(1, rounds + 1)))
                ]
                for level in drift
            ]


def _interval(launches: Sequence[Sequence[Sequence[int]]]) -> dict[str, Any]:
    timed = [
        Launch(
            load_ns=1,
            first_run_ns=1,
            warmup=WarmUp(samples_ns=(1,), capped=False),
            rounds=tuple(
                Round(number=i, started_ns=i, samples_ns=tuple(samples))
                for i, samples in enumerate(rounds)
            ),
            peak_memory_bytes=None,
            memory_rise_bytes=None,
        )
        for rounds in launches
    ]
    return {"launches": launches, **asdict(summarize(timed).mean_ns)}


def _warmed_up(random: np.random.Generator, kind: int) -> dict[str, Any]:
    """Steady times, falling ones, ones that alternate or jump, and ones that never settle."""
    count = 4000
    steps = np.arange(count)
    shape = (
        np.ones(count),
        1 + 3 * 0.93**steps,
        1 + 0.5 * (steps % 2),
        np.where(steps < int(random.integers(1, 60)), 2.5, 1.0),
        1.02**steps,
    )[kind % 5]
    spread = (0.0, 0.01, 0.05, 0.3)[kind // 5 % 4]
    scale = float(random.choice([0.5, 1, 40])) * MS
    times = _times(np.minimum(shape * random.lognormal(0, spread, count) * scale, 10.0**15))
    min_runs = int(random.choice([1, 15, 40]))
    min_ns = int(random.choice([0, 20, 250])) * MS
    cap_ns = int(random.choice([60, 300, 1500])) * MS
    agreement = float(random.choice([0.01, 0.04, 0.1]))
    taken, capped = warm_up(
        iter(times).__next__,
        min_runs=min_runs,
        min_ns=min_ns,
        cap_ns=cap_ns,
        agreement=agreement,
    )
    # a few more than it takes, so that taking too many is seen
    return {
        "min_runs": min_runs,
        "min_ns": min_ns,
        "cap_ns": cap_ns,
        "agreement": agreement,
        "times": times[: len(taken) + 5],
        "taken": len(taken),
        "capped": capped,
    }


if __name__ == "__main__":
    main()
