"""The record of a profile. Times are nanoseconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)

Kind = Literal[
    "convolution",
    "attention",
    "linear",
    "normalization",
    "activation",
    "data movement",
    "other",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
Precision = Literal["float32", "int8"]

UNKNOWN = "unknown"  # the stage of operations of which no name tells the module
INPUT = "input"  # that of what is done to the input before the first named module


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OperationTime(_Record):
    """One operation that the runtime runs, which may be several of the file fused."""

    name: str
    type: str  # in the runtime's words
    kind: Kind
    stage: str
    median_ns: NonNegativeFloat  # of one run; 0 where the runtime's clock shows nothing
    multiply_adds: NonNegativeInt | None = None  # None where the file does not tell them
    precision: Precision | None = None  # of what it multiplies; None where it does not


class OperationProfile(_Record):
    """What the operations of one artifact take on one runtime, in the order they run."""

    artifact: str  # file name
    artifact_sha256: str  # as in a bundle's manifest
    runtime: str
    runtime_version: str
    threads: PositiveInt
    runs: PositiveInt
    method: str  # how the times were taken, in a sentence
    whole_ns: PositiveInt  # median of a run with the profiler off, same settings
    profiled_whole_ns: PositiveInt  # and with it on
    outside_ns: NonNegativeInt  # of a profiled run, what no operation's reading holds; the median
    deducted_ns: NonNegativeFloat  # taken off every operation: what the profiler adds to it
    operations: Annotated[tuple[OperationTime, ...], Field(min_length=1)]
    # multiply-adds per ns, so 1e9 per second, of a large dense product on this runtime and machine;
    # of each precision in the artifact
    rates: Mapping[Precision, PositiveFloat] = {}

    @property
    def operations_ns(self) -> float:
        """The sum of the operations' times."""
        return sum(operation.median_ns for operation in self.operations)

    @property
    def rest_ns(self) -> float:
        """What of `whole_ns` no operation accounts for: the runtime's own work between them,
        copies into and out of it, and what its clock is too coarse to show. Below 0 where the
        profiler slowed the operations by more than was deducted; far above where other programs
        had the processor, which stretches a run more often than an operation of it."""
        return self.whole_ns - self.operations_ns

    def floor_ns(self, operation: OperationTime) -> float:
        """What the multiply-adds of one operation would take at the rate of a large dense product;
        0 where it has none, or they are not known."""
        rate = self.rates.get(operation.precision) if operation.precision else None
        return (operation.multiply_adds or 0) / rate if rate else 0.0

    def share(self, time_ns: float) -> float:
        """`time_ns` as a share of what all operations take, 0..1; 0 where that is nothing."""
        return time_ns / self.operations_ns if self.operations_ns else 0.0
