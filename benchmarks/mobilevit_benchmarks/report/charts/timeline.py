"""What happened while it was measured: the rounds in the order they were run, with the sentinel
underneath.

The order stands for time: rounds take much the same, and the launches and warm-ups between them,
which take longer than all rounds, would leave these no room. When each launch began is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain

from markupsafe import Markup

from ...measurement import Round
from ...statistics import SENTINEL_TOLERANCE, round_medians, sentinel_pace
from ..model import Group, Row, Run
from .axis import Scale, scale_of
from .svg import NARROW, Place, circle, dots, label, line, picture, polyline, text

_BAND = 46.0  # height of a row
_HIGHEST = 2.0  # times its median: a round above it is drawn at the border


def timeline(run: Run, groups: Sequence[Group], width: float) -> Markup:
    """The median of every round, against the median of the case; then the sentinel."""
    cases = [(row, f"{g.runtime}, {g.settings}") for g in groups for row in g.rows]
    narrow = width < NARROW
    gutter = 44.0 if narrow else 230.0
    heading = 22.0 if narrow else 0.0
    right = width - 10
    readings = run.result.sentinel
    bands = len(cases) + bool(readings)
    height = _BAND + heading + 12
    bottom = 6 + height * bands
    rounds = [r for row, _ in cases for r in row.measurement.rounds]
    starts = sorted({r.started_ns for r in rounds} | {s.started_ns for s in readings})
    ranks = {start: rank for rank, start in enumerate(starts)}
    order = scale_of(ranks.values(), gutter, right, margin=0.02, may_be_logarithmic=False)

    def across(started_ns: int) -> float:
        return order(ranks[started_ns])

    parts = _launches(cases, starts[0], across, bottom)
    parts.append(
        text((right, bottom + 32), "in order; seconds at which a launch began", "tick", "end")
    )
    paces = [_paces(row) for row, _ in cases]
    sentinel = [float(pace) for pace in sentinel_pace(run.result)]
    low, high = _limits([*chain.from_iterable(paces), *sentinel])
    for place, ((row, where), pace) in enumerate(zip(cases, paces, strict=True)):
        top = 6 + place * height + heading
        up = Scale(low, high, top + _BAND, top)
        _frame(parts, up, order, (row.name, where), narrow)
        parts += _rounds(row, pace, across, up)
    if readings:
        top = 6 + len(cases) * height + heading
        up = Scale(low, high, top + _BAND, top)
        _frame(parts, up, order, ("sentinel", "the same work each time"), narrow)
        limit = up(1 + SENTINEL_TOLERANCE)
        parts.append(line((gutter, limit), (right, limit), "limit"))
        places = [
            (across(s.started_ns), up(pace)) for s, pace in zip(readings, sentinel, strict=True)
        ]
        parts.append(polyline(places, "thin"))
        parts.append(dots(places, "small-dots"))
    return picture(width, bottom + 38, f"Latency over time: {run.title}", parts)


def _launches(
    cases: Sequence[tuple[Row, str]], zero: int, across: Callable[[int], float], bottom: float
) -> list[Markup]:
    """Upright lines where launches began, with the seconds since the first reading."""
    parts: list[Markup] = []
    written = float("-inf")
    for number in range(max(len(row.measurement.launches) for row, _ in cases)):
        begun = min(
            (
                launch.rounds[0].started_ns
                for row, _ in cases
                for launch in row.measurement.launches[number : number + 1]
                if launch.rounds
            ),
            default=None,
        )
        if begun is None:
            continue
        x = across(begun)
        parts.append(line((x, 4), (x, bottom), "grid"))
        if x - written > 44:
            written = x
            parts.append(text((x, bottom + 15), f"{(begun - zero) / 1e9:.0f} s", "tick", "middle"))
    return parts


def _paces(row: Row) -> list[float]:
    """The rounds' medians over the case's."""
    medians = chain.from_iterable(round_medians(row.measurement))
    return [ns / row.summary.p50_ns for ns in medians]


def _limits(paces: Sequence[float]) -> tuple[float, float]:
    return max(0.0, min(0.9, *paces)), min(_HIGHEST, max(1.15, *paces))


def _frame(
    parts: list[Markup], up: Scale, across: Scale, names: tuple[str, str], narrow: bool
) -> None:
    """What it is, and lines at the median and at the upper border."""
    left, right = across.start, across.end
    if narrow:
        parts.append(label((0, up.end - 9), " · ".join(names), right, "name"))
    else:
        middle = (up.start + up.end) / 2
        parts.append(label((0, middle - 2), names[0], left - 50, "name"))
        parts.append(label((0, middle + 14), names[1], left - 50, "tick"))
    for value, words in ((1.0, "1×"), (up.high, f"{up.high:.2f}×")):
        y = up(value)
        parts.append(line((left, y), (right, y), "grid" if value != 1 else "median"))
        parts.append(text((left - 6, y + 4), words, "tick", "end"))


def _rounds(
    row: Row, paces: Sequence[float], across: Callable[[int], float], up: Scale
) -> list[Markup]:
    parts: list[Markup] = []
    places: list[tuple[Round, Place]] = []
    for r, pace in zip(row.measurement.rounds, paces, strict=True):
        places.append((r, (across(r.started_ns), up(pace))))
    of_round = {id(r): place for r, place in places}
    for launch in row.measurement.launches:
        if len(launch.rounds) > 1:
            parts.append(polyline([of_round[id(r)] for r in launch.rounds], "thin"))
    calm = [place for r, place in places if r.number not in row.disturbed]
    parts.append(dots(calm, "round"))
    for r, place in places:
        if r.number in row.disturbed:
            parts.append(circle(place, 3.2, "marked"))
    for (_, (x, y)), pace in zip(places, paces, strict=True):
        if pace > up.high:
            parts.append(text((x, y - 3), "↑", "tick", "middle"))
    return parts
