"""Reports of benchmarks, for people: a page, a table of samples, a comment on a pull request.

    from mobilevit_benchmarks.report import make_report, read_results, write_html

    write_html(make_report(read_results([Path("monday.json"), Path("phone.json")])), Path("r.html"))

Results of several devices and days make one report. What was measured in one run is compared; what
was measured on one device at several times is shown by date; different devices stand side by side.
"""

from __future__ import annotations

from .html import render_html, write_html
from .markdown import render_markdown, write_markdown
from .model import Report
from .reading import read_results
from .samples import write_csv
from .several import make_report

__all__ = [
    "Report",
    "make_report",
    "read_results",
    "render_html",
    "render_markdown",
    "write_csv",
    "write_html",
    "write_markdown",
]
