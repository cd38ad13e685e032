"""Graph and expressions: RecurrentJS's names, values against NumPy, laziness, several graphs, loops, refusals."""

import gc
import math
import threading

import numpy as np
import pytest

import recurrent
from operations import OPERATIONS, operands
from recurrent import Graph, Mat, no_grad, recurrentjs
from support import DTYPES, close, mat, objects, resident, values

both = pytest.mark.parametrize("dtype", DTYPES)


@both
@pytest.mark.parametrize("needs_backprop", [True, False])
@pytest.mark.parametrize("name", OPERATIONS)
def test_values(name, needs_backprop, dtype):
    operation = OPERATIONS[name]
    for seed, (n, d, k) in enumerate([(1, 1, 1), (3, 2, 4), (7, 9, 5), (17, 1, 8), (33, 16, 31), (1, 40, 3)]):
        arrays = operands(operation, n, d, k, seed, dtype)
        out = operation.record(Graph(needs_backprop), *(Mat.from_array(a) for a in arrays))
        expected = operation.numpy(*(a.astype(np.float64) for a in arrays))
        assert out.dtype == dtype and out.shape == expected.shape
        close(out.w, expected, 1e-13 if dtype == "float64" else 3e-6)


def test_every_method_of_a_mat():
    m = Mat.from_array(values(3, 4, low=0.5, high=2))
    x = m.w.copy()
    for name in ("tanh", "sigmoid", "relu", "leaky_relu", "gelu", "silu", "softplus", "exp", "log", "sqrt", "square",
                 "abs", "softmax", "log_softmax"):  # fmt: skip
        close(getattr(m, name)().w, OPERATIONS[name].numpy(x), 1e-13)
    close(m.leaky_relu(0.5).w, x, 1e-13)
    close(m.sum().w, x.sum(), 1e-13)
    close(m.sum(axis=0).w, x.sum(0), 1e-13)
    close(m.mean(axis=1).w, x.mean(1), 1e-13)
    close(m.dot(m).w, (x * x).sum(), 1e-13)
    close(m.T.w, x.T, 0)


# ---- recorded operations


@both
@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_are_named_as_they_were_called(name, dtype):
    operation, G = OPERATIONS[name], Graph()
    mats = [Mat.from_array(a) for a in operands(operation, 3, 2, 4, 0, dtype)]
    out = operation.record(G, *mats)
    recorded = G.operations
    expected = {"slice_rows": "tanh", "slice_columns": "tanh"}.get(name, name.replace(",", "").split()[0])
    assert recorded[0].name == expected and len(recorded) == len(G) == (2 if name == "lstm" else 1)
    assert recorded[-1][1:3] == out.shape and recorded[-1].w == address(out)
    places = {address(m): m.shape for m in mats}
    for operand in recorded[0].operands:
        assert operand.operation is None
        if not name.startswith("slice"):
            assert (operand.n, operand.d) == places[operand.w]
    assert {operand.w for operand in recorded[0].operands} == set(places) or name.startswith("slice")


def test_operands_are_where_they_come_from():
    G, x = Graph(), Mat(2, 3)
    h, c = G.lstm(x, Mat(4, 3), Mat(4, 3), Mat(16, 2), Mat(16, 4), Mat(16, 1))
    part = G.slice_rows(c, 1, 2)
    G.add(G.sum(part), G.sum(h))
    lstm, first, second, add = G.operations
    assert [p.operation for p in first.operands + second.operands + add.operands] == [0, 0, 1, 2]
    assert (first.operands[0].n, first.operands[0].d) == (2, 3)
    assert first.operands[0].w == address(part) == lstm.w + 4 * (4 + 1)
    # any number of operands; a column that stands for many is one
    G.reset()
    G.concat_rows([x] * 100)
    G.add(x, Mat(2, 1))
    whole, add = G.operations
    assert [p.w for p in whole.operands] == [address(x)] * 100 and whole.n == 200
    assert [(p.operation, p.n, p.d) for p in add.operands] == [(None, 2, 3), (None, 2, 1)]
    # nothing is left after a reset
    G.reset()
    assert G.operations == [] == Graph(needs_backprop=False).operations


def address(m):
    return m.w.ctypes.data


# ---- operators

B = values(3, 4, seed=1, low=0.5, high=2)


