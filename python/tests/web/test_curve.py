"""The perplexity curve."""

from recurrent.web.curve import Curve


def test_points_are_bounded():
    curve = Curve()
    for x in range(100_000):
        curve.add(x, float(x % 2))
    assert len(curve.points) < 1200 and curve.revision >= 7
    assert [x for x, _ in curve.points] == sorted(x for x, _ in curve.points)
    assert all(y == 0.5 for _, y in curve.points) and curve.points[-1][0] > 99_000
