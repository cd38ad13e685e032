"""Solver against RMSProp in plain NumPy, for every kind of mapping; refusals."""

import copy
from collections import OrderedDict, UserDict
from types import MappingProxyType

import numpy as np
import pytest

from recurrent import Mat, recurrentjs
from recurrent.recurrentjs import Solver
from support import DTYPES, bits, close, values

both = pytest.mark.parametrize("dtype", DTYPES)


class RMSProp:
    """RecurrentJS's Solver."""

    def __init__(self, decay=0.999, eps=1e-8):
        self.decay, self.eps, self.cache = decay, eps, {}

    def step(self, w, dw, step_size, regc, clipval):
        clipped = total = 0
        for name in w:
            g = dw[name]
            s = self.cache[name] = self.decay * self.cache.get(name, 0) + (1 - self.decay) * g * g
            clipped += (np.abs(g) > clipval).sum()
            total += g.size
            w[name] = (
                w[name] - step_size * np.clip(g, -clipval, clipval) / np.sqrt(s + self.eps) - regc * w[name]
            )
        return clipped / total, np.sqrt(sum((g * g).sum() for g in dw.values()))


def mats(dtype="float64"):
    return {
        "a": Mat.from_array(values(3, 4, dtype)),
        "b": Mat.from_array(values(5, 1, dtype)),
        "ß": Mat.from_array(values(17, 9, dtype)),
    }


@both
@pytest.mark.parametrize(
    "settings", [(0.01, 1e-6, 5.0), (0.1, 0.01, 0.5), (0, 0, 1), (1.0, 0, 1e-3), (0.01, 1.0, 5)]
)
@pytest.mark.parametrize("solver", [(), (0.9, 1e-4), (0.0, 1.0)])
def test_against_numpy(dtype, settings, solver):
    model, ours, theirs = mats(dtype), Solver(*solver), RMSProp(*solver)
    w = {name: m.w.astype(np.float64) for name, m in model.items()}
    for k in range(10):
        dw = {name: values(m.n, m.d, dtype, seed=k).astype(np.float64) for name, m in model.items()}
        for name, m in model.items():
            m.dw = dw[name]
        stats = ours.step(model, *settings)
        ratio, norm = theirs.step(w, dw, *settings)
        assert stats.ratio_clipped == ratio
        assert np.isclose(stats.gradient_norm, norm, rtol=1e-12 if dtype == "float64" else 1e-5)
        assert not any(m.dw.any() for m in model.values())
    for name, m in model.items():
        close(m.w, w[name], 1e-13 if dtype == "float64" else 1e-4)
        # 0.999 itself is rounded in float32, and so is its difference from 1
        close(ours.step_cache[name].w, theirs.cache[name], 1e-13 if dtype == "float64" else 2e-5)


class Lazy(UserDict):
    """A mapping that creates a value on each access."""

    def __getitem__(self, name):
        return super().__getitem__(name)


@pytest.mark.parametrize(
    "kind", [dict, OrderedDict, UserDict, Lazy, MappingProxyType], ids=lambda kind: kind.__name__
)
def test_any_mapping(kind):
    expected, model = mats(), mats()
    for solver, mapping in ((Solver(), expected), (Solver(), kind(model))):
        for m in mapping.values():
            m.dw[...] = 0.5
        solver.step(mapping, 0.1, 0.1, 5)
        assert list(solver.step_cache) == list(expected)
    assert bits(model) == bits(expected)