@both
@pytest.mark.parametrize(
    "expression",
    [
        lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b,
        lambda a, b: a + 2, lambda a, b: 2 + a, lambda a, b: a - 2, lambda a, b: 2 - a,
        lambda a, b: a * 2, lambda a, b: 2 * a, lambda a, b: a / 4, lambda a, b: 4 / a,
        lambda a, b: -a, lambda a, b: abs(-a), lambda a, b: a**2, lambda a, b: a**0.5,
        lambda a, b: (-a) ** 3, lambda a, b: a**1, lambda a, b: (-a) ** 13,
        lambda a, b: np.float32(2) * a, lambda a, b: a * np.float64(3), lambda a, b: np.int64(2) + a,
        lambda a, b: np.float64(1) / a, lambda a, b: a - np.float32(1),
    ],
)  # fmt: skip
def test_operators(expression, dtype):
    a, b = values(3, 4, dtype, low=0.5, high=2), B.astype(dtype)
    found = expression(Mat.from_array(a), Mat.from_array(b))
    assert isinstance(found, Mat) and found.dtype == dtype
    close(
        found.w, expression(a.astype(np.float64), b.astype(np.float64)), 1e-14 if dtype == "float64" else 1e-6
    )


def test_a_single_number_is_a_number():
    """A (1, 1) Mat formats, compares and rounds as its value."""
    loss, other = Mat.from_array([1.5], "float64").square().sum(), Mat.from_array([3.0], "float64")
    assert f"{loss:.3f}" == "2.250" and f"{loss:8.1e}" == " 2.2e+00" and f"{loss}" == repr(loss)
    assert round(loss, 1) == 2.2 and round(loss) == 2
    assert loss < 3 and loss <= 2.25 and loss > np.float32(2) and loss >= 2 and loss < other and loss < 3
    assert not loss < 2 and min([other, loss]) is loss
    assert loss < math.inf and not loss > 10**400 and loss > -(10**400)
    for call in (lambda m: f"{m:.3f}", lambda m: round(m), bool, lambda m: not m < 3):
        with pytest.raises(ValueError, match=r"1, 1|1 x 1"):
            call(Mat(2, 1))
    with pytest.raises(TypeError, match="not supported between"):
        loss < "3"  # noqa: B015


def test_a_kept_loss_keeps_no_graph():
    W, z, kept = Mat.uniform(50, 50, -0.1, 0.1, rng=0), np.ones((50, 20)), []
    for _ in range(3):
        loss = (W @ z).tanh().square().sum()
        loss.backward()
        kept.append(loss)
    assert loss.dw.item() == 1 and loss._graph is None
    before, memory = objects(), resident()
    for _ in range(300):
        loss = (W @ z).tanh().square().sum()
        loss.backward()
        kept.append(loss)
    assert objects() == before + 300 and resident() - memory < 1 << 20
    assert kept[0].item() == kept[-1].item()
    with pytest.raises(ValueError, match="a loss whose backward pass is done"):
        loss.backward()


@both
def test_arrays_on_either_side(dtype):
    a, b = values(3, 4, dtype, low=0.5, high=2), B.astype(dtype)
    m, tolerance = Mat.from_array(a), 1e-14 if dtype == "float64" else 1e-6
    for found, expected in (
        (m + b, a + b), (b + m, b + a), (m - b, a - b), (b - m, b - a), (m * b, a * b), (b * m, b * a), (m / b, a / b),
        (b / m, b / a), (m @ b.T, a @ b.T), (b.T @ m, b.T @ a), (b[::-1].T @ m, b[::-1].T @ a),
        (m + b[:, :1], a + b[:, :1]), (m @ np.ones(4), a @ np.ones((4, 1))), (m * np.array(2.0), a * 2),
        (np.array(2.0) + m, a + 2),
        (np.array(3) - m, 3 - a),
    ):  # fmt: skip
        assert isinstance(found, Mat) and found.dtype == dtype
        close(found.w, expected, tolerance)
    # an array of the other type is brought to the Mat's
    assert (m + b.astype("float64")).dtype == dtype
    (b.T @ m).sum().backward()
    close(m.dw, b @ np.ones((4, 4), dtype), tolerance)


