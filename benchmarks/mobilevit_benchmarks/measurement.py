"""The records of a benchmark: raw samples, and all it takes to judge them later.

No statistic is stored: `statistics.py` computes them from the samples. Times are integer
nanoseconds, memory is bytes. The JSON Schema is docs/benchmark-result.schema.json.
"""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    model_validator,
)

from mobilevit.errors import InputError, first_fault
from mobilevit.files import atomic_file

from .plan import ProtocolSettings
from .profile.records import OperationProfile
from .records import DeviceDescription, DeviceState, Samples

SCHEMA_VERSION = 2


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WarmUp(_Record):
    """The runs between the first one and the rounds."""

    samples_ns: Samples
    capped: bool  # stopped by the cap, before the times settled


class Round(_Record):
    """Runs of one case, back to back, between those of the others."""

    number: NonNegativeInt  # counted over all launches; the same number, the same moment
    started_ns: NonNegativeInt  # on the device's monotonic clock, shared by all that is timed
    samples_ns: Samples


class Launch(_Record):
    """One opening of the artifact, in a process of its own where the device has such."""

    load_ns: PositiveInt
    first_run_ns: PositiveInt
    warmup: WarmUp
    rounds: tuple[Round, ...]  # fewer than planned where the run was cut off
    peak_memory_bytes: PositiveInt | None  # resident, of the whole process
    memory_rise_bytes: NonNegativeInt | None  # of that, above what was resident before loading


class ModelFacts(_Record):
    """What a report sets against the latency. None: not known."""

    name: str
    parameters: PositiveInt | None = None
    multiply_adds: PositiveInt | None = None  # of one image
    image_size: tuple[PositiveInt, PositiveInt] | None = None  # height, width
    top1: Annotated[float, Field(ge=0, le=1)] | None = None  # of this artifact
    data: str | None = None  # what `top1` was measured on
    family: str | None = None  # what a figure colours it by
    label: str | None = None  # what a figure calls it
    variant: bool = False  # of a model that is measured besides; no correlation counts it


