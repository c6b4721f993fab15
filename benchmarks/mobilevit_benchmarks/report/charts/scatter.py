"""Two figures of every artifact against each other."""

from __future__ import annotations

from collections.abc import Callable

from markupsafe import Markup

from ...placement import Box, Placer, crowded_first
from ..model import Scatter, ScatterPoint
from .axis import Scale, axis_below, axis_beside, scale_of, short
from .svg import FONT, NARROW, Place, element, fitted, line, picture, text, text_width

# a shape and a colour for each family, in the order met; page.css has the colours
_SHAPES: tuple[Callable[[float, float], str], ...] = (
    lambda x, y: f"M{x - 5:.1f} {y:.1f}a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z",
    lambda x, y: f"M{x - 4.5:.1f} {y - 4.5:.1f}h9v9h-9z",
    lambda x, y: f"M{x:.1f} {y - 6:.1f}l5.6 10h-11.2z",
    lambda x, y: f"M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z",
    lambda x, y: f"M{x:.1f} {y + 6:.1f}l5.6 -10h-11.2z",
    lambda x, y: f"M{x - 6:.1f} {y - 2:.1f}h4v-4h4v4h4v4h-4v4h-4v-4h-4z",
)
_LONGEST = 36  # letters of a label
_LONGEST_NARROW = 26


def scatter(scatter: Scatter, width: float, horizontal: str, vertical: str) -> Markup:
    """Points with their names beside them, and the families by shape.

    Args:
        horizontal: what x is, with its unit.
        vertical: likewise.
    """
    height = 300.0 if width < NARROW else 360.0
    left, right, top, bottom = 50.0, width - 14, 34.0, height - 44
    across = scale_of([p.x for p in scatter.points], left, right, margin=0.1)
    up = scale_of([p.y for p in scatter.points], bottom, top, margin=0.1)
    words = vertical + (", logarithmic" if up.logarithmic else "")
    parts = [
        *axis_below(across, bottom, horizontal, top, _short_or_giga),
        *axis_beside(up, left, right, 6, short),
        text((0, 14), words, "tick"),
    ]
    families = list(dict.fromkeys(point.family for point in scatter.points))
    longest = _LONGEST_NARROW if width < NARROW else _LONGEST
    parts += _labels(scatter, across, up, Box(left, top, right, bottom), longest)
    for point in scatter.points:
        parts.append(_marker(families.index(point.family), across(point.x), up(point.y)))
    legend = [family for family in families if family]
    if len(legend) > 1:
        x = left
        for family in legend:
            y = height + 8
            if x > left and x + text_width(family) + 30 > width:
                x, height = left, height + 18
                y = height + 8
            parts.append(_marker(families.index(family), x + 6, y - 4))
            parts.append(text((x + 16, y), family[:_LONGEST], "tick"))
            x += text_width(family[:_LONGEST]) + 34
        height += 18
    return picture(width, height, f"{vertical} against {horizontal}: {scatter.title}", parts)


def _marker(family: int, x: float, y: float) -> Markup:
    shape = _SHAPES[family % len(_SHAPES)]
    return element("path", d=shape(x, y), class_=f"family-{family % 3}")


def _labels(scatter: Scatter, across: Scale, up: Scale, frame: Box, longest: int) -> list[Markup]:
    places: dict[str, Place] = {}
    names: dict[str, ScatterPoint] = {}
    for number, point in enumerate(scatter.points):
        places[str(number)] = (across(point.x), up(point.y))
        names[str(number)] = point
    placer = Placer(frame, 1.2)
    for x, y in places.values():
        placer.take(Box.around(x, y, 12, 12))
    parts = []
    for key in crowded_first(places):
        words = names[key].name
        shown = text_width(words[:longest], FONT - 1)
        box, leader = placer.place(places[key], shown, FONT)
        if leader is not None:
            parts.append(line(*leader, "leader"))
        x, y = box.middle
        parts.append(
            element(
                "text",
                fitted(words, shown + 1, FONT - 1),
                x=x,
                y=y + 4,
                text_anchor="middle",
                class_="point-name",
            )
        )
    return parts


def _short_or_giga(value: float) -> str:
    """Multiply-adds in millions and billions."""
    for size, letter in ((1e9, " G"), (1e6, " M")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return short(value)