@pytest.mark.parametrize(
    "expression, error, words",
    [
        (lambda m: m + "a", TypeError, "unsupported operand"),
        (lambda m: [1] * m, TypeError, "list|sequence"),
        (lambda m: m + None, TypeError, "unsupported operand"),
        (lambda m: m @ 2, TypeError, "unsupported operand"),
        (lambda m: 2 @ m, TypeError, "unsupported operand"),
        (lambda m: m * True, TypeError, "unsupported operand"),
        (lambda m: m + True, TypeError, "unsupported operand"),
        (lambda m: m / False, TypeError, "unsupported operand"),
        (lambda m: m * 1j, TypeError, "unsupported operand"),
        (lambda m: m * np.complex64(1), TypeError, "unsupported operand|ufuncs"),
        (lambda m: m * 10**400, ValueError, "finite"),
        (lambda m: m * float("nan"), ValueError, "nan"),
        (lambda m: m + float("inf"), ValueError, "inf"),
        (lambda m: m / 0, ZeroDivisionError, "the operand is 0"),
        (lambda m: m / 1e-320, ValueError, "finite|0"),
        (
            lambda m: m ** float("nan"),
            ValueError,
            r"exponent is out of range; expected a finite number, got nan",
        ),
        (
            lambda m: m ** float("inf"),
            ValueError,
            r"exponent is out of range; expected a finite number, got inf",
        ),
        (
            lambda m: m + np.ones(3),
            ValueError,
            r"operand has the wrong shape; .*\(3, 1\) for each column, got \(3,\)",
        ),
        (lambda m: np.ones(4) * m, ValueError, r"operand has the wrong shape; .*got \(4,\)"),
        (lambda m: m**m, TypeError, "exponent has the wrong type; expected a number, got Mat"),
        (lambda m: m + np.ones((3, 3)), ValueError, "3 x 4.*3 x 3"),
        (lambda m: m @ m, ValueError, "3 x 4.*3 x 4"),
        (lambda m: m + np.ones((1, 1, 1)), ValueError, "3 dimensions"),
        (lambda m: m + np.array([["a"]]), TypeError, "<U1"),
        (
            lambda m: m + Mat(3, 4, "float32"),
            TypeError,
            r"b has the wrong dtype; expected float64 as the other Mats, got float32",
        ),
        (lambda m: m.sum(axis=2), ValueError, r"axis is unknown; .*got 2"),
        (lambda m: m.sum(axis="rows"), TypeError, "axis has the wrong type; .*got str"),
        (lambda m: m.sum(axis=[0]), TypeError, "axis has the wrong type; .*got list"),
        (lambda m: m.dot(3), TypeError, r"other has the wrong type; .*got int"),
        (lambda m: m.backward(), ValueError, "no recorded history"),
    ],
)
def test_operators_refuse(expression, error, words):
    m = Mat.from_array(values(3, 4))
    with pytest.raises(error, match=words):
        expression(m)
    # and everything still works
    loss = (m * 2).sum()
    loss.backward()
    assert (m.dw == 2).all()


def test_order_of_the_tape():
    """The expression of the README, by hand."""
    W, x, b, y = (
        Mat.from_array(values(*shape, seed=k)) for k, shape in enumerate([(3, 4), (4, 2), (3, 1), (3, 2)])
    )
    loss = ((W @ x + b).tanh() - y).square().sum()
    loss.backward()
    t = np.tanh(W.w @ x.w + b.w)
    slope = 2 * (t - y.w) * (1 - t**2)
    close(loss.w, ((t - y.w) ** 2).sum(), 1e-13)
    close(W.dw, slope @ x.w.T, 1e-12)
    close(x.dw, W.w.T @ slope, 1e-12)
    close(b.dw, slope.sum(1), 1e-12)
    close(y.dw, -2 * (t - y.w), 1e-12)


# ---- the graph


def test_laziness(graph):
    x = Mat.from_array([1.0, 2.0], "float64")
    y = graph.square(x)
    # access to w evaluates the graph, so that a later write changes no earlier result
    x.w[...] = 5
    np.testing.assert_array_equal(y.w[:, 0], [1, 4])
    z = graph.square(x)
    x.w = [7, 7]
    np.testing.assert_array_equal(z.w[:, 0], [25, 25])
    y2 = graph.square(x)
    x.fill(9)
    np.testing.assert_array_equal(y2.w[:, 0], [49, 49])
    assert len(graph) == 3


