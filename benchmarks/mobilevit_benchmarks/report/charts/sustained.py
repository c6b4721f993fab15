"""Latency under load that lasts, with what the device says of itself underneath."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain

from markupsafe import Markup

from ...records import DeviceState
from ...statistics import round_medians
from ...table import milliseconds
from ..model import Row, Run
from .axis import Scale, axis_below, axis_beside, scale_of, short
from .svg import NARROW, Place, dots, line, picture, polyline, text

_TALL = 150.0  # height of the latency
_BAND = 46.0  # height of a state
_FEW = 100  # windows, whose dots do not touch

_Reading = Callable[[DeviceState], float | None]


def sustained(run: Run, row: Row, width: float) -> Markup:
    """The median of every window by minutes, and where throttling began; then the hottest sensor
    and the highest frequency, where they were read."""
    narrow = width < NARROW
    left, right = (48.0 if narrow else 70.0), width - 12
    rounds = row.measurement.rounds
    zero = rounds[0].started_ns
    minutes = [(r.started_ns - zero) / 60e9 for r in rounds]
    across = scale_of([0, *minutes], left, right, margin=0.02, may_be_logarithmic=False)
    medians = [ns / 1e6 for ns in chain.from_iterable(round_medians(row.measurement))]
    up = scale_of([0, *medians], 24 + _TALL, 24, margin=0, may_be_logarithmic=False)
    bands = [
        (words, places)
        for words, reading in (("hottest sensor, °C", _hottest), ("highest clock, GHz", _fastest))
        if len(places := _states(run, zero, rounds[-1].started_ns, reading)) > 1
    ]
    bottom = 24 + _TALL + 10 + len(bands) * (_BAND + 24)
    parts = axis_below(across, bottom, "minutes under load", 24, short)
    parts += axis_beside(up, left, right, 5, short)
    parts.append(text((0, 12), "median of each window, ms", "tick"))
    places = [(across(x), up(y)) for x, y in zip(minutes, medians, strict=True)]
    parts.append(polyline(places, "thin"))
    parts.append(dots(places, "round" if len(places) <= _FEW else "small-dots"))
    load = row.throttling
    if load is not None and load.after_s is not None:
        x = across(load.after_s / 60)
        anchor = "end" if x > (left + right) / 2 else "start"
        parts.append(line((x, 18), (x, 24 + _TALL), "throttled"))
        words = f"throttles after {load.after_s:.0f} s"
        parts.append(
            text((x + (-5 if anchor == "end" else 5), 16 + _TALL), words, "figure", anchor)
        )
    for place, (words, readings) in enumerate(bands):
        top = 24 + _TALL + 28 + place * (_BAND + 24)
        parts += _band(words, readings, across, top, left, right)
    words = f"Latency under lasting load: {row.name}"
    if load is not None:
        first, last = milliseconds(load.first_ns), milliseconds(load.last_ns)
        words += f", {first} ms at first and {last} ms at last"
    return picture(width, bottom + 38, words, parts)


def _band(
    words: str, readings: Sequence[Place], across: Scale, top: float, left: float, right: float
) -> list[Markup]:
    up = scale_of([y for _, y in readings], top + _BAND, top, may_be_logarithmic=False)
    places = [(across(x), up(y)) for x, y in readings]
    return [
        *axis_beside(up, left, right, 3, short),
        text((0, top - 6), words, "tick"),
        polyline(places, "state"),
    ]


def _states(run: Run, start: int, end: int, reading: _Reading) -> list[Place]:
    """What was read while the case ran, by minutes."""
    return [
        ((x.at_ns - start) / 60e9, value)
        for x in run.result.states
        if start <= x.at_ns <= end and (value := reading(x.state)) is not None
    ]


def _hottest(state: DeviceState) -> float | None:
    return max(state.temperatures_c.values(), default=None)


def _fastest(state: DeviceState) -> float | None:
    highest = max(state.frequencies_hz, default=None)
    return None if highest is None else highest / 1e9
