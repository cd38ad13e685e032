"""init_lstm, init_rnn and their ticks: names, memory, both paths, carried state, refusals."""

import copy
from collections import UserDict
from types import MappingProxyType

import numpy as np
import pytest

import recurrent
from recurrent import Graph, Mat, recurrentjs
from recurrent.recurrentjs import Output
from support import DTYPES, bits, close, mat, values

FORWARD = {"lstm": recurrentjs.forward_lstm, "rnn": recurrentjs.forward_rnn}
INIT = {"lstm": recurrentjs.init_lstm, "rnn": recurrentjs.init_rnn}
cells = pytest.mark.parametrize("cell", FORWARD)
both = pytest.mark.parametrize("dtype", DTYPES)


def test_names_and_shapes():
    model = recurrentjs.init_lstm(5, [20, 7], 28, rng=0)
    expected = []
    for k, (below, size) in enumerate([(5, 20), (20, 7)]):
        for gate in "ifoc":
            expected += [
                (f"W{gate}x{k}", (size, below)), (f"W{gate}h{k}", (size, size)), (f"b{gate}{k}", (size, 1)),
            ]  # fmt: skip
    expected += [("Whd", (28, 7)), ("bd", (28, 1))]
    assert [(name, m.shape) for name, m in model.items()] == expected
    model = recurrentjs.init_rnn(3, [9], 4, rng=0)
    assert [(name, m.shape) for name, m in model.items()] == [
        ("Wxh0", (9, 3)), ("Whh0", (9, 9)), ("bhh0", (9, 1)), ("Whd", (4, 9)), ("bd", (4, 1)),
    ]  # fmt: skip


@cells
@both
def test_initial_weights(cell, dtype):
    model = INIT[cell](4, [3, 2], 5, dtype, rng=11)
    rng = recurrent.Random(11)
    for name, m in model.items():
        assert m.dtype == dtype and not m.dw.any()
        if name.startswith("b"):
            assert not m.w.any()
        else:
            # drawn in creation order, each column by column
            np.testing.assert_array_equal(
                m.w.ravel(order="F"), rng.uniform(-0.08, 0.08, m.n * m.d).astype(dtype)
            )
    assert bits(INIT[cell](4, [3, 2], 5, dtype, 11)) == bits(model)
    assert bits(INIT[cell](4, [3, 2], 5, dtype)) != bits(model)


@cells
def test_one_slab(cell):
    model = INIT[cell](4, [3, 2], 5, "float64", rng=0)
    assert model.flat.d == 1 and model.flat.n >= sum(m.n * m.d for m in model.values())
    for m in model.values():
        assert np.shares_memory(m.w, model.flat.w) and np.shares_memory(m.dw, model.flat.dw)
    model.flat.w[...] = 2
    assert all((m.w == 2).all() for m in model.values())
    # no two of them overlap
    for number, m in enumerate(model.values()):
        m.w[...] = number
    assert all((m.w == number).all() for number, m in enumerate(model.values()))


def reference(cell, model, sizes, x, h, c):
    """One tick in NumPy."""
    hs, cs = [], []
    for k in range(len(sizes)):
        w = {name[:-1]: np.asarray(m, np.float64) for name, m in model.items() if name.endswith(str(k))}
        if cell == "rnn":
            x = np.maximum(0, w["Wxh"] @ x + w["Whh"] @ h[k] + w["bhh"])
        else:
            z = {g: w[f"W{g}x"] @ x + w[f"W{g}h"] @ h[k] + w[f"b{g}"] for g in "ifoc"}
            i, f, o = (1 / (1 + np.exp(-z[g])) for g in "ifo")
            cs.append(f * c[k] + i * np.tanh(z["c"]))
            x = o * np.tanh(cs[-1])
        hs.append(x)
    return hs, cs, np.asarray(model["Whd"], np.float64) @ x + np.asarray(model["bd"], np.float64)