def test_a_solver_step_changes_nothing_recorded():
    model = {"W": Mat.from_array([2.0], "float64")}
    G = Graph()
    y = G.square(model["W"])
    model["W"].dw[...] = 1
    recurrentjs.Solver().step(model, 0.1, 0, 5)
    assert y.item() == 4
    assert model["W"].item() != 2


def test_accumulation(graph):
    x = Mat.from_array([3.0], "float64")
    graph.backward(graph.add(graph.square(x), graph.eltmul(x, x)))
    assert x.dw.item() == 12
    graph.reset()
    graph.backward(graph.square(x))
    assert x.dw.item() == 18


def test_backward_by_hand(graph):
    """As RecurrentJS: dw is set on results, several of them, then one walk."""
    x = mat(3, 2)
    a, b = graph.tanh(x), graph.square(x)
    a.dw = values(3, 2, seed=1)
    b.dw[0, 0] = 2
    assert graph.backward() is None
    expected = values(3, 2, seed=1) * (1 - np.tanh(x.w) ** 2)
    expected[0, 0] += 2 * 2 * x.w[0, 0]
    close(x.dw, expected, 1e-13)


def test_backward_twice(graph):
    x = mat(2, 2)
    loss = graph.sum(x)
    graph.backward(loss)
    with pytest.raises(RuntimeError, match="already"):
        graph.backward(loss)
    with pytest.raises(RuntimeError, match="already"):
        graph.backward()
    assert (x.dw == 1).all()
    graph.reset()
    graph.backward(graph.sum(x))
    assert (x.dw == 2).all()


def test_backward_refuses(graph):
    x = mat(2, 2)
    y = graph.tanh(x)
    with pytest.raises(
        ValueError, match=r"loss has the wrong shape; expected 1 x 1 \(sum it, or set its dw\), got 2 x 2"
    ):
        y.backward()
    with pytest.raises(
        ValueError, match=r"loss is foreign; expected a result of this graph, got another Mat"
    ):
        graph.backward(Mat(1, 1, "float64"))
    with pytest.raises(
        ValueError, match=r"loss is foreign; expected a result of this graph, got another Mat"
    ):
        graph.backward(Graph().sum(x))
    with pytest.raises(TypeError, match=r"loss has the wrong type; .*got float"):
        graph.backward(1.0)
    with pytest.raises(RuntimeError, match="history"):
        Graph(needs_backprop=False).backward()
    graph.sum(y).backward()
    close(x.dw, 1 - np.tanh(x.w) ** 2, 1e-13)


def test_stale_results(graph):
    x = mat(2, 2)
    y = graph.tanh(x)
    view = y.w
    graph.reset()
    assert len(graph) == 0
    for access in (
        lambda: y.w, lambda: y.dw, lambda: graph.tanh(y), lambda: Graph().tanh(y), lambda: y.copy(),
        lambda: y.view(0, 0, 1, 1), lambda: y.fill(1), lambda: y.zero_gradient(), lambda: recurrent.softmax(y),
        lambda: graph.slice_rows(y, 0, 1),
        lambda: recurrentjs.Solver().step({"y": y}, 0.1, 0, 1), lambda: graph.backward(y), lambda: y.item(),
    ):  # fmt: skip
        with pytest.raises((RuntimeError, ValueError), match=r"reset|1 x 1|\(1, 1\)"):
            access()
    with pytest.raises(RuntimeError, match="reset"):
        y.w  # noqa: B018
    # the view stays safe to read, whatever stands there now
    graph.exp(x).w  # noqa: B018
    assert view.shape == (2, 2)


def test_no_history():
    G = Graph(needs_backprop=False)
    x = mat(3, 3)
    y = G.tanh(x)
    assert len(G) == 0 and repr(G) == "<Graph without history>"
    # a Mat of its own, computed at once
    before = y.w.copy()
    x.w[...] = 0
    np.testing.assert_array_equal(y.w, before)
    del G
    gc.collect()
    np.testing.assert_array_equal(y.w, before)
    with no_grad() as quiet:
        z = (x + 1).exp()
        assert isinstance(quiet, Graph) and not quiet.needs_backprop
    close(z.w, np.full((3, 3), np.e), 1e-14)
    with pytest.raises(ValueError, match="no recorded history"):
        z.sum().backward() if False else z.view(0, 0, 1, 1).backward()


