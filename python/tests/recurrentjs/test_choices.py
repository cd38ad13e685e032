"""maxi and samplei."""

import math

import hypothesis
import hypothesis.extra.numpy as npst
import numpy as np
import pytest

import recurrent
from recurrent import Mat, Random, softmax
from recurrent.recurrentjs import maxi, samplei
from support import DTYPES

both = pytest.mark.parametrize("dtype", DTYPES)


def test_maxi():
    assert maxi([1, 3, 2]) == 1
    assert maxi([2, 5, 5, 1]) == 1, "the first of equals"
    assert maxi(np.array([[1.0], [4.0]])) == 1
    assert maxi(Mat.from_array([0.0, -1.0, 7.0])) == 2
    assert maxi([-math.inf, -1e300]) == 1 and maxi([math.inf, 1]) == 0
    assert maxi(np.arange(10)[::-1]) == 0
    assert maxi(np.array([1, 2], ">f4")) == 1
    assert type(maxi([1])) is int
    # a matrix in a Mat's order, column by column
    assert maxi(np.array([[0, 1], [0, 0]])) == 2
    for bad, error, words in (
        ([], ValueError, r"values is empty; .*got 0"),
        ([1, math.nan], ValueError, r"values\[1\] is not a number"),
        (["a"], TypeError, "<U1"),
        (5, ValueError, "0 dimensions"), ([None], TypeError, "object"), ([True], TypeError, "bool"),
        ([1j], TypeError, "complex"),
    ):  # fmt: skip
        with pytest.raises(error, match=words):
            maxi(bad)


def test_samplei_follows_its_seed():
    assert [samplei([1, 1, 1, 1], rng=s) for s in range(20)] == [
        samplei([1, 1, 1, 1], rng=s) for s in range(20)
    ]
    a, b = Random(3), Random(3)
    drawn = [samplei([0.1, 0.2, 0.7], a) for _ in range(100)]
    assert drawn == [samplei([0.1, 0.2, 0.7], b) for _ in range(100)]
    # by the running sum, one number each
    edges = np.cumsum([0.1, 0.2, 0.7])
    assert drawn == [int(np.searchsorted(edges, u, side="right")) for u in Random(3).uniform(count=100)]
    assert len({samplei([1] * 1000) for _ in range(50)}) > 10, "fresh numbers without a seed"


def test_samplei_in_proportion():
    rng, p = Random(1), np.array([0, 1, 2, 3, 0, 4.0])
    counts = np.bincount([samplei(p, rng) for _ in range(20_000)], minlength=6)
    assert counts[0] == counts[4] == 0
    expected = p[p > 0] / p.sum() * 20_000
    # the 99.99 percent point of chi squared with three degrees of freedom
    assert ((counts[p > 0] - expected) ** 2 / expected).sum() < 21.1


@hypothesis.given(
    npst.arrays(
        hypothesis.strategies.sampled_from([np.float32, np.float64]),
        hypothesis.strategies.integers(1, 40),
        elements=hypothesis.strategies.floats(0, 1, width=32),
    ),
    hypothesis.strategies.integers(0, 2**64 - 1),
)
def test_samplei_never_runs_off(p, seed):
    if not p.any():
        with pytest.raises(ValueError, match=r"weights have no finite sum above 0; expected one, got 0\.0"):
            samplei(p, seed)
        return
    index = samplei(p, seed)
    assert 0 <= index < len(p) and p[index] > 0


def test_samplei_at_the_end_of_the_line():
    """The largest number a generator gives, with probabilities that do not quite sum to one."""
    rng = Random(0)
    for p in (
        [0.1] * 9,
        np.full(3, np.float32(1 / 3)),
        [1e-300, 1e-300],
        [5e-324],
        [5e-324, 0],
        [1, 0],
        [1e308, 1e-308],
    ):
        rng.state = (0, 0, 0, 0, 0, 0, *(2**64 - 1,) * 4, 0)
        index = samplei(p, rng)
        assert p[index] > 0
        rng.state = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        assert samplei(p, rng) == 0


@pytest.mark.parametrize(
    "p, error, words",
    [
        ([], ValueError, r"weights is empty; expected at least 1, got 0"),
        ([0, 0], ValueError, r"weights have no finite sum above 0; expected one, got 0\.0"),
        (
            [1, -0.5],
            ValueError,
            r"weights\[1\] is out of range; expected a finite number of at least 0, got \-0\.5",
        ),
        (
            [math.nan],
            ValueError,
            r"weights\[0\] is out of range; expected a finite number of at least 0, got nan",
        ),
        (
            [1, math.inf],
            ValueError,
            r"weights\[1\] is out of range; expected a finite number of at least 0, got inf",
        ),
        ([1e308] * 3, ValueError, r"weights have no finite sum above 0; expected one, got inf"),
        (["1"], TypeError, "<U1"),
        (None, TypeError, "object"),
    ],
)
def test_samplei_refuses(p, error, words):
    rng = Random(2)
    before = rng.state
    with pytest.raises(error, match=words):
        samplei(p, rng)
    assert rng.state == before


def test_a_result_can_be_drawn_from():
    scores = recurrent.Graph().scale(Mat.from_array([1.0, 2.0, 3.0]), 2)
    assert maxi(scores) == 2
    assert samplei(softmax(scores), rng=1) in range(3)
