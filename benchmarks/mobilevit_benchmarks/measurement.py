"""The records of a benchmark: raw samples, and all it takes to judge them later.

No statistic is stored: `statistics.py` computes them from the samples. Times are integer
nanoseconds, memory is bytes.
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
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from mobilevit.errors import InputError, first_fault
from mobilevit.files import atomic_file

SCHEMA_VERSION = 1

Samples = Annotated[tuple[PositiveInt, ...], Field(min_length=1)]  # ns, in the order of the runs


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ProtocolSettings(_Record):
    """The numbers of the protocol; `protocol.py` says what each is for."""

    warmup_min_runs: PositiveInt = 15
    warmup_min_s: float = Field(default=0.25, ge=0)
    warmup_cap_s: PositiveFloat = 5.0
    warmup_agreement: PositiveFloat = 0.04
    round_min_runs: PositiveInt = 5
    round_min_s: float = Field(default=0.1, ge=0)
    seed: NonNegativeInt = 0


class HostDescription(_Record):
    """The machine, as it is whatever it does."""

    device: str  # how it was addressed: `local`
    machine: str  # instruction set, such as `arm64`
    processor: str | None  # its model, where the system tells it
    cores: PositiveInt  # logical ones that the workers may use
    memory_bytes: PositiveInt
    system: str
    python: str


class HostState(_Record):
    """What the machine was doing."""

    load_average: tuple[float, float, float]  # over 1, 5 and 15 minutes
    governors: tuple[str, ...]  # per frequency domain; empty where the system does not tell
    frequencies_hz: tuple[NonNegativeInt, ...]


class WarmUp(_Record):
    """The runs between the first one and the rounds."""

    samples_ns: Samples
    capped: bool  # stopped by the cap, before the times settled


class Round(_Record):
    """Runs of one case, back to back, between those of the others."""

    started_ns: NonNegativeInt  # on the device's monotonic clock, shared by its workers
    samples_ns: Samples


class Measurement(_Record):
    """One artifact on one runtime with one number of threads."""

    name: str
    model: str
    artifact: str  # file name
    artifact_sha256: str  # as in a bundle's manifest
    artifact_bytes: NonNegativeInt
    runtime: str
    runtime_version: str
    threads: PositiveInt
    load_ns: PositiveInt
    first_run_ns: PositiveInt
    warmup: WarmUp
    rounds: Annotated[tuple[Round, ...], Field(min_length=1)]
    peak_memory_bytes: PositiveInt  # resident, of the worker's whole process
    memory_rise_bytes: NonNegativeInt  # of that, above what was resident before loading

    @property
    def samples_ns(self) -> list[int]:
        """The samples of every round, in order."""
        return list(chain.from_iterable(r.samples_ns for r in self.rounds))


class NotTimed(_Record):
    """An artifact that no runtime present can time."""

    name: str
    model: str
    artifact: str  # file name
    reason: str


class BenchmarkResult(_Record):
    """One run of `benchmark`: everything in it was measured interleaved, on one machine."""

    schema_version: Literal[1] = 1
    created: AwareDatetime
    host: HostDescription
    state_before: HostState
    state_after: HostState
    protocol: ProtocolSettings
    measurements: Annotated[tuple[Measurement, ...], Field(min_length=1)]
    not_timed: tuple[NotTimed, ...] = ()

    @model_validator(mode="after")
    def _rounds_pair_up(self) -> BenchmarkResult:
        if len({len(m.rounds) for m in self.measurements}) != 1:
            raise ValueError("the measurements have different numbers of rounds")
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
        except ValueError as error:  # neither UTF-8 nor JSON
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
