"""The report for a pull request: verdicts, the table, and the rest folded away."""

from __future__ import annotations

from pathlib import Path

from mobilevit.files import atomic_file
from mobilevit.templates import markdown_environment

from ..table import milliseconds
from .conditions import device_facts, method, remarks, state_facts
from .model import Report, moment
from .wording import number_of

TEMPLATE = "summary.md.j2"


def write_markdown(report: Report, path: Path) -> None:
    """Write it.

    Raises:
        InputError: the file cannot be written.
    """
    with atomic_file(path) as aside:
        aside.write_text(render_markdown(report), encoding="utf-8")


def render_markdown(report: Report) -> str:
    """GitHub's Markdown, ending with a line break. Names are escaped."""
    environment = markdown_environment(Path(__file__).parent)
    environment.filters |= {"ms": milliseconds, "moment": moment}
    environment.globals |= {
        "device_facts": device_facts,
        "state_facts": state_facts,
        "remarks": remarks,
        "method": method,
        "number_of": number_of,
    }
    return environment.get_template(TEMPLATE).render(report=report)
