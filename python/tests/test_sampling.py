"""softmax, maxi, samplei, probabilities."""

import math

import numpy as np
import pytest

from recurrent import Mat, probabilities, softmax
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
    with pytest.raises(ValueError, match="no recorded history"):
        softmax(Mat(1, 1)).backward()
    close(softmax(Mat.from_array([[1e4], [1e4], [-1e4]], dtype)).w[:, 0], [0.5, 0.5, 0], 1e-12)
    with pytest.raises(TypeError, match=r"m has the wrong type; .*got list"):
        softmax([1, 2])


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


@pytest.mark.parametrize("dtype", DTYPES)
def test_temperature_0_selects_the_largest_score(dtype):
    scores = np.array([1, 3, -2, 3], dtype)
    assert probabilities(scores, 0).tolist() == [0, 1, 0, 0]
    # after the repetition penalty
    assert probabilities(scores, 0, repetition_penalty=2.0, history=[1]).tolist() == [0, 0, 0, 1]


def test_probabilities_refuse():
    for settings, error, words in (
        ({"temperature": -1}, ValueError, "temperature is .*got -1"),
        ({"temperature": math.nan}, ValueError, r"temperature is out of range; .*got nan"),
        ({"temperature": "1"}, TypeError, r"temperature has the wrong type; .*got str"),
        ({"top_k": 0}, ValueError, "top_k is .*got 0"),
        ({"top_k": 1.5}, TypeError, r"top_k has the wrong type; .*got float"),
        ({"top_p": 0}, ValueError, "top_p is .*got 0"),
        ({"top_p": 1.01}, ValueError, "top_p is .*got 1.01"),
        ({"min_p": -0.1}, ValueError, "min_p is .*got -0.1"),
        ({"repetition_penalty": 0}, ValueError, "repetition_penalty is .*got 0"),
        ({"repetition_window": -1}, ValueError, "repetition_window is .*got -1"),
        ({"history": [2]}, IndexError, r"history.*0.* is .*2"),
        ({"history": [0.5]}, TypeError, r"history has the wrong type; .*got elements of type float64"),
    ):
        with pytest.raises(error, match=words):
            probabilities([1.0, 2.0], **settings)
    with pytest.raises(ValueError, match=r"no scores|scores is empty|at least 1"):
        probabilities([])
    with pytest.raises(FloatingPointError, match="not finite"):
        probabilities([1.0, math.nan])
