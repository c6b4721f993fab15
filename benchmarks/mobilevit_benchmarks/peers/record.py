"""What the comparison came to: `peers.json`. The samples are in the results it names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from mobilevit.bundle import DataSummary
from mobilevit.files import atomic_file

from ..records import DeviceDescription
from .artifacts import Maker

Share = Annotated[float, Field(ge=0, le=1)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Speed(_Record):
    """How many times as fast as timm's float model on the same runtime, with the 95 % interval."""

    times: float
    low: float
    high: float
    verdict: str  # on the difference, of `mobilevit compare`
    remark: str = ""  # why there can be none


class Row(_Record):
    """One artifact on one runtime."""

    model: str
    runtime: str
    runtime_version: str
    maker: Maker
    precision: str
    artifact: str  # path below the folder of the comparison
    artifact_sha256: str
    artifact_bytes: NonNegativeInt
    # against the checkpoint in torch, on photos that come with packages
    images: PositiveInt
    same_top1: Share
    max_difference: NonNegativeFloat  # of a probability
    # None: not measured
    p50_ns: NonNegativeFloat | None = None
    delegate_ran: str | None = None  # in the runtime's words
    speed: Speed | None = None  # None for the reference itself
    top1: Share | None = None  # on `data`
    instructions: PositiveInt | None = None  # of an emulated arm64 processor; a count, no latency


class GraphRow(_Record):
    """An artifact that is not timed: Core ML times on a Mac alone."""

    model: str
    maker: Maker
    precision: str
    artifact: str
    artifact_bytes: NonNegativeInt
    operations: PositiveInt
    max_rank: int | None  # of an activation
    images: PositiveInt
    same_top1: Share  # computed by `coreml_reference`
    max_difference: NonNegativeFloat


class LeftOut(_Record):
    """What is not in the tables, and why."""

    what: str
    reason: str


class PeersRecord(_Record):
    schema_version: Literal[1] = 1
    created: str  # ISO 8601, UTC
    command: str
    sdk_version: str
    tools: dict[str, str]  # versions
    image_size: tuple[PositiveInt, PositiveInt]
    weights: dict[str, str]  # SHA-256 by model
    calibration: str  # which photos
    device: DeviceDescription | None = None  # that timed; None where nothing was
    rounds: PositiveInt
    launches: PositiveInt
    data: DataSummary | None = None  # of `top1`
    processor: str | None = None  # emulated, of `instructions`
    results: tuple[str, ...] = ()  # files with the samples, below the folder of the comparison
    rows: tuple[Row, ...] = ()
    graphs: tuple[GraphRow, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    def write(self, path: Path) -> None:
        """Write as JSON.

        Raises:
            InputError: the file cannot be written.
        """
        with atomic_file(path) as aside:
            aside.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
