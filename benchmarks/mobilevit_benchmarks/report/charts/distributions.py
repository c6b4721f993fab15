"""All times of a group on one axis: a dot for each hundredth of the runs."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from ...table import milliseconds
from ..model import Group, Row
from .axis import Scale, axis_below, scale_of, short
from .svg import NARROW, Place, dots, label, line, picture, text

_DOT = 4.0  # pixels; page.css draws them as wide
_SWARM = 40.0  # height of a row of dots


def distributions(group: Group, width: float) -> Markup:
    """One row for each measurement, all on the same axis."""
    narrow = width < NARROW
    gutter = 6.0 if narrow else 190.0
    right = width - (10 if narrow else 84)
    heading = 18.0 if narrow else 0.0
    height = _SWARM + heading + 12
    bottom = 8 + height * len(group.rows)
    ends = [
        ns / 1e6
        for row in group.rows
        for ns in (row.quantiles_ns[0], row.quantiles_ns[-1], row.summary.p99_ns)
    ]
    scale = scale_of(ends, gutter, right)
    parts = axis_below(scale, bottom, "ms for one run", 4, short)
    for place, row in enumerate(group.rows):
        top = 8 + place * height
        middle = top + heading + _SWARM / 2
        slowest = f"slowest {milliseconds(max(row.measurement.samples_ns))}"
        if narrow:
            parts.append(label((0, top + 10), row.name, width * 0.6, "name"))
            parts.append(text((width, top + 10), slowest, "tick", "end"))
        else:
            parts.append(label((0, middle + 4), row.name, gutter - 14, "name"))
            parts.append(text((width, middle + 4), slowest.split()[1], "tick", "end"))
        parts += _row(row, scale, middle)
    if not narrow:
        parts.append(text((width, bottom + 15), "slowest, ms", "tick", "end"))
    words = f"Distribution of latency: {group}"
    return picture(width, bottom + 38, words, parts)


def _row(row: Row, scale: Scale, middle: float) -> list[Markup]:
    parts = [
        line((scale.start, middle), (scale.end, middle), "grid"),
        dots(_swarm([scale(ns / 1e6) for ns in row.quantiles_ns], middle), "dots"),
    ]
    half = _SWARM / 2
    for value, reach, style in (
        (row.summary.p99_ns, 0.4, "p99"),
        (row.summary.p90_ns, 0.65, "p90"),
        (row.summary.p50_ns, 1.0, "p50"),
    ):
        x = scale(value / 1e6)
        parts.append(line((x, middle - reach * half), (x, middle + reach * half), style))
    p50 = row.summary.p50_ns
    parts.append(text((scale(p50 / 1e6) + 5, middle - half + 7), milliseconds(p50), "figure"))
    return parts


def _swarm(xs: Sequence[float], middle: float) -> list[Place]:
    """Dots of equal columns stacked round the middle, closer where there are too many."""
    columns: dict[int, list[float]] = {}
    for x in xs:
        columns.setdefault(round(x / _DOT), []).append(x)
    tallest = max(map(len, columns.values()))
    step = min(_DOT, _SWARM / tallest)
    return [
        (column * _DOT, middle + (i - (len(column_xs) - 1) / 2) * step)
        for column, column_xs in columns.items()
        for i in range(len(column_xs))
    ]
