"""Central differences in float64 for every operation and both cells; and the checker itself against planted bugs."""

import numpy as np
import pytest

from instances import methods
from operations import OPERATIONS, Operation, operands
from recurrent import Graph, Mat, recurrentjs
from support import HARDEN

STEP, TOLERANCE = 1e-5, 1e-6
SHAPES = 300 if HARDEN else 12


def check(record, arrays, seed=0):
    """The worst relative error, over the operands, of a recording's gradients; all of them at random weights."""
    mats = [Mat.from_array(array, "float64") for array in arrays]
    G = Graph()
    out = record(G, *mats)
    weights = np.random.default_rng(seed).normal(size=out.shape)
    out.dw = weights
    G.backward()

    def value():
        # without history: the other way through an operation, which must agree
        return float((record(Graph(needs_backprop=False), *mats).w * weights).sum())

    worst = 0.0
    for m in mats:
        numeric = np.empty(m.shape)
        for place in np.ndindex(m.shape):
            kept = m.w[place]
            m.w[place] = kept + STEP
            above = value()
            m.w[place] = kept - STEP
            numeric[place] = (above - value()) / (2 * STEP)
            m.w[place] = kept
        worst = max(worst, error(m.dw, numeric))
    return worst


def error(found, numeric):
    """Relative in the L2 norm; gradients too small for differences to resolve count as if they were 1e-4."""
    return float(np.linalg.norm(found - numeric) / max(np.linalg.norm(numeric), 1e-4))


def random_shapes(name, most=5):
    rng = np.random.default_rng(list(name.encode()))
    return [tuple(int(v) for v in rng.integers(1, most + 1, 3)) for _ in range(SHAPES)]


KINKS = {
    "maximum", "minimum", "greater", "greater_equal", "less", "less_equal", "equal", "not_equal"
}  # fmt: skip


def is_near_a_kink(name, arrays):
    first = name.replace(",", "").split()[0]
    if first in KINKS and len(arrays) == 2:
        return np.abs(np.subtract(*arrays)).min() < 1e-3
    if first == "clip":
        return min(np.abs(arrays[0] - limit).min() for limit in (-1.0, 0.1, 0.5)) < 1e-3
    if name != "rnn":
        return False
    x, h, Wx, Wh, b = arrays
    return np.abs(Wx @ x + Wh @ h + b).min() < 1e-3


@pytest.mark.campaign("Gradients of operations that differ from central differences")
@pytest.mark.parametrize("name", OPERATIONS)
def test_operation(name, cases):
    operation = OPERATIONS[name]
    for seed, (n, d, k) in enumerate([(1, 1, 1), *random_shapes(name)]):
        arrays = operands(operation, n, d, k, seed)
        while is_near_a_kink(name, arrays):
            seed += 1000
            arrays = operands(operation, n, d, k, seed)
        worst = check(operation.record, arrays, seed)
        cases(1)
        if name == "detach":
            # the values change, the gradient is that of a constant
            assert worst == 1
        else:
            assert worst < TOLERANCE, f"{(n, d, k)}: {worst:.3g}"


def test_dropout():
    def record(G, m):
        return G.dropout(m, 0.4, rng=3)

    for n, d, _ in random_shapes("dropout"):
        assert check(record, [np.random.default_rng(n).normal(size=(n, d))]) < TOLERANCE


# ---- models: the fast path of a Model, and the path of a plain dict

FORWARD = {"lstm": recurrentjs.forward_lstm, "rnn": recurrentjs.forward_rnn}
INIT = {"lstm": recurrentjs.init_lstm, "rnn": recurrentjs.init_rnn}


