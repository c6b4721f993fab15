"""Latencies that others published, beside ours and never among them.

    from mobilevit_benchmarks.published import load_published

    published = load_published()
    published.points(device="iPhone 12", unit="CPU", source="mobilevit")

`published.json` has the figures as they are printed, each with where it is printed. Multiply-adds
are not from there: authors count differently, so they are counted here, by `mobilevit.models.cost`,
for the model and image size that `counted` names.
"""

from __future__ import annotations

from importlib import resources
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt, model_validator

from ..correlation import Point

Unit = Literal["CPU", "ANE", "NPU", "not stated"]  # ANE: Apple's Neural Engine


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Record):
    title: str
    reference: str  # arXiv:NUMBER, or owner/repository@commit
    note: str  # how it was measured, as far as it says, and what else to know


class Counted(_Record):
    """What multiply-adds were counted of: `create_model(model, **config)`."""

    model: str
    config: dict[str, Any] = {}
    image_size: PositiveInt  # side, pixels
    reparameterize: bool = False  # as in `suites.paper.Entry`


class PublishedModel(_Record):
    label: str
    family: str  # as in the suites
    counted: Counted
    multiply_adds: PositiveInt


class PublishedLatency(_Record):
    """One printed figure."""

    origin: Literal["published"] = "published"  # never measured by us
    model: str  # key of `models`
    device: str
    chip: str
    runtime: str
    unit: Unit
    precision: Literal["fp32", "not stated"]
    ms: PositiveFloat
    source: str  # key of `sources`
    where: str  # in the source


class Published(_Record):
    sources: dict[str, Source]
    models: dict[str, PublishedModel]
    latencies: tuple[PublishedLatency, ...]

    @model_validator(mode="after")
    def _every_key_is_known(self) -> Published:
        for row in self.latencies:
            if row.source not in self.sources or row.model not in self.models:
                raise ValueError(f"no source `{row.source}` or no model `{row.model}`")
        return self

    def points(
        self,
        *,
        device: str,
        unit: Unit | None = None,
        runtime: str | None = None,
        source: str | None = None,
    ) -> list[Point]:
        """The latencies of one device, in the order of the file, narrowed to what is given.

        Raises:
            ValueError: a model has two of them; narrow further.
        """
        wanted = {"device": device, "unit": unit, "runtime": runtime, "source": source}
        rows = [
            row
            for row in self.latencies
            if all(value in (None, getattr(row, key)) for key, value in wanted.items())
        ]
        twice = {row.model for row in rows if [r.model for r in rows].count(row.model) > 1}
        if twice:
            raise ValueError(f"`{min(twice)}` has several latencies on `{device}`")
        models = self.models
        return [
            Point(
                name=models[row.model].label,
                family=models[row.model].family,
                multiply_adds=models[row.model].multiply_adds,
                latency_ms=row.ms,
            )
            for row in rows
        ]


def load_published() -> Published:
    """Read `published.json`."""
    file = resources.files(__name__) / "published.json"
    return Published.model_validate_json(file.read_bytes())
