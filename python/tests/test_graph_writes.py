"""Writes between recording and backward, and operations that no loss depends on."""

import numpy as np
import pytest

import recurrent
from recurrent import Graph, Mat

OPERATIONS = {
    "mul": lambda G, W, x: G.mul(W, x),
    "eltmul": lambda G, W, x: G.eltmul(W, x),
    "div": lambda G, W, x: G.div(x, W),
    "add": lambda G, W, x: G.add(W, x),
    "dot": lambda G, W, x: G.dot(W, x),
    "squared_error": lambda G, W, x: G.squared_error(W, x),
    "softmax": lambda G, W, x: G.softmax(W),
    "log_softmax": lambda G, W, x: G.log_softmax(W),
    "cross_entropy": lambda G, W, x: G.cross_entropy(W, [0, 1]),
    "layer_norm": lambda G, W, x: G.layer_norm(W, x.view(0, 0, 2, 1), x.view(0, 1, 2, 1)),
    "rnn": lambda G, W, x: G.rnn(x, x, W, W, x.view(0, 0, 2, 1)),
    "transpose": lambda G, W, x: G.transpose(W),
    "reverse_sequence": lambda G, W, x: G.reverse_sequence(W, 2),
    "concat_rows": lambda G, W, x: G.concat_rows([W, x]),
    "row_pluck": lambda G, W, x: G.row_pluck(W, [1, 0]),
    "pow": lambda G, W, x: G.pow(W, 1.5),
    "clip": lambda G, W, x: G.clip(W, 1.5, 3.5),
    "maximum": lambda G, W, x: G.maximum(W, x),
    "minimum": lambda G, W, x: G.minimum(W, x),
    "greater": lambda G, W, x: G.greater(W, x),
    "where": lambda G, W, x: G.where(x, W, x),
    "max": lambda G, W, x: G.max(W, 1),
    "min": lambda G, W, x: G.min(W, 0),
    "norm": lambda G, W, x: G.norm(W),
    "logsumexp": lambda G, W, x: G.logsumexp(W, 1),
    "cumsum": lambda G, W, x: G.cumsum(W, 1),
    "bmm": lambda G, W, x: G.bmm(W, x.view(0, 0, 1, 2), 2),
    "stack": lambda G, W, x: G.stack([W, x], 1),
    "reshape": lambda G, W, x: G.reshape(W, 1, 4),
    "index_select": lambda G, W, x: G.index_select(W, [1, 0], 1),
    "detach": lambda G, W, x: G.detach(W),
    "add a row": lambda G, W, x: G.eltmul(W, x.view(0, 0, 1, 2)),
} | {
    name: lambda G, W, x, name=name: getattr(G, name)(W)
    for name in (
        "tanh", "sigmoid", "relu", "leaky_relu", "gelu", "silu", "softplus", "neg", "exp", "log", "sqrt", "square",
        "abs", "sin", "cos",
    )
}  # fmt: skip


def run(operation, before=lambda *mats: None, after=lambda *mats: None, has_views=True):
    """The result's values and the gradients; `before` runs before the values are read, `after` after that."""
    W = Mat.from_array([[1.0, 2.0], [3.0, 4.0]], "float64")
    x = Mat.from_array([[0.5, 0.25], [0.75, 1.5]], "float64")
    # a value with a view is copied when it is recorded, one without before the write
    views = (W.w, x.w) if has_views else ()
    G = Graph()
    y = OPERATIONS[operation](G, W, x)
    before(W, x, *views)
    values = y.w.copy()
    after(W, x, *views)
    y.w[...] = np.nan
    y.dw = np.arange(1.0, 1 + y.w.size).reshape(y.shape)
    G.backward()
    return np.concatenate([values.ravel(), W.dw.ravel(), x.dw.ravel()])


def through_access(W, x, *_):
    W.w[:] = np.nan
    x.w = np.full((2, 2), np.nan)


def through_a_view_of_before(W, x, v, u):
    v[:] = u[:] = np.nan


