"""softmax, maxi, samplei, probabilities."""

import math

import hypothesis
import hypothesis.extra.numpy as npst
import numpy as np
import pytest

import recurrent
from recurrent import Mat, Random, probabilities, softmax
from recurrent.recurrentjs import maxi, samplei
from support import DTYPES, close, values

both = pytest.mark.parametrize("dtype", DTYPES)


@both
def test_softmax(dtype):
    m = Mat.from_array(values(7, 3, dtype))
    p = softmax(m)
    e = np.exp(m.w.astype(np.float64))
    close(p.w, e / e.sum(axis=0), 1e-14 if dtype == "float64" else 1e-6)
    assert p.dtype == dtype and not np.shares_memory(p.w, m.w)
    # a Mat of its own, with no way back
    with pytest.raises(ValueError, match="no result of a graph"):
        softmax(Mat(1, 1)).backward()
    close(softmax(Mat.from_array([[1e4], [1e4], [-1e4]], dtype)).w[:, 0], [0.5, 0.5, 0], 1e-12)
    with pytest.raises(TypeError, match="m is a list"):
        softmax([1, 2])


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
        ([], ValueError, "no numbers"), ([1, math.nan], ValueError, "number 1 is NaN"), (["a"], TypeError, "<U1"),
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
    assert len({samplei([1] * 1000) for _ in range(50)}) > 10, "fresh numbers where nobody seeds"


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
        with pytest.raises(ValueError, match="sum to 0"):
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
        ([], ValueError, "no probabilities"),
        ([0, 0], ValueError, "sum to 0"),
        ([1, -0.5], ValueError, "probability 1 is -0.5"),
        ([math.nan], ValueError, "probability 0 is nan"),
        ([1, math.inf], ValueError, "probability 1 is inf"),
        ([1e308] * 3, ValueError, "sum to inf"),
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


def twin(scores, temperature, top_k, top_p, min_p, penalty, window, history):
    """The settings of a draw, as their papers have them."""
    x = np.array(scores, np.float64)
    seen = sorted(set(history[max(0, len(history) - window) :]))
    x[seen] = np.where(x[seen] > 0, x[seen] / penalty, x[seen] * penalty)
    p = np.exp((x - x.max()) / temperature)
    p /= p.sum()
    order = np.argsort(-p, kind="stable")
    if top_k is not None:
        p[order[top_k:]] = 0
        p /= p.sum()
    if top_p is not None and top_p < 1:
        before = np.concatenate([[0], np.cumsum(p[order])[:-1]])
        p[order[before >= top_p]] = 0
        p[order[0]] = max(p[order[0]], 1e-300)
    if min_p is not None:
        p[p < min_p * p.max()] = 0
    return p / p.sum()


@both
def test_probabilities_equal_numpy(dtype):
    rng = np.random.default_rng(0)
    for _ in range(300):
        n = int(rng.integers(1, 40))
        # float32 numbers in either type, so that both cut at the same place
        scores = rng.normal(0, 2, n).astype(np.float32)
        history = rng.integers(0, n, rng.integers(0, 12)).tolist()
        settings = {
            "temperature": rng.uniform(0.2, 3),
            "top_k": rng.choice([None, int(rng.integers(1, n + 2))]),
            "top_p": rng.choice([None, rng.uniform(0.05, 1)]),
            "min_p": rng.choice([None, rng.uniform(0, 0.5)]),
            "repetition_penalty": rng.choice([1.0, rng.uniform(0.5, 2)]),
            "repetition_window": int(rng.integers(0, 8)),
        }
        p = probabilities(scores.astype(dtype), **settings, history=history)
        assert p.dtype == dtype
        assert np.abs(p - twin(scores, *settings.values(), history)).max() < (
            1e-12 if dtype == "float64" else 2e-6
        )


def test_probabilities_refuse():
    for settings, error, words in (
        ({"temperature": 0}, ValueError, "temperature is 0"),
        ({"temperature": math.nan}, ValueError, "temperature is nan"),
        ({"temperature": "1"}, TypeError, "temperature is a str"),
        ({"top_k": 0}, ValueError, "top_k is 0"),
        ({"top_k": 1.5}, TypeError, "top_k is a float"),
        ({"top_p": 0}, ValueError, "top_p is 0"),
        ({"top_p": 1.01}, ValueError, "top_p is 1.01"),
        ({"min_p": -0.1}, ValueError, "min_p is -0.1"),
        ({"repetition_penalty": 0}, ValueError, "repetition_penalty is 0"),
        ({"repetition_window": -1}, ValueError, "repetition_window is -1"),
        ({"history": [2]}, IndexError, r"history 0 is 2, outside 0\.\.<2"),
        ({"history": [0.5]}, TypeError, "history has elements of type float64"),
    ):
        with pytest.raises(error, match=words):
            probabilities([1.0, 2.0], **settings)
    with pytest.raises(ValueError, match="no scores"):
        probabilities([])
    with pytest.raises(FloatingPointError, match="not finite"):
        probabilities([1.0, math.nan])
