"""Scales from figures to pixels, and where their ticks are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from .svg import line, text

_WIDE_RANGE = 5.0  # a largest value so many times the smallest takes a logarithmic scale


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` onto pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """Values outside lie on the border."""
        value = min(max(value, self.low), self.high)
        if self.logarithmic:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, most: int) -> list[float]:
        """At most so many round numbers."""
        if self.logarithmic:
            return _logarithmic_ticks(self.low, self.high, most)
        return _linear_ticks(self.low, self.high, most)


def scale_of(
    values: Iterable[float],
    start: float,
    end: float,
    *,
    margin: float = 0.04,
    may_be_logarithmic: bool = True,
) -> Scale:
    """A scale with room on both sides; logarithmic where the values lie far apart."""
    values = list(values)
    low, high = min(values), max(values)
    if may_be_logarithmic and low > 0 and high > _WIDE_RANGE * low:
        room = (high / low) ** margin
        return Scale(low / room, high * room, start, end, True)
    room = (high - low) * margin or abs(high) * 0.05 or 1.0
    return Scale(low - room, high + room, start, end)


def axis_below(
    scale: Scale, y: float, words: str, top: float, write: Callable[[float], str]
) -> list[Markup]:
    """Grid lines from `top` down to `y`, numbers below them, and what they mean."""
    width = abs(scale.end - scale.start)
    parts = []
    for tick in scale.ticks(max(3, int(width / 70))):
        x = scale(tick)
        parts.append(line((x, top), (x, y), "grid"))
        parts.append(text((x, y + 15), write(tick), "tick", "middle"))
    if scale.logarithmic:
        words += ", logarithmic"
    parts.append(text((scale.end, y + 32), words, "tick", "end"))
    return parts


def axis_beside(
    scale: Scale, x: float, right: float, most: int, write: Callable[[float], str]
) -> list[Markup]:
    """Grid lines from `x` to the right, and numbers left of them."""
    parts = []
    for tick in scale.ticks(most):
        y = scale(tick)
        parts.append(line((x, y), (right, y), "grid"))
        parts.append(text((x - 6, y + 4), write(tick), "tick", "end"))
    return parts


def short(value: float) -> str:
    """A round number as a tick has it: `2.5`, `40`, `1.2e+09`."""
    return f"{value:,.10g}" if 1e-4 <= abs(value) < 1e7 or value == 0 else f"{value:.3g}"


def _linear_ticks(low: float, high: float, most: int) -> list[float]:
    rough = (high - low) / max(1, most)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * k for k in (1, 2, 2.5, 5, 10) if power * k >= rough * 0.999)
    first = math.ceil(low / step)
    return [i * step for i in range(first, math.floor(high / step) + 1)][: most + 1]


def _logarithmic_ticks(low: float, high: float, most: int) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    choices: Sequence[Sequence[int]] = (
        (1, 2, 3, 4, 5, 6, 7, 8, 9),
        (1, 2, 3, 5),
        (1, 2, 5),
        (1, 3),
        (1,),
    )
    for digits in choices:
        ticks = [
            k * 10.0**e
            for e in range(first, last + 1)
            for k in digits
            if low <= k * 10.0**e <= high
        ]
        if len(ticks) <= most:
            return ticks or [low, high]
    return ticks[:: -(-len(ticks) // most)]