@cells
@both
@pytest.mark.parametrize("columns", [1, 3, 17])
@pytest.mark.parametrize("sizes", [[1], [8], [5, 9, 2]])
@pytest.mark.parametrize("kind", ["model", "dict", "proxy"])
def test_ticks(cell, dtype, columns, sizes, kind):
    model = INIT[cell](4, sizes, 6, dtype, rng=3)
    for name, m in model.items():
        m.w = values(m.n, m.d, seed=len(name), low=-0.7, high=0.9)
    parameters = {"model": model, "dict": dict(model), "proxy": MappingProxyType(UserDict(model))}[kind]
    h = [np.zeros((size, columns)) for size in sizes]
    c = [np.zeros((size, columns)) for size in sizes]
    G, prev = Graph(), None
    for t in range(4):
        x = mat(4, columns, dtype, seed=t)
        prev = FORWARD[cell](G, parameters, sizes, x, prev)
        h, c, o = reference(cell, model, sizes, np.asarray(x, np.float64), h, c)
        tolerance = 1e-12 if dtype == "float64" else 1e-5
        close(prev.o.w, o, tolerance)
        assert len(prev.h) == len(sizes) and len(prev.c) == (len(sizes) if cell == "lstm" else 0)
        for mats, arrays in ((prev.h, h), (prev.c, c)):
            for m, array in zip(mats, arrays):
                assert np.linalg.norm(m.w - array) <= tolerance * (1 + np.linalg.norm(array))
    assert repr(prev) == f"<tick of {len(sizes)} layers, o 6 x {columns}>"


@cells
def test_the_paths_agree(cell):
    """A Model, a dict of its Mats and single operations give the same gradients."""
    sizes, xs = [3, 4], [mat(2, 3, seed=t) for t in range(5)]
    model = INIT[cell](2, sizes, 3, "float64", rng=1)
    gradients = []
    for parameters in (model, dict(model)):
        for m in (*model.values(), *xs):
            m.zero_gradient()
        G, prev = Graph(), {}
        losses = []
        for x in xs:
            prev = FORWARD[cell](G, parameters, sizes, x, prev)
            losses.append(G.cross_entropy(prev.o, [0, 1, 2]))
        G.backward(G.sum(G.concat_columns(losses)))
        gradients.append({name: m.dw.copy() for name, m in [*model.items(), *enumerate(xs)]})
    for name, gradient in gradients[0].items():
        assert np.abs(gradient).max() > 0
        close(gradients[1][name], gradient, 1e-12)


@cells
def test_state_in_other_forms(cell):
    model = INIT[cell](2, [3], 2, "float64", rng=1)
    x, G = mat(2, 1), Graph()
    first = FORWARD[cell](G, model, [3], x, None)
    expected = FORWARD[cell](G, model, [3], x, first).o.w
    as_mapping = {"h": first.h, "c": first.c, "o": first.o}
    detached = Output([m.copy() for m in first.h], [m.copy() for m in first.c], first.o)
    for prev in (as_mapping, detached, {"h": tuple(first.h), "c": tuple(first.c)}):
        np.testing.assert_array_equal(FORWARD[cell](G, model, [3], x, prev).o.w, expected)
    opening = FORWARD[cell](G, model, [3], x, None).o.w
    for prev in ({}, {"h": [Mat(3, 1, "float64")], "c": [Mat(3, 1, "float64")]}):
        np.testing.assert_array_equal(FORWARD[cell](G, model, [3], x, prev).o.w, opening)


def test_without_history():
    model = recurrentjs.init_lstm(2, [3], 2, rng=1)
    G, prev = Graph(needs_backprop=False), None
    with_history = None
    H = Graph()
    for t in range(50):
        x = mat(2, 1, "float32", seed=t)
        prev = recurrentjs.forward_lstm(G, model, [3], x, prev)
        with_history = recurrentjs.forward_lstm(H, model, [3], x, with_history)
    np.testing.assert_array_equal(prev.o.w, with_history.o.w)
    assert len(G) == 0