class Measurement(_Record):
    """One artifact on one runtime, with one delegate, number of threads and batch."""

    name: str
    model: ModelFacts
    artifact: str  # file name
    artifact_sha256: str  # as in a bundle's manifest
    artifact_bytes: NonNegativeInt
    runtime: str
    runtime_version: str
    delegate: str  # what was asked for
    delegate_ran: str  # what the runtime says ran it
    threads: PositiveInt
    batch: PositiveInt
    launches: Annotated[tuple[Launch, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _has_samples(self) -> Measurement:
        if not any(launch.rounds for launch in self.launches):
            raise ValueError("there are no rounds")
        return self

    @property
    def rounds(self) -> list[Round]:
        """Of every launch, in order."""
        return list(chain.from_iterable(launch.rounds for launch in self.launches))

    @property
    def samples_ns(self) -> list[int]:
        """The samples of every round, in order."""
        return list(chain.from_iterable(r.samples_ns for r in self.rounds))

    @property
    def peak_memory_bytes(self) -> int | None:
        """The highest of the launches that told."""
        return max((p for x in self.launches if (p := x.peak_memory_bytes)), default=None)


class InstructionCount(_Record):
    """Instructions that an emulated processor executed for one run. Not a latency."""

    name: str
    model: ModelFacts
    artifact: str
    artifact_sha256: str
    artifact_bytes: NonNegativeInt
    runtime: str
    runtime_version: str
    processor: str  # the emulated one, such as `cortex-a76`
    emulator: str  # name and version
    instructions: Annotated[tuple[PositiveInt, ...], Field(min_length=1)]  # one per process


class PlacedOperation(_Record):
    """An operation of an ML Program. `cost` is its share of the whole; None: Core ML does not say,
    as of constants."""

    type: str
    output: str
    preferred: str | None  # CPU, GPU or NeuralEngine
    supported: tuple[str, ...]
    cost: Annotated[float, Field(ge=0, le=1)] | None


class ComputePlan(_Record):
    """Where Core ML says it would run each operation on this machine. Not a measurement."""

    source: Literal["estimated by Core ML"] = "estimated by Core ML"
    artifact: str  # file name
    artifact_sha256: str
    units: str  # that it may use: cpu, cpu+gpu, cpu+ne or all
    operations: tuple[PlacedOperation, ...]

    @property
    def shares(self) -> dict[str, float]:
        """The share of the estimated cost that falls to each device, the largest first; they sum
        to 1. Empty where Core ML estimates no cost."""
        costs: dict[str, float] = {}
        for operation in self.operations:
            if operation.preferred is not None and operation.cost is not None:
                costs[operation.preferred] = costs.get(operation.preferred, 0.0) + operation.cost
        total = sum(costs.values())
        ordered = sorted(costs.items(), key=lambda item: -item[1])
        return {device: cost / total for device, cost in ordered} if total else {}

    @property
    def summary(self) -> str:
        """One line, such as `NeuralEngine 97 %, CPU 3 % of the cost, estimated by Core ML`."""
        if not self.shares:
            return "no cost is estimated by Core ML"
        shares = ", ".join(f"{device} {share:.0%}" for device, share in self.shares.items())
        return f"{shares.replace('%', ' %')} of the cost, {self.source}"


def full_name(case: Measurement | InstructionCount) -> str:
    """Its name with its model's, unless it has that already."""
    name, model = case.name, case.model.name
    return name if name.startswith(model) else f"{model} {name}"


class ToolFigures(_Record):
    """What Google's `benchmark_model` printed of one artifact: its figures, none of ours. Times are
    microseconds, as it prints them, of runs after its warm-up; None: this version does not."""

    tool: str = "benchmark_model"
    artifact: str  # file name
    arguments: tuple[str, ...]
    delegate_ran: str | None  # its sentence on it
    init_us: NonNegativeFloat
    first_inference_us: NonNegativeFloat
    warmup_mean_us: NonNegativeFloat
    mean_us: NonNegativeFloat
    runs: PositiveInt
    min_us: NonNegativeFloat | None = None
    max_us: NonNegativeFloat | None = None
    std_us: NonNegativeFloat | None = None
    p5_us: NonNegativeFloat | None = None
    median_us: NonNegativeFloat | None = None
    p95_us: NonNegativeFloat | None = None


class SentinelSamples(_Record):
    """A fixed piece of work, timed between the rounds."""

    started_ns: NonNegativeInt
    samples_ns: Samples


class StateAt(_Record):
    at_ns: NonNegativeInt
    state: DeviceState


class NotTimed(_Record):
    """An artifact that was left out, or that the device's runtime refused."""

    name: str
    model: str
    artifact: str  # file name
    reason: str
    refused: bool = False  # by the runtime, when it was asked to open or run it


class BenchmarkResult(_Record):
    """One run of `benchmark`: everything in it was measured interleaved, on one machine."""

    schema_version: Literal[2] = 2
    created: AwareDatetime
    command: str | None = None  # that makes such a result again
    device: DeviceDescription
    protocol: ProtocolSettings
    measurements: tuple[Measurement, ...] = ()
    counts: tuple[InstructionCount, ...] = ()
    profiles: tuple[OperationProfile, ...] = ()
    compute_plans: tuple[ComputePlan, ...] = ()
    tools: tuple[ToolFigures, ...] = ()
    sentinel: tuple[SentinelSamples, ...] = ()
    states: tuple[StateAt, ...] = ()
    not_timed: tuple[NotTimed, ...] = ()
    stopped: str | None = None  # why it ended before its plan; None where it did not

    @model_validator(mode="after")
    def _something_was_measured(self) -> BenchmarkResult:
        if not self.measurements and not self.counts:
            raise ValueError("nothing was measured")
        return self

    def write(self, path: Path) -> None:
        """Write as JSON.

        Raises:
            InputError: the file cannot be written.
        """
        with atomic_file(path) as aside:
            aside.write_text(self.model_dump_json() + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> BenchmarkResult:
        """Read what `write` wrote.

        Raises:
            InputError: no such file, not a benchmark's JSON, or of another schema version.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"cannot read `{path}`: {error.strerror}", "check the path") from error
        except (ValueError, RecursionError) as error:  # neither UTF-8 nor JSON, or cut off
            raise InputError(f"`{path}` is not JSON: {error}", _EXPECTED) from error
        if not isinstance(content, dict) or "schema_version" not in content:
            raise InputError(f"`{path}` is not a benchmark's result", _EXPECTED)
        if content["schema_version"] != SCHEMA_VERSION:
            raise InputError(
                f"`{path}` has schema version {content['schema_version']!r}, "
                f"and this release reads {SCHEMA_VERSION}",
                "run the benchmark again, or read it with the release that wrote it",
            )
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise InputError(
                f"`{path}` is not a benchmark's result: {first_fault(error)}", _EXPECTED
            ) from error


_EXPECTED = "give a file that `mobilevit benchmark --json FILE` wrote"
