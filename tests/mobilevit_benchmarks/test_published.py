"""Figures of others: each with its source, and multiply-adds counted anew."""

from __future__ import annotations

import json
import re
from importlib import resources

import pytest
import torch
from pydantic import ValidationError

from mobilevit.models import create_model
from mobilevit.models.cost import count
from mobilevit_benchmarks.published import Published, PublishedModel, load_published
from mobilevit_benchmarks.scatter import STYLES
from mobilevit_benchmarks.suites.preparation import Entry, build

PUBLISHED = load_published()


def test_every_figure_has_a_source_that_can_be_looked_up() -> None:
    assert len(PUBLISHED.latencies) > 80
    for source in PUBLISHED.sources.values():
        assert source.title
        assert re.fullmatch(
            r"arXiv:\d{4}\.\d{5}(v\d+)?|[\w-]+/[\w-]+@[0-9a-f]{40}", source.reference
        )
    for row in PUBLISHED.latencies:
        assert row.origin == "published"
        assert row.where
    assert {row.source for row in PUBLISHED.latencies} == set(PUBLISHED.sources)
    assert {row.model for row in PUBLISHED.latencies} == set(PUBLISHED.models)
    assert {model.family for model in PUBLISHED.models.values()} <= set(STYLES)


def test_the_papers_rows_are_as_printed() -> None:
    """Table 11 of arXiv:2110.02178v2."""
    for unit, expected in (
        ("CPU", [7.50, 28.15, 24.03, 17.86]),
        ("ANE", [0.92, 10.99, 10.56, 7.28]),
    ):
        rows = [
            row.ms
            for row in PUBLISHED.latencies
            if (row.source, row.unit, row.where) == ("mobilevit", unit, "table 11")
        ]
        assert rows == expected


@pytest.mark.parametrize("name", PUBLISHED.models)
def test_multiply_adds_are_counted(name: str) -> None:
    pytest.importorskip("timm", reason="needs the `peers` extra")
    model: PublishedModel = PUBLISHED.models[name]
    side = model.counted.image_size
    if model.counted.reparameterize:  # computes with the weights
        entry = Entry(name, "", model.counted.model, "CNN", side, "", reparameterize=True)
        module = build(entry)[0]
    else:
        with torch.device("meta"):
            module = create_model(model.counted.model, **model.counted.config)
    assert count(module, (side, side)).multiply_adds == model.multiply_adds


def test_points_are_of_one_device_and_of_different_models() -> None:
    points = PUBLISHED.points(device="Samsung Galaxy S25", runtime="tflite")
    assert {point.name: point.latency_ms for point in points}["MobileViT-S"] == 2.016
    assert PUBLISHED.points(device="Nokia 3310") == []
    with pytest.raises(ValueError, match="several latencies on `Samsung Galaxy S25`"):
        PUBLISHED.points(device="Samsung Galaxy S25")


@pytest.mark.parametrize("key", ["model", "source"])
def test_control_a_figure_without_a_source_or_a_model_is_refused(key: str) -> None:
    file = resources.files("mobilevit_benchmarks.published") / "published.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    content["latencies"][0][key] = "hearsay"
    with pytest.raises(ValidationError, match="hearsay"):
        Published.model_validate(content)
