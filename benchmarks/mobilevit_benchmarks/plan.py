"""What a host asks of a device: a folder with `plan.json`, the artifacts, and their feeds.

The plan is the whole of the request. Every runner of it, the Python one on Linux and macOS and the
apps on Android and iOS, follows `mobilevit_benchmarks.runner.conduct` and answers with records
(`mobilevit_benchmarks.records`). Its JSON Schema is docs/benchmark-plan.schema.json.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt

PLAN_FILE = "plan.json"
RECORDS_FILE = "records.jsonl"
PLAN_VERSION = 1

# no separator but `/`, no part that begins with a dot: a path within the folder, on any system
_PART = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"
FilePath = Annotated[str, Field(pattern=rf"^{_PART}(/{_PART})*$")]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ProtocolSettings(_Record):
    """The numbers of the protocol; `runner/conduct.py` says what each is for."""

    launches: PositiveInt = 5  # how often each case is opened anew
    rounds: PositiveInt = 20  # of each case, spread over its launches
    warmup_min_runs: PositiveInt = 15
    warmup_min_s: float = Field(default=0.25, ge=0)
    warmup_cap_s: PositiveFloat = 5.0
    warmup_agreement: PositiveFloat = 0.04
    round_min_runs: PositiveInt = 5
    round_min_s: float = Field(default=0.1, ge=0)
    sentinel_min_s: float = Field(default=0.01, ge=0)
    # sustained mode: each case alone for this long, in rounds of `sustained_window_s`
    sustained_s: PositiveFloat | None = None
    sustained_window_s: PositiveFloat = 1.0
    seed: NonNegativeInt = 0


class PlannedFeed(_Record):
    """One input's array: a file of its bytes, little-endian, in C order."""

    name: str
    dtype: str = Field(pattern=r"^(u?int(8|16|32|64)|float(16|32|64))$")
    shape: tuple[PositiveInt, ...]
    file: FilePath


class PlannedCase(_Record):
    """One artifact on one runtime, with one delegate, number of threads and batch."""

    id: str = Field(pattern=r"^[0-9]{1,4}$")  # of this plan
    artifact: FilePath
    artifact_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")  # as in a bundle's manifest
    runtime: str
    delegate: str  # of the runtime's; the device says which one really ran
    threads: PositiveInt
    batch: PositiveInt
    # None: the device draws them; floats uniform in 0..255, bytes over their whole range
    feeds: tuple[PlannedFeed, ...] | None


class Plan(_Record):
    """The content of `plan.json`."""

    schema_version: Literal[1] = 1
    run: str = Field(pattern=r"^[0-9a-f]{12}$")  # drawn by the host; the records repeat it
    protocol: ProtocolSettings
    cases: Annotated[tuple[PlannedCase, ...], Field(min_length=1)]