def test_with():
    x = mat(2, 2)
    with Graph() as G:
        y = (x * 2).tanh()
        with Graph() as inner:
            z = x.square()
        w = y + 0.0
    assert len(inner) == 1 and len(G) == 3
    assert y._graph is G and z._graph is inner and w._graph is G
    with pytest.raises(KeyError), Graph() as failing:
        raise KeyError
    assert (x + x)._graph is not failing
    # in one thread only
    seen = []
    with Graph() as G:
        thread = threading.Thread(target=lambda: seen.append((mat(2, 2) + 1)._graph))
        thread.start()
        thread.join()
    assert seen[0] is not G


def test_repr():
    G = Graph()
    G.tanh(mat(1, 1))
    assert repr(G) == "<Graph of 1 operations>" and G
    G.backward()
    assert repr(G) == "<Graph of 1 operations, backward done>"
    with pytest.raises(TypeError, match=r"needs_backprop has the wrong type; .*got int"):
        Graph(1)


# ---- several graphs


def test_a_result_of_another_graph_is_refused_before_its_backward_pass():
    """Its gradient would end at the border between the graphs."""
    x = Mat.from_array([0.5, 0.25], "float64")
    outside = x.sigmoid()
    with Graph() as G:
        kept = x * 2
        with pytest.raises(
            ValueError,
            match=r"a is a result of another graph; .*\(of 1 operations\), got the sigmoid of a graph of \d+",
        ):
            outside * kept
        with pytest.raises(ValueError, match="record both on one graph, or copy the result"):
            outside.square()
        assert len(G) == 1
        # a constant
        loss = (outside.copy() * kept).sum()
    loss.backward()
    close(x.dw, 2 * outside.w, 1e-14)
    # its own graph still has its gradient
    outside.sum().backward()
    close(x.dw, 2 * outside.w + outside.w * (1 - outside.w), 1e-14)


def test_the_whole_expression_on_one_graph_has_the_whole_gradient():
    x = Mat.from_array([[0.7]], "float64")
    with Graph():
        (x.sigmoid() * 2).square().backward()
    s = 1 / (1 + np.exp(-0.7))
    close(x.dw, [[8 * s * s * (1 - s)]], 1e-14)


def test_a_graph_without_history_reads_any_result():
    x = Mat.from_array([0.5, 0.25], "float64")
    y = x.tanh()
    with recurrent.no_grad():
        close((y * 3).w, 3 * np.tanh(x.w), 1e-14)


def test_after_its_backward_pass_a_result_is_a_constant():
    A, B, C = Graph(), Graph(), Graph()
    x = Mat.from_array([0.5, 0.25], "float64")
    y = A.exp(x)
    A.backward(A.sum(y))
    gradient = x.dw.copy()
    z2 = B.square(y)
    z3 = C.square(y)
    # writing into a result changes nothing that was recorded from it
    y.w[...] = 0
    close(z2.w[:, 0], np.exp([1.0, 0.5]), 1e-14)
    close(z3.w, z2.w, 0)
    B.backward(B.sum(z2))
    close(x.dw, gradient, 0)


@pytest.mark.parametrize("end", ["reset", "free"])
def test_a_graph_ends_while_another_reads_it(end):
    x = Mat.from_array([0.5, 0.25], "float64")
    A, B = Graph(), Graph()
    y = A.tanh(x)
    A.backward()
    z, later = B.square(y), B.exp(y)
    loss = B.sum(z)
    z.w  # noqa: B018
    if end == "reset":
        A.reset()
    else:
        A, y = Graph(), None
        gc.collect()
    # the memory must not be given to others while B may still read it and write gradients there
    u = A.exp(Mat.from_array([3.0, 4.0], "float64"))
    expected = u.w.copy()
    close(later.w[:, 0], np.exp(np.tanh([0.5, 0.25])), 1e-14)
    B.backward(loss)
    np.testing.assert_array_equal(u.w, expected)
    assert not u.dw.any()
    # A is usable afterwards
    for _ in range(3):
        B.reset()
        A.reset()
        close(A.exp(x).w[:, 0], np.exp([0.5, 0.25]), 1e-14)


def test_expressions_do_not_disturb_each_other():
    """The default graph is reset once its results are unreferenced; graphs that read one are unaffected."""
    x, far = Mat.from_array([0.5], "float64"), Mat.from_array([4.0], "float64")
    h = x.tanh()
    h.sum().backward()
    with Graph():
        loss = h.square().sum()
    del h
    other = far.exp()
    assert np.isclose(loss.item(), np.tanh(0.5) ** 2)
    loss.backward()
    assert np.isclose(other.item(), np.exp(4.0))
    other.sum().backward()
    assert np.isclose(far.dw.item(), np.exp(4.0))