def test_added_and_replaced_entries():
    model = recurrentjs.init_lstm(2, [3], 2, "float64", rng=1)
    x, G = mat(2, 1), Graph()
    before = recurrentjs.forward_lstm(G, model, [3], x, None).o.w.copy()
    assert model.is_intact and model.is_whole
    model["Wil"] = Mat(3, 2, "float64")
    assert model.is_intact and not model.is_whole
    np.testing.assert_array_equal(recurrentjs.forward_lstm(G, model, [3], x, None).o.w, before)
    model["bd"] = Mat.from_array([1.0, 2.0], "float64")
    assert not model.is_intact
    close(recurrentjs.forward_lstm(G, model, [3], x, None).o.w, before + np.array([[1], [2]]), 1e-14)
    del model["bd"]
    with pytest.raises(KeyError, match="model lacks 'bd'; expected a Mat"):
        recurrentjs.forward_lstm(G, model, [3], x, None)


def test_copies():
    model = recurrentjs.init_lstm(2, [3], 2, rng=1)
    twin = copy.deepcopy(model)
    assert bits(twin) == bits(model) and list(twin) == list(model)
    twin["bd"].w[...] = 5
    assert not model["bd"].w.any()
    with pytest.raises(TypeError, match=r"dict\(model\) shares"):
        copy.copy(model)
    assert dict(model)["bd"] is model["bd"]


def test_repr():
    assert repr(recurrentjs.init_rnn(1, [2], 1, rng=0)).startswith("<rnn_relu with ")
    assert repr(recurrentjs.init_lstm(1, [2], 1, rng=0)).endswith("Whd bd>")


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        ((0, [3], 2), ValueError, "input_size is .*got 0"),
        ((2, [3], -1), ValueError, r"output_size is out of range; .*got -1"),
        ((2, [3, 0], 2), ValueError, r"hidden_sizes\[1\] is .*got 0"),
        ((2, [], 2), ValueError, "hidden_sizes is empty"),
        ((2, 3, 2), TypeError, "hidden_sizes has the wrong type"),
        ((2, [3.0], 2), TypeError, "float64"),
        ((2, "3", 2), TypeError, "hidden_sizes"),
        ((2, None, 2), TypeError, "hidden_sizes"),
        ((2, [[3]], 2), ValueError, r"hidden_sizes has the wrong shape; .*got 2 dimensions"),
        ((2, [2**63], 2), ValueError, "9223372036854775808"),
        ((2, [2**40], 2), ValueError, "2147483647"),
        ((2, [2**31 - 1], 2), ValueError, "2147483647"),
        ((2, [40000, 40000], 2), ValueError, "2147483647"),
        ((2**62, [1], 2**62), ValueError, "input_size is out of range"),
        ((2.0, [3], 2), TypeError, r"input_size has the wrong type; .*got float"),
        ((2, [3], 2, "int8"), TypeError, r"dtype is unknown; .*got int8"),
        ((2, [3], 2, "float32", "seed"), TypeError, r"rng has the wrong type; .*got str"),
        ((2, [3], 2, "float32", -1), ValueError, r"rng is out of range; .*got -1"),
    ],
)
@cells
def test_bad_sizes(cell, arguments, error, words):
    with pytest.raises(error, match=words):
        INIT[cell](*arguments)


