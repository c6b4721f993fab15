"""Results of benchmarks, made up: what several tests of reports share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from mobilevit_benchmarks.measurement import (
    BenchmarkResult,
    InstructionCount,
    Launch,
    Measurement,
    ModelFacts,
    Round,
    SentinelSamples,
    StateAt,
    WarmUp,
)
from mobilevit_benchmarks.plan import ProtocolSettings
from mobilevit_benchmarks.records import DeviceDescription, DeviceState

MS = 1_000_000
SECOND = 1_000_000_000


def measurement(
    name: str = "onnx fp32",
    ms: float = 4,
    *,
    launches: Sequence[Launch] | None = None,
    **changes: Any,
) -> Measurement:
    """Ten rounds in five launches, unless given, of three times within 1 % of `ms`."""
    if launches is None:
        launches = [launch(ms, range(i, i + 2)) for i in range(0, 10, 2)]
    fields: dict[str, Any] = {
        "name": name,
        "model": ModelFacts(name="mobilevit_xxs"),
        "artifact": f"{name.replace(' ', '_')}.onnx",
        "artifact_sha256": "0" * 64,
        "artifact_bytes": 5_000_000,
        "runtime": "onnxruntime",
        "runtime_version": "1.0",
        "delegate": "cpu",
        "delegate_ran": "CPUExecutionProvider",
        "threads": 1,
        "batch": 1,
        "launches": tuple(launches),
    }
    return Measurement(**{**fields, **changes})


def launch(ms: float, numbers: Sequence[int]) -> Launch:
    """One round a second."""
    time = round(ms * MS)
    return Launch(
        load_ns=50 * MS,
        first_run_ns=3 * time,
        warmup=WarmUp(samples_ns=(2 * time,), capped=False),
        rounds=tuple(
            Round(
                number=number,
                started_ns=(number + 1) * SECOND,
                samples_ns=(time, time + time // 200, time - time // 200 + number),
            )
            for number in numbers
        ),
        peak_memory_bytes=100_000_000,
        memory_rise_bytes=50_000_000,
    )


def count(name: str = "onnx fp32", instructions: int = 10**9) -> InstructionCount:
    return InstructionCount(
        name=name,
        model=ModelFacts(name="mobilevit_xxs"),
        artifact=f"{name}.onnx",
        artifact_sha256="0" * 64,
        artifact_bytes=5,
        runtime="onnxruntime",
        runtime_version="1.0",
        processor="cortex-a76",
        emulator="QEMU 7.2",
        instructions=(instructions, instructions + 10, instructions + 20),
    )


def result(*measurements: Measurement, day: int = 2, **changes: Any) -> BenchmarkResult:
    """Of January 2030, on a quiet device."""
    state = DeviceState(load_average=(0.5, 0.25, 0), temperatures_c={"cpu": 41.5})
    fields: dict[str, Any] = {
        "created": datetime(2030, 1, day, 3, 4, tzinfo=UTC),
        "command": "mobilevit benchmark bundle --json r.json",
        "device": device(),
        "protocol": ProtocolSettings(),
        "measurements": measurements,
        "sentinel": [
            SentinelSamples(started_ns=i * SECOND + SECOND // 2, samples_ns=(MS, MS))
            for i in range(11)
        ],
        "states": [StateAt(at_ns=at * SECOND, state=state) for at in (0, 20)],
    }
    return BenchmarkResult(**{**fields, **changes})


def device(**changes: Any) -> DeviceDescription:
    fields: dict[str, Any] = {
        "address": "local",
        "model": "Test Board",
        "chip": "Chip 1",
        "machine": "arm64",
        "cores": 4,
        "memory_bytes": 2**32,
        "system": "Linux",
        "runner": "Python 3.11",
    }
    return DeviceDescription(**{**fields, **changes})


def sustained(*, throttles: bool) -> BenchmarkResult:
    """A minute under load, with the device's state after every second."""
    times = [4 * MS * (1.5 if throttles and i >= 30 else 1) for i in range(60)]
    rounds = tuple(
        Round(number=i, started_ns=i * SECOND, samples_ns=(round(ns),))
        for i, ns in enumerate(times)
    )
    states = [
        StateAt(
            at_ns=i * SECOND,
            state=DeviceState(frequencies_hz=(10**9, 2 * 10**9), temperatures_c={"cpu": 40 + i}),
        )
        for i in range(60)
    ]
    one = launch(4, [0]).model_copy(update={"rounds": rounds})
    return result(
        measurement(launches=[one]),
        protocol=ProtocolSettings(sustained_s=60),
        states=states,
        sentinel=[],
    )
