"""The perplexity curve, of a bounded number of points however long a run is."""

from __future__ import annotations

# when there are so many, two and two become one
_MOST = 1200


class Curve:
    """Points of equal length: the mean of so many values each, first one, then then more.

    ``edition`` tells those who hold some of the points when theirs are no longer among them.
    """

    def __init__(self) -> None:
        self.points: list[tuple[float, float]] = []
        self.edition = 0
        self._each = 1
        self._waiting: list[tuple[float, float]] = []

    def add(self, x: float, value: float) -> None:
        """A further value; x never falls."""
        self._waiting.append((x, value))
        if len(self._waiting) == self._each:
            self.points.append(_mean(self._waiting))
            self._waiting = []
        if len(self.points) == _MOST:
            self.points = [_mean(self.points[k : k + 2]) for k in range(0, _MOST, 2)]
            self._each *= 2
            self.edition += 1


def _mean(points: list[tuple[float, float]]) -> tuple[float, float]:
    """The last x, and the values' mean."""
    return points[-1][0], sum(value for _, value in points) / len(points)