@pytest.mark.parametrize("kind", [lambda model: model, dict], ids=["model", "dict"])
def test_bad_ticks(kind):
    whole = recurrentjs.init_lstm(2, [3, 4], 2, rng=1)
    model, x, G, sizes = kind(whole), mat(2, 1, "float32"), Graph(), [3, 4]
    good = recurrentjs.forward_lstm(G, model, sizes, x, None)
    tick = recurrentjs.forward_lstm
    plain = recurrentjs.init_rnn(2, [3], 2, rng=0)
    other = mat(4, 1, "float64")
    for bad, error, words in (
        (lambda: tick(None, model, sizes, x, None), TypeError, r"G has the wrong type; .*got NoneType"),
        (lambda: tick(G, [model], sizes, x, None), TypeError, r"model has the wrong type; .*got list"),
        (lambda: tick(G, model, sizes, x.w, None), TypeError, r"x has the wrong type; .*got ndarray"),
        (
            lambda: tick(G, model, sizes, mat(3, 1, "float32"), None),
            ValueError,
            "x has the wrong shape; .*got 3 x 1|expected 12 x 3",
        ),
        (lambda: tick(G, model, sizes, mat(2, 1), None), TypeError, "float64|float32"),
        (
            lambda: tick(G, model, sizes, mat(2, 2, "float32"), good),
            ValueError,
            "has the wrong shape; expected (2 x 1, got 2 x 2|3 x 2, got 3 x 1)",
        ),
        (lambda: tick(G, model, [3], x, good), ValueError, r"prev.h has the wrong length; expected 1 layers"),
        (lambda: tick(G, model, sizes, x, {"h": good.h}), TypeError, "prev has no c"),
        (lambda: tick(G, model, sizes, x, 5), TypeError, "prev has no h"),
        (
            lambda: tick(G, model, sizes, x, {"h": [1, 2], "c": [1, 2]}),
            TypeError,
            r"prev.h\[0\] has the wrong type; .*got int",
        ),
        (lambda: tick(G, model, sizes, x, {"h": [good.h[0], other], "c": good.c}), TypeError, "float64"),
        (lambda: tick(G, model, sizes, x, {"h": good.h[::-1], "c": good.c}), ValueError, "4 x 1"),
        (lambda: recurrentjs.forward_rnn(G, model, [3], x, None), (ValueError, KeyError), "an lstm|Wxh0"),
        (lambda: tick(G, kind(plain), [3], x, None), (ValueError, KeyError), "an rnn|Wix0"),
    ):
        count = len(G)
        with pytest.raises(error, match=words):
            bad()
        assert len(G) == count, "a refused tick leaves nothing on the graph"
    with pytest.raises(TypeError, match=r"model\['bi0'\] has the wrong type; .*got int"):
        tick(G, {**model, "bi0": 3}, sizes, x, None)
    with pytest.raises(ValueError, match=r"hidden_sizes is out of range; .*got \[3, 5\]"):
        tick(G, whole, [3, 5], x, None)
    G.backward(G.sum(good.o))
    assert (whole["bd"].dw == 1).all()


def test_a_model_is_a_dict():
    model = recurrentjs.init_rnn(1, [1], 1, rng=0)
    assert isinstance(model, dict) and len(model) == 5 and "Whd" in model
    with pytest.raises(KeyError):
        model["Wix0"]
    assert {**model}.keys() == model.keys()


def test_replaced_parameters_take_effect():
    """The step computes with the entries of the dict, and the solver updates them."""
    model = recurrentjs.init_lstm(2, [3], 2, "float64", rng=0)
    x = recurrentjs.Mat.from_array(np.ones(2))
    assert repr(model).startswith("<lstm with 80 parameters: Wix0 ") and model.flat.n == 80
    stranger = recurrentjs.Mat.from_array(np.array([9.0, 8.0]))
    before = recurrentjs.forward_lstm(recurrentjs.Graph(), model, [3], x, None).o.w.copy()
    own = model["bd"]
    model["bd"] = stranger
    G = recurrentjs.Graph()
    out = recurrentjs.forward_lstm(G, model, [3], x, None)
    np.testing.assert_allclose(out.o.w - before, stranger.w, rtol=1e-12)
    out.o.dw = np.ones((2, 1))
    G.backward()
    recurrentjs.Solver().step(model, 0.5)
    assert (stranger.w < [[9], [8]]).all() and not own.w.any()
    # the buffer is no longer the whole model
    with pytest.raises(
        RuntimeError, match=r"^flat is not the model; expected every parameter as created, got others for bd"
    ):
        _ = model.flat
    with pytest.raises(AttributeError, match=r"^flat is read-only; expected an assignment to flat\.w"):
        model.flat = own
    model["bd"] = own
    model["Wil"] = recurrentjs.Mat(4, 2)
    assert (
        model.flat.n == 80 and repr(model).startswith("<lstm with 88 ") and repr(model).endswith(" bd Wil>")
    )