def test_a_model_a_dict_and_both():
    """A Model goes in one pass over its slab, a dict Mat by Mat: the same bits, and the same caches."""
    results = []
    for ways in (("model",), ("dict",), ("model", "dict"), ("dict", "model"), ("dict", "part", "model")):
        model, solver = recurrentjs.init_lstm(3, [4, 2], 3, rng=0), Solver()
        for k in range(6):
            rng = np.random.default_rng(k)
            way = ways[k % len(ways)]
            names = list(model) if way != "part" else list(model)[:5]
            for name in model:
                gradient = rng.normal(size=model[name].shape)
                model[name].dw = gradient if name in names else 0 * gradient
            if way == "part":
                # the rest by itself
                solver.step({name: model[name] for name in names}, 0.01, 0.001, 1)
                solver.step({name: model[name] for name in model if name not in names}, 0.01, 0.001, 1)
            else:
                solver.step(model if way == "model" else dict(model), 0.01, 0.001, 1)
        results.append((bits(model), bits({n: solver.step_cache[n] for n in model}), set(solver.step_cache)))
    assert results[0] == results[1] == results[2] == results[3]
    assert results[4][2] == results[0][2]


def test_a_model_with_letter_vectors():
    model, solver = recurrentjs.init_rnn(3, [4], 3, rng=0), Solver()
    model["Wil"] = Mat(5, 3)
    model["Wil"].dw[...] = 1
    solver.step(model, 0.01, 0, 5)
    assert np.allclose(model["Wil"].w, -0.01 / np.sqrt(0.001 + 1e-8))
    assert set(solver.step_cache) == set(model)


def test_two_types_at_once():
    model = {"a": Mat.from_array(values(2, 2, "float32")), "b": Mat.from_array(values(2, 2))}
    for m in model.values():
        m.dw[...] = 1
    assert Solver().step(model, 0.1, 0, 5).gradient_norm == np.sqrt(8)


def test_one_solver_for_two_models():
    """The caches of one model say nothing of another."""
    solver, model = Solver(0.5), recurrentjs.init_rnn(2, [2], 2, "float64", rng=0)
    solver.step(model, 0.1, 0, 5)
    before = bits(solver.step_cache)
    for second, error, words in [
        (
            recurrentjs.init_rnn(2, [2], 2, "float64", rng=0),
            ValueError,
            "expected an optimizer for each model",
        ),
        (copy.deepcopy(model), ValueError, "Wxh0 is another Mat than in earlier steps"),
        (recurrentjs.init_rnn(2, [3], 2, "float64", rng=0), ValueError, r"Wxh0 .*expected 2 x 2, got 3 x 2"),
        (recurrentjs.init_rnn(2, [2], 2, rng=0), TypeError, r"Wxh0 .*float64.*float32"),
    ]:
        weights = bits(second)
        with pytest.raises(error, match=words):
            solver.step(second, 0.1, 0, 5)
        assert bits(second) == weights and bits(solver.step_cache) == before
    # the Mats count, however they are passed
    solver.step(dict(model), 0.1, 0, 5)


@both
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["model", "dict"])
def test_a_gradient_that_is_not_finite(value, kind, dtype):
    whole = recurrentjs.init_lstm(3, [4], 3, dtype, rng=0)
    model, solver = whole if kind == "model" else dict(whole), Solver()
    for m in whole.values():
        m.dw[...] = 0.25
    whole["Wfh0"].dw[2, 1] = value
    before = bits(whole)
    with pytest.raises(
        FloatingPointError,
        match=rf"gradient of Wfh0 is not finite; .*got {value} at \[2, 1\]; no weight has changed",
    ):
        solver.step(model, 0.01, 0, 5)
    # nothing: no weight, no gradient, no cache
    assert bits(whole) == before
    assert whole["Wfh0"].dw[2, 0] == 0.25
    assert list(solver.step_cache) == []
    # and afterwards all is as if it had not been
    whole["Wfh0"].dw[2, 1] = 0.25
    solver.step(model, 0.01, 0, 5)
    assert np.allclose(solver.step_cache["Wfh0"].w, 0.001 * 0.0625)
    caches = bits({name: solver.step_cache[name] for name in whole})
    before = bits(whole)
    whole["bd"].dw[0] = value
    with pytest.raises(FloatingPointError, match="bd"):
        solver.step(model, 0.01, 0, 5)
    assert bits(whole) == before and bits({name: solver.step_cache[name] for name in whole}) == caches


