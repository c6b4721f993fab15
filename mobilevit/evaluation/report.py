"""The report of an evaluation: a record, and the same for people in Markdown with two plots.

report.json       every figure; the schema is `EvaluationReport`
report.md         tables of what matters most, with the plots
confusion.png     what is taken for what
reliability.png   how often a confidence is right
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..errors import MissingDependencyError
from ..files import atomic_file
from .records import EvaluationReport, Result, worst_classes

REPORT_FILE = "report.json"
MARKDOWN_FILE = "report.md"
CONFUSION_FILE = "confusion.png"
RELIABILITY_FILE = "reliability.png"

LISTED = 20  # classes and confusions in Markdown, where not all of them are
_ALL_LISTED = 50  # classes

FILTERS = {"percent_or_none": lambda share: "–" if share is None else f"{share:.2%}"}


def check_report_packages() -> None:
    """Whether a report can be written, to be asked before an hour is spent on measuring.

    Raises:
        MissingDependencyError: it cannot.
    """
    for package in ("jinja2", "matplotlib"):
        if find_spec(package) is None:
            raise MissingDependencyError(package, "report")


def write_report(report: EvaluationReport, folder: Path) -> None:
    """Write the four files into `folder`, which is made where it is missing. The plots are of the
    first result.

    Raises:
        InputError: a file cannot be written.
    """
    from .plots import draw_confusions, draw_reliability

    with atomic_file(folder / REPORT_FILE) as aside:
        aside.write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
    first = report.results[0]
    draw_confusions(first, folder / CONFUSION_FILE)
    if first.calibration is not None:
        draw_reliability(first.calibration, folder / RELIABILITY_FILE)
    with atomic_file(folder / MARKDOWN_FILE) as aside:
        aside.write_text(_markdown(report), encoding="utf-8")


def _markdown(report: EvaluationReport) -> str:
    from ..templates import render

    first = report.results[0]
    return render(
        "evaluation/report.md.j2",
        FILTERS,
        report=report,
        confusions=first.confusions[:LISTED],
        **class_table(first, REPORT_FILE),
    )


def class_table(result: Result, all_in: str) -> dict[str, Any]:
    """What `classes.md.j2` names, for a table of the classes: all of them, or the worst.

    Args:
        all_in: path of the record that has all.
    """
    every = len(result.classes) <= _ALL_LISTED
    listed = result.classes if every else worst_classes(result, LISTED)
    return {"first": result, "listed": listed, "every": every, "all_in": all_in}
