"""The perplexity curve, with a bounded number of points for a run of any length."""

from __future__ import annotations

# points at which each two become one
_MAX_POINTS = 1200


class Curve:
    """Points that each hold the mean of equally many values: 1 at first, then 2, 4 and so on.

    ``revision`` counts the times that points were merged: a subscriber with another revision needs all points again.
    """

    def __init__(self) -> None:
        self.points: list[tuple[float, float]] = []
        self.revision = 0
        self._values_per_point = 1
        self._pending: list[tuple[float, float]] = []

    def add(self, x: float, value: float) -> None:
        """Adds a value; ``x`` must not decrease."""
        self._pending.append((x, value))
        if len(self._pending) == self._values_per_point:
            self.points.append(_mean(self._pending))
            self._pending = []
        if len(self.points) == _MAX_POINTS:
            # a new list: subscribers may read the old one in another thread
            self.points = [_mean(self.points[k : k + 2]) for k in range(0, _MAX_POINTS, 2)]
            self._values_per_point *= 2
            self.revision += 1


def _mean(points: list[tuple[float, float]]) -> tuple[float, float]:
    """Returns the last x and the mean of the values."""
    return points[-1][0], sum(value for _, value in points) / len(points)