def by_the_library(W, x, *_):
    W.fill(0)
    x.dw[...] = 1
    recurrent.SGD(1.0).step({"x": x}, 1.0)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    "write, has_views",
    [
        (through_access, True), (through_access, False), (through_a_view_of_before, True), (by_the_library, True),
        (by_the_library, False),
    ],
)  # fmt: skip
def test_the_gradient_of_what_was_recorded(operation, write, has_views):
    expected = run(operation)
    assert np.isfinite(expected).all() and expected.any()
    np.testing.assert_array_equal(run(operation, after=write, has_views=has_views), expected)
    np.testing.assert_array_equal(run(operation, before=write, has_views=has_views), expected)


@pytest.mark.parametrize("where", [(0, 0, 4, 3), (1, 0, 2, 3), (1, 1, 2, 2), (0, 1, 4, 1), (2, 0, 1, 3)])
def test_a_part_of_a_mat(where):
    base = Mat.from_array(np.arange(1.0, 13.0).reshape(4, 3), "float64")
    part, G = base.view(*where), Graph()
    loss, expected = G.sum(G.square(part)), 2 * part.w
    base.w[:] = np.nan
    G.backward(loss)
    np.testing.assert_array_equal(part.dw, expected)
    assert base.dw.sum() == expected.sum()


def test_a_view_that_is_written_between_time_steps():
    W, h = Mat.from_array([[0.5]], "float64"), Mat.from_array([[1.0]], "float64")
    view, G, expected = W.w, Graph(), 1.0
    gradient = 0.0
    for factor in (0.5, 2.0, -3.0):
        view[0, 0] = factor
        h = G.mul(W, h)
        gradient = gradient * factor + expected
        expected *= factor
    view[0, 0] = 100
    assert h.item() == expected
    G.backward(h)
    assert W.dw[0, 0] == gradient


@pytest.mark.parametrize("cell", [recurrent.RNN, recurrent.LSTM, recurrent.GRU])
@pytest.mark.parametrize("write", ["access", "view", "step"])
def test_a_network_whose_weights_are_written_between_forward_and_backward(cell, write):
    net = cell(3, [4], 2, rng=0, dtype="float64")
    x = np.random.default_rng(0).normal(size=(5, 1, 3))

    def gradients(write):
        net.flat.zero_gradient()
        weights, view = net.flat.w.copy(), net.flat.w
        net.forward(x)
        if write == "access":
            net.flat.w[:] += 0.5
        elif write == "view":
            view[:] = np.nan
        elif write == "step":
            net.flat.dw[:] = 1
            recurrent.SGD(0.5).step(net.parameters, 0.5)
        net.backward(np.ones((5, 1, 2)))
        net.flat.w = weights
        return net.flat.dw.copy()

    np.testing.assert_array_equal(gradients(write), gradients(None))


def test_two_losses_with_a_step_between_their_backward_passes():
    W, first, second = Mat.from_array([[2.0]], "float64"), Graph(), Graph()
    losses = first.square(W), second.scale(second.square(W), 10)
    first.backward(losses[0])
    recurrent.SGD(1.0).step({"W": W}, 1.0)
    assert W.item() == -2
    second.backward(losses[1])
    assert W.dw.item() == 40


@pytest.mark.parametrize(
    "dead",
    [
        lambda G, x: G.exp(G.scale(x, 1000.0)),
        lambda G, x: G.log(G.relu(G.neg(x))),
        lambda G, x: G.div(x, Mat(2, 1)),
        lambda G, x: G.sqrt(G.relu(G.neg(x))),
        lambda G, x: G.sqrt(G.neg(x)),
    ],
)
def test_an_operation_that_no_loss_depends_on(dead):
    x, G = Mat.from_array([2.0, 3.0]), Graph()
    dead(G, x)
    loss = G.sum(G.scale(x, 2.0))
    dead(G, x)
    G.backward(loss)
    assert x.dw.ravel().tolist() == [2, 2]


def test_nan_is_a_gradient():
    x, G = Mat.from_array([2.0, 3.0]), Graph()
    y = G.scale(G.scale(x, 2.0), 3.0)
    y.dw[1] = np.nan
    G.backward()
    assert x.dw[0, 0] == 0 and np.isnan(x.dw[1, 0])