@pytest.mark.parametrize("kind", ["model", "dict", "model with an entry replaced"])
@pytest.mark.parametrize("cell", FORWARD)
@pytest.mark.parametrize("sizes", [[3], [2, 4], [1, 1, 1]])
def test_model(cell, kind, sizes):
    T, B, I, O = 3, 2, 3, 2  # noqa: E741
    rng = np.random.default_rng([len(sizes), sizes[0]])
    inputs = [rng.normal(size=(I, B)) for _ in range(T)]
    model = INIT[cell](I, sizes, O, "float64", rng=4)
    for m in model.values():
        # away from relu's kink
        m.w = rng.uniform(0.1, 0.9, m.shape) * (1 if cell == "rnn" else rng.choice([-1, 1], m.shape))
    if kind == "dict":
        model = {name: Mat.from_array(m.w) for name, m in model.items()}
    elif kind != "model":
        model["bd"] = Mat.from_array(model["bd"].w)
    if cell == "rnn":
        inputs = [np.abs(x) for x in inputs]
    names = list(model)

    def record(G, *mats):
        xs, parameters = mats[:T], model
        if kind == "dict":
            parameters = dict(zip(names, mats[T:]))
        prev, outs = None, []
        for x in xs:
            prev = FORWARD[cell](G, parameters, sizes, x, prev)
            outs.append(prev.o)
        return G.concat_columns(outs + prev.h[:0])

    if kind == "dict":
        assert check(record, [*inputs, *(model[name].w for name in names)]) < TOLERANCE
        return
    assert check(record, inputs) < TOLERANCE
    # parameters of a Model are where they are: differences in place
    G = Graph()
    xs = [Mat.from_array(x) for x in inputs]
    for m in (*model.values(), *xs):
        m.zero_gradient()
    out = record(G, *xs)
    G.backward(G.sum(out))

    def value():
        return record(Graph(False), *xs).w.sum()

    for name, m in model.items():
        numeric = np.empty(m.shape)
        for place in np.ndindex(m.shape):
            kept = m.w[place]
            m.w[place] = kept + STEP
            above = value()
            m.w[place] = kept - STEP
            numeric[place] = (above - value()) / (2 * STEP)
            m.w[place] = kept
        assert error(m.dw, numeric) < TOLERANCE, name


def test_expression():
    def record(G, W, x, b, y):
        with G:
            return (((W @ x + b).tanh() * 2 - y / 3) ** 2).mean(axis=1) + (1 - W).sum(axis=1) / 7

    rng = np.random.default_rng(0)
    assert check(record, [rng.normal(size=s) for s in ((3, 4), (4, 5), (3, 1), (3, 5))]) < TOLERANCE


def test_deep_graphs():
    """Backward is a loop: a hundred thousand operations in a row neither recurse nor lose precision."""
    x = Mat.from_array([0.5], "float64")
    G = Graph()
    y = x
    for _ in range(100_000):
        y = G.scale(y, 1.00001)
    G.backward(y)
    assert np.isclose(x.dw.item(), 1.00001**100_000, rtol=1e-9)


# ---- the checker finds planted errors

PLANTED = {
    "a sign": lambda G, a, b: G.sub(G.scale(Mat.from_array(2 * a.w), 1), G.sub(a, b)),
    "a constant where a Mat belongs": lambda G, a, b: G.eltmul(a, Mat.from_array(b.w)),
    "a factor": lambda G, a, b: G.add(G.scale(a, 1 + 1e-5), G.add(G.scale(Mat.from_array(a.w), -1e-5), b)),
    "one element": lambda G, a, b: G.add(
        G.concat_rows([Mat.from_array(a.w[:1]), G.slice_rows(a, 1, a.n - 1)]), b
    ),
    "a term lost": lambda G, a, b: G.add(G.tanh(a), G.add(b, G.square(Mat.from_array(a.w)))),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_the_checker_catches(bug):
    arrays = [np.random.default_rng(i).uniform(0.3, 1, (3, 2)) for i in range(2)]
    assert check(PLANTED[bug], arrays) > TOLERANCE
    assert check(OPERATIONS["eltmul"].record, arrays) < TOLERANCE


def test_every_operation_is_here():
    no_operations = {
        "backward",
        "evaluate",
        "reset",
        "operations",
        "svg",
        "needs_backprop",
        "dropout",
        "scan",
        "forest",
        "attend",
        "zoneout",
        "name",
        "apply",
    }
    public = set(methods(Graph)) - no_operations
    assert public <= {name.split(" ")[0].rstrip(",") for name in OPERATIONS}
    assert all(isinstance(operation, Operation) for operation in OPERATIONS.values())
