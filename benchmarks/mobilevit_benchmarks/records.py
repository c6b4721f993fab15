"""What a device answers: one JSON object per line, in the order in which things happened.

A device writes each line when it has it, so that a run that is cut off leaves what it measured. A
run is whole when its last line is `ended`. Times are integer nanoseconds on the device's monotonic
clock. The JSON Schema of a line is docs/benchmark-record.schema.json; `collect.py` makes a
`BenchmarkResult` of them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    TypeAdapter,
    ValidationError,
)

from mobilevit.errors import ConversionError, first_fault

Samples = Annotated[tuple[PositiveInt, ...], Field(min_length=1)]  # ns, in the order of the runs


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DeviceDescription(_Record):
    """A machine, as it is whatever it does. None: it does not tell."""

    address: str = ""  # how the host reached it: `local`, `ssh:pi`; empty from the device itself
    model: str | None = None  # as sold, such as `Pixel 8` or `Raspberry Pi 5 Model B`
    chip: str | None = None
    machine: str  # instruction set, such as `arm64`
    cores: PositiveInt  # logical ones that a run may use
    memory_bytes: PositiveInt | None = None
    system: str  # name and version
    runner: str  # what ran the plan, such as `Python 3.11.2` or `org.mobilevit.demo 1.0`
    emulated: bool = False  # not a real processor: its times mean nothing


class DeviceState(_Record):
    """What a machine was doing, as far as it tells; empty or None where it does not."""

    load_average: tuple[float, float, float] | None = None  # over 1, 5 and 15 minutes
    governors: tuple[str, ...] = ()  # per frequency domain
    frequencies_hz: tuple[NonNegativeInt, ...] = ()  # per frequency domain
    temperatures_c: dict[str, float] = {}  # by sensor
    thermal_status: str | None = None  # the system's word, such as `none`, `light`, `serious`
    battery_percent: Annotated[float, Field(ge=0, le=100)] | None = None
    power: Literal["battery", "mains"] | None = None


class Started(_Record):
    record: Literal["started"] = "started"
    schema_version: Literal[1] = 1
    run: str  # of the plan
    device: DeviceDescription


class StateReading(_Record):
    """Taken before the first launch, after the last, and after every round of sustained mode."""

    record: Literal["state"] = "state"
    at_ns: NonNegativeInt
    state: DeviceState


class Opened(_Record):
    record: Literal["opened"] = "opened"
    case: str
    launch: NonNegativeInt
    runtime_version: str
    delegate: str  # what really runs it, in words
    load_ns: PositiveInt
    first_run_ns: PositiveInt


class WarmedUp(_Record):
    record: Literal["warmed_up"] = "warmed_up"
    case: str
    launch: NonNegativeInt
    samples_ns: Samples
    capped: bool  # stopped by the cap, before the times settled


class RoundDone(_Record):
    record: Literal["round"] = "round"
    case: str
    launch: NonNegativeInt
    round: NonNegativeInt  # counted over all launches
    started_ns: NonNegativeInt
    samples_ns: Samples


class SentinelReading(_Record):
    """A fixed piece of work, timed between the rounds: what changes is the machine."""

    record: Literal["sentinel"] = "sentinel"
    started_ns: NonNegativeInt
    samples_ns: Samples


class Closed(_Record):
    record: Literal["closed"] = "closed"
    case: str
    launch: NonNegativeInt
    peak_memory_bytes: PositiveInt | None  # resident, of the case's whole process
    memory_rise_bytes: NonNegativeInt | None  # of that, above what was resident before loading


class Refused(_Record):
    """The runtime does not open or run an artifact; the other cases go on without it."""

    record: Literal["refused"] = "refused"
    case: str
    reason: str  # one line


class Ended(_Record):
    """The last line. What the plan asked for was done, as far as nothing was refused."""

    record: Literal["ended"] = "ended"


DeviceRecord = Annotated[
    Started
    | StateReading
    | Opened
    | WarmedUp
    | RoundDone
    | SentinelReading
    | Closed
    | Refused
    | Ended,
    Field(discriminator="record"),
]

_LINE: TypeAdapter[DeviceRecord] = TypeAdapter(DeviceRecord)


def record_schema() -> dict[str, object]:
    """The JSON Schema of one line."""
    return _LINE.json_schema(mode="serialization")


def parse_record(line: str) -> DeviceRecord:
    """Raises:
    ConversionError: the line is no record, or one of another schema version.
    """
    try:
        return _LINE.validate_json(line)
    except ValidationError as error:
        raise ConversionError(
            f"the device answered what is no record: {first_fault(error)}: {line[:80]!r}",
            "its runner and this release must be of the same version",
        ) from error