def test_expressions_of_both_types():
    """Each type has a graph of its own, so that one expression does not decide for the next."""
    narrow, wide = mat(2, 2, "float32"), mat(2, 2, "float64")
    kept = narrow.tanh(), wide.tanh(), narrow.exp(), wide.exp()
    assert [m.dtype for m in kept] == ["float32", "float64"] * 2
    kept[0].sum().backward()
    kept[3].sum().backward()
    close(wide.dw, np.exp(wide.w), 1e-14)


def test_mixed_types(graph):
    a, b = Mat(2, 2), Mat(2, 2, "float64")
    with pytest.raises(
        TypeError, match=r"b has the wrong dtype; expected float32 as the other Mats, got float64"
    ):
        graph.add(a, b)
    # a refusal decides nothing: the graph is still free to be either
    graph.tanh(b)
    with pytest.raises(
        TypeError, match=r"m has the wrong dtype; expected float64 as the other Mats, got float32"
    ):
        graph.tanh(a)
    graph.reset()
    graph.tanh(a)


def test_a_refusal_leaves_the_graph_usable(graph):
    x = mat(3, 2)
    y = graph.tanh(x)
    for bad, error, words in (
        (lambda: graph.mul(x, y), ValueError, "3 x 2.*3 x 2"),
        (lambda: graph.add(x, mat(2, 2)), ValueError, "3 x 2.*2 x 2"),
        (lambda: graph.add(x, mat(1, 3)), ValueError, "3 x 2.*1 x 3"),
        (lambda: graph.maximum(x, mat(2, 1)), ValueError, "expected equal numbers of rows and of columns, or 1"),
        (lambda: graph.where(x, x, mat(2, 2)), ValueError, "condition, a and b of where.*got 3 x 2, 3 x 2 and 2 x 2"),
        (lambda: graph.where(x, 1, x), TypeError, "a has the wrong type; expected a Mat"),
        (lambda: graph.clip(x, 2, 1), ValueError, "low is above high; expected at most 1.0, got 2.0"),
        (lambda: graph.clip(x, math.nan), ValueError, "low is not a number; expected a number or -inf, got nan"),
        (lambda: graph.clip(x, high=math.nan), ValueError, "high is not a number"),
        (lambda: graph.clip(x, "a"), TypeError, "low has the wrong type; expected a number, got str"),
        (lambda: graph.pow(x, math.inf), ValueError, "exponent is out of range; expected a finite number, got inf"),
        (lambda: graph.max(x, 2), ValueError, "axis is unknown; expected one of None, 0, 1, got 2"),
        (lambda: graph.cumsum(x, None), TypeError, "axis has the wrong type; expected an int, got NoneType"),
        (lambda: graph.cumsum(x, -1), ValueError, "axis is unknown; expected one of 0, 1, got -1"),
        (lambda: graph.reshape(x, 4, -1), ValueError, r"shape does not fit; expected 6 .* got 4 x -1"),
        (lambda: graph.reshape(x, -1, -1), ValueError, "got -1 x -1"),
        (lambda: graph.reshape(x, 0, 6), ValueError, "got 0 x 6"),
        (lambda: graph.reshape(x, 2**62, 4), ValueError, "got 4611686018427387904 x 4"),
        (lambda: graph.stack([x, mat(2, 3)], 0), ValueError, r"mats\[1\] has the wrong shape; expected 3 x 2"),
        (lambda: graph.stack([], 0), ValueError, "mats is empty; expected at least one Mat, got 0"),
        (lambda: graph.index_select(x, [0, 3], 0), IndexError, r"indices\[1\] is out of range; expected 0 to 2, got 3"),
        (lambda: graph.index_select(x, 2, 1), IndexError, r"indices\[0\] is out of range; expected 0 to 1, got 2"),
        (lambda: graph.index_select(x, [], 1), ValueError, "at least 1 index"),
        (lambda: graph.bmm(x, x, 3), ValueError, "batches is out of range; expected a divisor of .* 2 and 2, got 3"),
        (lambda: graph.bmm(x, x, 0), ValueError, "batches is out of range"),
        (lambda: graph.bmm(x, x, 1), ValueError, "as many columns in a as rows in b, got 3 x 2"),
        (lambda: graph.bmm(x, mat(2, 2), 2, True), ValueError, "as many rows in a as rows in b"),
        (lambda: graph.bmm(x, x, 1, 1), TypeError, "transpose_a has the wrong type; expected a bool, got int"),
        (lambda: graph.detach(1), TypeError, "m has the wrong type"),
        (lambda: graph.dot(x, mat(2, 3)), ValueError, "3 x 2.*2 x 3"),
        (lambda: graph.squared_error(x, mat(3, 1)), ValueError, "3 x 2.*3 x 1"),
        (lambda: graph.squared_error(x, x, "max"), ValueError, "reduction is unknown; expected one of 'mean', 'sum'"),
        (lambda: graph.row_pluck(x, 3), IndexError, r"rows\[0\] is out of range; expected 0 to 2, got 3"),
        (lambda: graph.row_pluck(x, [0, -1]), IndexError, r"rows\[1\] is out of range; expected 0 to 2, got \-1"),
        (lambda: graph.row_pluck(x, []), ValueError, "at least"),
        (lambda: graph.row_pluck(x, 1.0), TypeError, r"rows has the wrong type; .*got elements of type float64"),
        (lambda: graph.row_pluck(x, [[0]]), ValueError, r"rows has the wrong shape; .*got 2 dimensions"),
        (lambda: graph.row_pluck(x, [2**63]), ValueError, "9223372036854775808"),
        (lambda: graph.row_pluck(x, [True]), TypeError, "bool"),
        (lambda: graph.row_pluck(x, "a"), TypeError, r"rows has the wrong type; .*got elements of type <U1"),
        (lambda: graph.cross_entropy(x, [0]), ValueError, "targets has the wrong length"),
        (lambda: graph.cross_entropy(x, [0, 3]), IndexError, r"targets\[1\] is out of range; expected 0 to 2, got 3"),
        (lambda: graph.cross_entropy(x, [0, None]), TypeError, "object"),
        (lambda: graph.concat_rows([x, mat(1, 3)]), ValueError, r"mats\[1\] has the wrong shape; .*got 1 x 3"),
        (lambda: graph.concat_columns([x, mat(1, 3)]), ValueError, r"mats\[1\] has the wrong shape; .*got 1 x 3"),
        (lambda: graph.concat_rows([]), ValueError, "at least one"),
        (lambda: graph.concat_rows(x), TypeError, r"mats has the wrong type; .*got Mat"),
        (lambda: graph.concat_rows([x, 3]), TypeError, r"mats\[1\] has the wrong type; .*got int"),
        (lambda: graph.slice_rows(x, 2, 2), IndexError, r"rows are out of range; .*got rows from 2, 2 of them"),
        (lambda: graph.slice_columns(x, -1, 1), IndexError, "columns from -1"),
        (lambda: graph.slice_columns(x, 0, 0), IndexError, "0 of them"),
        (lambda: graph.slice_rows(x, 0.0, 1), TypeError, r"start has the wrong type; .*got float"),
        (lambda: graph.dropout(x, 1.0), ValueError, "rate is .*got 1"),
        (lambda: graph.dropout(x, -0.1), ValueError, "rate is .*got -0.1"),
        (lambda: graph.dropout(x, 0.5, rng="a"), TypeError, r"rng has the wrong type; .*got str"),
        (lambda: graph.layer_norm(x, x, x), ValueError, "gain has the wrong shape; expected 3 x 1, got 3 x 2"),
        (lambda: graph.layer_norm(x, mat(3, 1), mat(3, 1), 0), ValueError, r"epsilon is out of range; .*got 0"),
        (lambda: graph.leaky_relu(x, None), TypeError, "slope has the wrong type"),
        (lambda: graph.scale(x, float("inf")), ValueError, r"factor is out of range; .*got inf"),
        (lambda: graph.rnn(x, x, x, x, x), ValueError, "Wx of rnn has the wrong shape; expected 3 x 3, got 3 x 2"),
        (lambda: graph.lstm(x, x, x, x, x, x), ValueError, "Wx of lstm has the wrong shape; expected 12 x 3"),
        (lambda: graph.tanh(x.w), TypeError, "m has the wrong type; expected a Mat, as of Mat.from_array"),
        (lambda: graph.mul(x, 2), TypeError, r"b has the wrong type; .*got int"),
        (lambda: graph.sum(x, 5), ValueError, "axis is unknown; expected one of None, 0, 1, got 5"),
    ):  # fmt: skip
        with pytest.raises(error, match=words):
            bad()
        assert len(graph) == 1
    graph.backward(graph.sum(y))
    close(x.dw, 1 - np.tanh(x.w) ** 2, 1e-13)


