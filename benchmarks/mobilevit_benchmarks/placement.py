"""Where the labels of a picture go, so that none covers another, a point or a line.

Greedy: each label takes the nearest place that is free. All lengths are pixels of the picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import cos, hypot, radians, sin

Place = tuple[float, float]  # x, y

_GAPS = (1, 4, 9, 15, 22, 30, 40, 52, 66)  # printer's points, from the marker to the label
_ANGLES = (0, 180, 90, 270, 30, 330, 150, 210, 60, 300, 120, 240)  # degrees, in order of liking
_BESIDE = 4  # printer's points: a label this near needs no line to its point
_MARKER = 7  # printer's points, half the side, with some room around


@dataclass(frozen=True)
class Box:
    """A rectangle."""

    left: float
    bottom: float
    right: float
    top: float

    @classmethod
    def around(cls, x: float, y: float, width: float, height: float) -> Box:
        return cls(x - width / 2, y - height / 2, x + width / 2, y + height / 2)

    @property
    def middle(self) -> Place:
        return (self.left + self.right) / 2, (self.bottom + self.top) / 2

    @property
    def area(self) -> float:
        return (self.right - self.left) * (self.top - self.bottom)

    def overlap(self, other: Box) -> float:
        """The area that both cover."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(0.0, width) * max(0.0, height)

    def nearest(self, x: float, y: float) -> Place:
        """Its point that is nearest to (x, y)."""
        return min(max(x, self.left), self.right), min(max(y, self.bottom), self.top)


class Placer:
    """Remembers what is taken.

    Args:
        frame: labels stay inside it if they can.
        pixel: pixels of a printer's point.
    """

    def __init__(self, frame: Box, pixel: float) -> None:
        self._frame = frame
        self._pixel = pixel
        self._taken: list[Box] = []

    def take(self, box: Box) -> None:
        self._taken.append(box)

    def take_line(self, start: Place, end: Place) -> None:
        self._taken += _squares(start, end, 3 * self._pixel)

    def place(
        self, at: Place, width: float, height: float
    ) -> tuple[Box, tuple[Place, Place] | None]:
        """Take the nearest free place for a label of the point `at`, or the least covered one.

        Returns:
            The place, and the ends of a line to the point where the label is not beside it.
        """
        best, cost = Box.around(*at, width, height), float("inf")
        leader: tuple[Place, Place] | None = None
        for candidate, gap in self._candidates(at, width, height):
            end = candidate.nearest(*at)
            away = [
                square
                for square in _squares(at, end, self._pixel)
                if not self._marker(at).overlap(square)
            ]
            covered = sum(candidate.overlap(box) for box in self._taken)
            crossed = sum(square.overlap(box) for square in away for box in self._taken)
            outside = candidate.area - candidate.overlap(self._frame)
            if covered + crossed + outside < cost:
                best, cost = candidate, covered + crossed + outside
                leader = (at, end) if gap > _BESIDE else None
            if cost == 0:
                break
        self.take(best)
        if leader is not None:
            self.take_line(*leader)
        return best, leader

    def _marker(self, at: Place) -> Box:
        return Box.around(*at, 2 * _MARKER * self._pixel, 2 * _MARKER * self._pixel)

    def _candidates(self, at: Place, width: float, height: float) -> Iterator[tuple[Box, int]]:
        """Places around a point with their gaps, nearest first."""
        for gap in _GAPS:
            reach = (gap + _MARKER) * self._pixel
            for degrees in _ANGLES:
                x = at[0] + cos(radians(degrees)) * (reach + width / 2)
                y = at[1] + sin(radians(degrees)) * (reach + height / 2)
                yield Box.around(x, y, width, height), gap


def crowded_first(places: Mapping[str, Place]) -> list[str]:
    """Names by the distance to their third nearest neighbour: while there is room near them."""

    def room(name: str) -> float:
        x, y = places[name]
        distances = sorted(hypot(x - a, y - b) for other, (a, b) in places.items() if other != name)
        return distances[min(2, len(distances) - 1)] if distances else 0.0

    return sorted(places, key=room)


def _squares(start: Place, end: Place, side: float) -> list[Box]:
    """What a straight line covers."""
    steps = max(1, int(hypot(end[0] - start[0], end[1] - start[1]) / side))
    shares = [step / steps for step in range(steps + 1)]
    return [
        Box.around(
            *(start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share),
            *(side, side),
        )
        for share in shares
    ]
