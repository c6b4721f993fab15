"""The published schema of the manifest is that of the code."""

from __future__ import annotations

import json
from pathlib import Path

from mobilevit.bundle import Manifest

SCHEMA = Path(__file__).parents[2] / "docs" / "manifest.schema.json"


def test_the_published_schema_is_that_of_the_code() -> None:
    """`make schema` writes it anew."""
    assert json.loads(SCHEMA.read_text()) == Manifest.model_json_schema(mode="serialization")