def test_dropout():
    x = Mat(200, 50, "float64").fill(1)
    G = Graph()
    y = G.dropout(x, 0.3, rng=1)
    assert set(np.unique(y.w)) == {0, 1 / 0.7}
    assert abs((y.w == 0).mean() - 0.3) < 0.02
    G.backward(G.sum(y))
    np.testing.assert_array_equal(x.dw, y.w)
    np.testing.assert_array_equal(Graph().dropout(x, 0.3, rng=1).w, y.w)
    np.testing.assert_array_equal(Graph(False).dropout(x, 0.3, rng=1).w, y.w)
    np.testing.assert_array_equal(G.dropout(x, 0.0).w, x.w)
    # a refused draw leaves the generator where it was
    rng = recurrent.Random(3)
    before = rng.state
    with pytest.raises(TypeError, match="float32"):
        G.dropout(Mat(2, 2), 0.5, rng)
    assert rng.state == before


def test_slices_are_views(graph):
    x = mat(4, 4)
    y = graph.tanh(x)
    part = graph.slice_columns(y, 1, 2)
    assert np.shares_memory(part.w, y.w) and np.shares_memory(part.dw, y.dw)
    assert len(graph) == 1
    graph.backward(graph.sum(part))
    expected = 1 - np.tanh(x.w) ** 2
    expected[:, [0, 3]] = 0
    close(x.dw, expected, 1e-13)


