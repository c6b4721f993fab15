"""The report as one HTML page: no script, nothing fetched, and no foreign text unescaped."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from mobilevit import __version__
from mobilevit.files import atomic_file

from ..comparison import NOISE, RESOLUTION
from ..profile.grouping import floors, grouped
from ..profile.records import KINDS, Kind, OperationProfile
from ..profile.table import floor_line
from ..statistics import THROTTLE_TOLERANCE
from ..table import milliseconds
from .charts.distributions import distributions
from .charts.history import history
from .charts.scatter import scatter
from .charts.sustained import sustained
from .charts.timeline import timeline
from .conditions import device_facts, method, remarks, state_facts
from .model import Group, Report, Run, Scatter, moment
from .wording import number_of

TEMPLATE = "page.html.j2"

_WIDE, _NARROW = 820.0, 358.0  # CSS pixels of a picture: on a screen and on paper, on a phone
_TIMELINE = 16  # cases in one picture
_SHADES = 6  # of a cell in the table of operations, in page.css


def write_html(report: Report, path: Path) -> None:
    """Write the page.

    Raises:
        InputError: the file cannot be written.
    """
    with atomic_file(path) as aside:
        aside.write_text(render_html(report), encoding="utf-8")


def render_html(report: Report) -> str:
    """The page as text."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "ms": milliseconds,
        "moment": moment,
        "thousands": lambda number: f"{number:,}",
        "rate": _rate,
        "named": _named,
        "json_link": _json_link,
    }
    environment.globals |= {
        "distributions": lambda group: _drawn(partial(distributions, group)),
        "timelines": _timelines,
        "sustained": lambda run, row: _drawn(partial(sustained, run, row)),
        "history": lambda case: _drawn(partial(history, case)),
        "scatter": _scatter,
        "device_facts": device_facts,
        "state_facts": state_facts,
        "remarks": remarks,
        "method": method,
        "number_of": number_of,
        "kinds": KINDS,
        "grouped": grouped,
        "floors": floors,
        "floor_line": floor_line,
        "shades": _shades,
        "version": __version__,
        "noise": NOISE,
        "resolution": RESOLUTION,
        "throttle_tolerance": THROTTLE_TOLERANCE,
    }
    return environment.get_template(TEMPLATE).render(report=report)


def _named(text: str) -> Markup:
    """Foreign text, kept from changing the direction of what is around it."""
    return Markup("<bdi>{}</bdi>").format(text)


def _drawn(draw: Callable[[float], Markup]) -> Markup:
    """A picture for screens and one for phones; page.css shows one of them."""
    return Markup('<div class="wide">{}</div><div class="narrow">{}</div>').format(
        draw(_WIDE), draw(_NARROW)
    )


def _timelines(run: Run) -> Iterable[Markup]:
    """One picture where it is not too tall, else one for every few groups."""
    waiting: list[Group] = []
    for group in run.groups:
        if waiting and sum(len(g.rows) for g in (*waiting, group)) > _TIMELINE:
            yield _drawn(partial(timeline, run, waiting))
            waiting = []
        waiting = [*waiting, group]
    if waiting:
        yield _drawn(partial(timeline, run, waiting))


def _scatter(points: Scatter, horizontal: str, vertical: str) -> Markup:
    return _drawn(partial(scatter, points, horizontal=horizontal, vertical=vertical))


def _rate(per_second: float) -> str:
    return f"{per_second:,.0f}" if per_second >= 100 else f"{per_second:.3g}"


def _shades(profile: OperationProfile) -> dict[str, dict[Kind, str]]:
    """The class of every cell of `grouped`: the darker, the nearer to the largest of them."""
    table = grouped(profile)
    largest = max(ns for times in table.values() for ns in times.values()) or 1.0
    return {
        stage: {kind: f"shade-{round(_SHADES * ns / largest)}" for kind, ns in times.items()}
        for stage, times in table.items()
    }


def _json_link(run: Run) -> str:
    """The result as its JSON, in an address that holds it."""
    content = run.result.model_dump_json().encode()
    return "data:application/json;base64," + base64.b64encode(content).decode()
