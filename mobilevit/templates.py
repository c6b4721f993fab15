"""Markdown from templates: names and labels are foreign input, and whatever a template writes is
escaped, unless it was made as Markdown or YAML here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .markdown import Written, finalized, on_one_line

_HASH = 12  # digits of a hash in a table


def markdown_environment(folder: Path) -> Environment:
    """For templates of Markdown in `folder`."""
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=False,  # that is for HTML; `finalize` does it for Markdown
        finalize=finalized,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def render(template: str, filters: Mapping[str, Callable[[Any], Any]], **values: Any) -> str:
    """Markdown that ends with a line break.

    Args:
        template: path of the file below this package.
        filters: that this template has besides the common ones.
        values: what the template names.
    """
    environment = markdown_environment(Path(__file__).parent)
    environment.filters |= {
        "yaml": _yaml,
        "code": code,
        "thousands": lambda number: f"{number:,}",
        "percent": lambda share: f"{share:.2%}",
        "short": lambda digest: code(digest[:_HASH]),
        "share": lambda value: f"{value:.5f}",
        "figure": lambda value: f"{value:.4g}",
        "json": lambda value: json.dumps(value, ensure_ascii=False),
        **filters,
    }
    return environment.get_template(template).render(**values)


def code(text: str) -> Written:
    """A path or a hash of a record, whose schema lets no sign into it that would end this."""
    return Written(f"`{text}`")


def _yaml(value: str) -> Written:
    """A string as YAML has it in quotes, which is as JSON has it."""
    return Written(json.dumps(on_one_line(value), ensure_ascii=False))
