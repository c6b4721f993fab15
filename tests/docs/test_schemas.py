"""The published schemas are those of the code, and what a runner writes follows them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
spec = importlib.util.spec_from_file_location("schemas", DOCS / "schemas.py")
assert spec is not None and spec.loader is not None
published = importlib.util.module_from_spec(spec)
spec.loader.exec_module(published)


@pytest.mark.parametrize("name", sorted(published.schemas()))
def test_a_published_schema_is_that_of_the_code(name: str) -> None:
    """`make schema` writes them anew."""
    assert json.loads((DOCS / name).read_text()) == published.schemas()[name]
