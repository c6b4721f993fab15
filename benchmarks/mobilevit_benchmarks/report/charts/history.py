"""One case by date."""

from __future__ import annotations

from markupsafe import Markup

from ...table import milliseconds
from ..model import History
from .axis import scale_of
from .svg import NARROW, circle, line, picture, polyline, text

_TALL = 70.0
_LABEL = 74.0  # width of a date


def history(case: History, width: float) -> Markup:
    """Medians joined by a line, with their p90 above."""
    margin = 34.0 if width < NARROW else 60.0
    seconds = [day.created.timestamp() for day in case.days]
    across = scale_of(seconds, margin, width - margin, margin=0.02, may_be_logarithmic=False)
    figures = [
        ns / 1e6 for day in case.days for ns in (0.0, day.summary.p50_ns, day.summary.p90_ns)
    ]
    up = scale_of(figures, 26 + _TALL, 26, margin=0, may_be_logarithmic=False)
    base = up.start
    parts = [line((0, base), (width, base), "grid")]
    dates = "%Y-%m-%d" if len({day.created.date() for day in case.days}) > 1 else "%H:%M"
    places = [
        (across(at), up(day.summary.p50_ns / 1e6))
        for day, at in zip(case.days, seconds, strict=True)
    ]
    shown = float("inf")
    for day, (x, y) in reversed(list(zip(case.days, places, strict=True))):
        parts.append(line((x, y), (x, up(day.summary.p90_ns / 1e6)), "p90"))
        if shown - x >= _LABEL:  # or the texts would run into each other; the latest has its own
            shown = x
            parts.append(text((x, y + 16), milliseconds(day.summary.p50_ns), "figure", "middle"))
            parts.append(text((x, base + 15), f"{day.created:{dates}}", "tick", "middle"))
    parts.append(polyline(places, "thin"))
    parts += [circle(place, 3.4, "point") for place in places]
    return picture(width, base + 22, f"By date, ms: {case.name}", parts)