def test_extremes():
    big = Mat.from_array([[-1e4, 1e4, 0.0], [1e4, -1e4, 0.0]], "float64")
    close(big.sigmoid().w, [[0, 1, 0.5], [1, 0, 0.5]], 0)
    close(big.softmax().w, [[0, 1, 0.5], [1, 0, 0.5]], 0)
    close(big.softplus().w, [[0, 1e4, np.log(2)], [1e4, 0, np.log(2)]], 1e-15)
    close(Graph().cross_entropy(big, [0, 0, 0], "sum").w, 2e4 + np.log(2), 1e-15)
    nan = Mat.from_array([np.nan], "float64")
    for name in ("tanh", "sigmoid", "gelu", "silu", "softplus", "exp", "log", "sqrt", "square", "abs"):
        assert np.isnan(getattr(nan, name)().w).all(), name
    assert Mat.from_array([0.0], "float64").log().item() == -np.inf
    assert np.isnan(Mat.from_array([-1.0], "float64").sqrt().w).all()


# ---- loops


def steady(step, count=20_000, most=2 << 20):
    """Neither objects nor memory grow."""
    for _ in range(count // 10):
        step()
    alive, memory = objects(), resident()
    for _ in range(count):
        step()
    assert recurrent._c.lib.recurrent_object_count() <= alive + 8
    assert objects() == alive
    assert resident() - memory < most


def test_expressions_in_a_loop():
    W, x = mat(4, 3), mat(3, 2)
    kept = []

    def step():
        loss = (W @ x).tanh().square().sum()
        loss.backward()
        # what a loop typically still holds when it comes round
        kept[:] = [loss]

    steady(step)


def test_a_graph_in_a_loop():
    W, x = mat(4, 3), mat(3, 2)
    G = Graph()

    def step():
        G.reset()
        G.backward(G.sum(G.tanh(G.mul(W, x))))

    steady(step)


def test_new_graphs_in_a_loop():
    W, x = mat(4, 3), mat(3, 2)

    def step():
        with Graph():
            (W @ x).sum().backward()

    steady(step)


def test_no_grad_in_a_loop():
    W, h = mat(3, 3), [Mat(3, 1, "float64")]

    def step():
        with no_grad():
            h[0] = (W @ h[0] + 1).sigmoid()

    steady(step)


def test_failures_in_a_loop():
    W, x = mat(4, 3), mat(3, 2)

    def step():
        with pytest.raises(ValueError):
            (W @ x) @ x

    steady(step, 2_000)