def test_squares_that_overflow_are_no_reason_to_refuse():
    model = {"a": Mat(1, 2, "float64")}
    model["a"].dw[...] = 1e200
    stats = Solver().step(model, 0.1, 0, 5)
    assert (stats.ratio_clipped, stats.gradient_norm) == (1.0, np.inf)
    assert np.isfinite(model["a"].w).all()


@pytest.mark.parametrize(
    "settings, words",
    [
        ((-0.1, 0, 5), "step_size is .*-0.1"),
        ((0.1, -1e-9, 5), "regc is .*-1e-09"),
        ((0.1, 0, 0), "clipval is .*got 0"),
        ((0.1, 0, -1), "clipval is .*got -1"),
        ((np.nan, 0, 5), r"step_size is out of range; .*got nan"),
        ((0.1, np.inf, 5), r"regc is out of range; .*got inf"),
        ((0.1, 0, 10**400), r"clipval is out of range; .*got 1000"),
    ],
)
def test_bad_settings(settings, words):
    model = mats()
    model["a"].dw[...] = 1
    before, solver = bits(model), Solver()
    with pytest.raises(ValueError, match=words):
        solver.step(model, *settings)
    assert bits(model) == before and not len(solver.step_cache)


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: Solver(1.0), ValueError, "decay_rate is .*got 1"),
        (lambda: Solver(-0.1), ValueError, "decay_rate is .*got -0.1"),
        (lambda: Solver(0.9, 0), ValueError, "smooth_eps is .*0"),
        (lambda: Solver(smooth_eps=np.nan), ValueError, r"smooth_eps is out of range; .*got nan"),
        (lambda: Solver("0.9"), TypeError, r"decay_rate has the wrong type; .*got str"),
        (lambda: Solver().step([Mat(1, 1)], 0.1, 0, 5), TypeError, r"model has the wrong type; .*got list"),
        (lambda: Solver().step(None, 0.1, 0, 5), TypeError, r"model has the wrong type; .*got NoneType"),
        (
            lambda: Solver().step({"a": np.ones((1, 1))}, 0.1, 0, 5),
            TypeError,
            r"model\['a'\] has the wrong type; .*got ndarray",
        ),
        (
            lambda: Solver().step({3: Mat(1, 1)}, 0.1, 0, 5),
            TypeError,
            r"a name in model has the wrong type; .*got int",
        ),
        (lambda: Solver().step({"\ud800": Mat(1, 1)}, 0.1, 0, 5), ValueError, r"U\+D800"),
        (
            lambda: Solver().step({"a": Mat(1, 1)}, "0.1", 0, 5),
            TypeError,
            r"step_size has the wrong type; .*got str",
        ),
        (lambda: Solver(smooth_eps=1e-60).step({"a": Mat(1, 1)}, 0.1, 0, 5), ValueError, "0 in float32"),
    ],
)
def test_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_step_cache():
    model, solver = mats(), Solver()
    long = "a name that is longer than most " * 40
    model[long] = Mat(1, 1, "float64")
    cache = solver.step_cache
    assert len(cache) == 0 and "a" not in cache and repr(cache) == "<step cache of nothing yet>"
    with pytest.raises(KeyError, match="a"):
        cache["a"]
    solver.step(model, 0.1, 0, 5)
    # live
    assert list(cache) == list(model) and len(cache) == 4 and long in cache and "z" not in cache
    assert cache.get("z") is None
    with pytest.raises(KeyError, match="z"):
        cache["z"]
    cache["a"].w[...] = 4
    assert (solver.step_cache["a"].w == 4).all()
    assert isinstance(dict(cache)["b"], Mat)
    kept = cache["a"].w
    del solver, cache
    assert (kept == 4).all()


def test_nothing_to_step():
    assert Solver().step({}, 0.1, 0, 5)[1:] == (0.0, 0.0, None)


def test_settings_are_told():
    assert repr(Solver(0.5, 1e-3)) == "Solver(decay_rate=0.5, smooth_eps=0.001)"
    assert (Solver().decay_rate, Solver().smooth_eps) == (0.999, 1e-8)
