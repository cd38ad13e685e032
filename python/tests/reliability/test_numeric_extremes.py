"""Softmax, its logarithm and the cross-entropy of any finite scores, beside extended precision."""

import numpy as np
import pytest

from recurrent import Graph, Mat
from support import DTYPES, HARDEN

COLUMNS = 20_000 if HARDEN else 1_000


def scores(dtype, seed):
    """Columns of scores of all magnitudes, equal ones, and the largest and smallest numbers of the type."""
    rng, info = np.random.default_rng(seed), np.finfo(dtype)
    n = int(rng.integers(1, 40))
    found = rng.normal(size=(n, COLUMNS)) * 10.0 ** rng.uniform(info.minexp / 4, info.maxexp / 4, COLUMNS)
    found[:, : COLUMNS // 2] = rng.normal(size=(n, COLUMNS // 2)) * 10.0 ** rng.uniform(-3, 3, COLUMNS // 2)
    special = [0, -0.0, info.max, -info.max, info.tiny, info.smallest_subnormal, 1e4, -1e4, -2e6]
    with np.errstate(over="ignore"):
        found = found.astype(dtype)
    found[~np.isfinite(found)] = info.max
    for at in range(200):
        found[:, at] = rng.choice(special, n)
    found[:, 200:220] = rng.choice(special, 20)
    return found


def ulps(found, exact, dtype):
    """The error in units of the last place of the exact value."""
    info = np.finfo(dtype)
    with np.errstate(all="ignore"):
        rounded = exact.astype(dtype)
        unit = np.maximum(np.spacing(np.abs(rounded)), info.smallest_subnormal).astype(np.longdouble)
        error = np.abs(found.astype(np.longdouble) - exact) / unit
    # both infinite: the exact value is beyond the type
    error[np.isinf(rounded) & (found == rounded)] = 0
    return np.where(np.isnan(error), np.inf, error)


@pytest.mark.campaign("Probabilities of extreme scores that are not finite, or above their bound in ulp")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", range(5))
@np.errstate(all="ignore")
def test_softmax(dtype, seed, cases):
    if np.finfo(np.longdouble).eps >= np.finfo(dtype).eps:
        pytest.skip("no wider type")
    x = scores(dtype, seed)
    n = len(x)
    m, G = Mat.from_array(x), Graph(needs_backprop=False)
    shifted = x.astype(np.longdouble) - x.max(0)
    total = np.exp(shifted).sum(0)
    p, log_p = np.exp(shifted) / total, shifted - np.log(total)
    found, logs = G.softmax(m).w, G.log_softmax(m).w
    assert np.isfinite(found).all() and not np.isnan(logs).any()
    assert (np.abs(found.sum(0) - 1) < 4 * n * np.finfo(dtype).eps).all()
    # the difference from the maximum is rounded once, and its exponential multiplies that error
    bound = 6 + n / 4 + np.abs(shifted)
    assert (ulps(found, p, dtype) <= bound).all()
    # the sum of rounded terms, beside the larger of its two terms
    unit = np.spacing(np.maximum(np.abs(shifted), np.abs(np.log(total))).astype(dtype)).astype(np.longdouble)
    error = np.abs(logs - log_p) / np.maximum(unit, np.finfo(dtype).eps)
    assert (error[np.isfinite(logs)] <= 6 + n / 4).all()
    assert (np.isinf(logs) <= np.isinf(log_p.astype(dtype))).all()
    targets = np.random.default_rng(seed).integers(0, n, COLUMNS)
    is_finite = np.isfinite(logs[targets, np.arange(COLUMNS)])
    expected = -log_p[targets, np.arange(COLUMNS)]
    for at in np.flatnonzero(is_finite)[:: 1 if HARDEN else 20]:
        column, graph = Mat.from_array(x[:, at : at + 1]), Graph()
        loss = graph.cross_entropy(column, [int(targets[at])])
        graph.backward(loss)
        value = loss.w.item()
        assert value >= 0 and abs(value - expected[at]) <= np.finfo(dtype).eps * (8 + n) * max(
            1, expected[at]
        )
        assert np.isfinite(column.dw).all()
    cases(2 * x.size)
