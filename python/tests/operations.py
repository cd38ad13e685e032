"""Every operation of a Graph: how to call it, what NumPy says it should give, and where it may be differentiated."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from recurrent import Graph, Mat

Shapes = Callable[[int, int, int], list[tuple[int, int]]]


class Operation(NamedTuple):
    """An operation over Mats of the shapes that (n, d, k) give."""

    shapes: Shapes
    record: Callable[..., Mat]
    numpy: Callable[..., Any]
    # where the operands' numbers come from; away from kinks and poles
    low: float = -2.0
    high: float = 2.0
    # numbers nearer to 0 than this are moved away
    gap: float = 0.0


def one(n: int, d: int, k: int) -> list[tuple[int, int]]:
    return [(n, d)]


def two(n: int, d: int, k: int) -> list[tuple[int, int]]:
    return [(n, d), (n, d)]


def column_right(n: int, d: int, k: int) -> list[tuple[int, int]]:
    return [(n, d), (n, 1)]


def row_right(n: int, d: int, k: int) -> list[tuple[int, int]]:
    return [(n, d), (1, d)]


def row_left(n: int, d: int, k: int) -> list[tuple[int, int]]:
    return [(1, d), (n, d)]


def single(n: int, d: int, k: int) -> list[tuple[int, int]]:
    return [(n, d), (1, 1)]


def single_left(n: int, d: int, k: int) -> list[tuple[int, int]]:
    return [(1, 1), (n, d)]


def column_and_row(n: int, d: int, k: int) -> list[tuple[int, int]]:
    return [(n, 1), (1, d)]


def column_left(n: int, d: int, k: int) -> list[tuple[int, int]]:
    return [(n, 1), (n, d)]


def erf(x: Any) -> Any:
    return np.vectorize(math.erf)(np.asarray(x, np.float64))


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(axis=0))
    return e / e.sum(axis=0)


def log_softmax(x: Any) -> Any:
    m = x.max(axis=0)
    return x - m - np.log(np.exp(x - m).sum(axis=0))


def layer_norm(x: Any, gain: Any, bias: Any) -> Any:
    centred = x - x.mean(axis=0)
    return gain * centred / np.sqrt((centred**2).mean(axis=0) + 1e-5) + bias


def rnn(x: Any, h: Any, Wx: Any, Wh: Any, b: Any) -> Any:
    return np.maximum(0, Wx @ x + Wh @ h + b)


def lstm(x: Any, h: Any, c: Any, Wx: Any, Wh: Any, b: Any) -> Any:
    i, f, o, g = np.split(Wx @ x + Wh @ h + b, 4)
    after = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return np.concatenate([sigmoid(o) * np.tanh(after), after])


def classes(m: Any) -> list[int]:
    return [(7 * j + 2) % m.shape[0] for j in range(m.shape[1])]


def picked(m: Any) -> list[int]:
    """Some rows, one of them twice."""
    return [0, m.shape[0] - 1, 0]


def cross_entropy(m: Any) -> Any:
    return -log_softmax(m)[classes(m), np.arange(m.shape[1])]


def logsumexp(x: Any, axis: int | None = None) -> Any:
    return np.logaddexp.reduce(x.reshape(-1, 1) if axis is None else x, axis or 0, keepdims=True)


def norm(x: Any, axis: int | None = None) -> Any:
    return np.sqrt((x * x).sum(axis, keepdims=True))


def bmm(a: Any, b: Any, batches: int, transpose_a: bool = False) -> Any:
    """Column ``j * batches + i`` is column j of matrix i."""
    y = np.empty((a.shape[1] // batches if transpose_a else a.shape[0], b.shape[1]))
    for i in range(batches):
        left = a[:, i::batches]
        y[:, i::batches] = (left.T if transpose_a else left) @ b[:, i::batches]
    return y


def at(value: Any) -> Any:
    return np.reshape(value, (1, 1))


def pair(name: str, function: Callable[..., Any], **where: float) -> dict[str, Operation]:
    """An operation of two Mats, and with a single column on either side."""

    def record(G: Graph, a: Mat, b: Mat) -> Mat:
        return getattr(G, name)(a, b)

    return {
        name: Operation(two, record, function, **where),
        f"{name} a column": Operation(column_right, record, function, **where),
        f"{name} to a column": Operation(column_left, record, function, **where),
        f"{name} a row": Operation(row_right, record, function, **where),
        f"{name} to a row": Operation(row_left, record, function, **where),
        f"{name} one": Operation(single, record, function, **where),
        f"{name} to one": Operation(single_left, record, function, **where),
        f"{name} a row to a column": Operation(column_and_row, record, function, **where),
        f"{name} itself": Operation(one, lambda G, a: record(G, a, a), lambda a: function(a, a), **where),
    }


def reduction(name: str, function: Callable[..., Any]) -> dict[str, Operation]:
    """An operation that reduces all elements, the rows and the columns."""
    return {
        f"{name}{label}": Operation(
            one,
            lambda G, m, axis=axis: getattr(G, name)(m, axis),
            lambda x, axis=axis: np.reshape(function(x, axis), _reduced(x.shape, axis)),
        )
        for label, axis in (("", None), (" over rows", 0), (" over columns", 1))
    }


def _reduced(shape: tuple[int, int], axis: int | None) -> tuple[int, int]:
    n, d = shape
    return {None: (1, 1), 0: (1, d), 1: (n, 1)}[axis]


def comparison(name: str, function: Callable[..., Any]) -> dict[str, Operation]:
    """A mask, whose gradient is 0 away from equal elements."""
    return {
        key: operation
        for key, operation in pair(name, lambda a, b: function(a, b) * 1.0).items()
        if "itself" not in key
    }


OPERATIONS: dict[str, Operation] = {
    "tanh": Operation(one, Graph.tanh, np.tanh),
    "sigmoid": Operation(one, Graph.sigmoid, sigmoid),
    "relu": Operation(one, Graph.relu, lambda x: np.maximum(0, x), gap=1e-3),
    "leaky_relu": Operation(
        one, lambda G, m: G.leaky_relu(m, 0.2), lambda x: np.where(x > 0, x, 0.2 * x), gap=1e-3
    ),
    "leaky_relu by default": Operation(
        one, Graph.leaky_relu, lambda x: np.where(x > 0, x, 0.01 * x), gap=1e-3
    ),
    "gelu": Operation(one, Graph.gelu, lambda x: x * (1 + erf(x / math.sqrt(2))) / 2),
    "silu": Operation(one, Graph.silu, lambda x: x * sigmoid(x)),
    "softplus": Operation(one, Graph.softplus, lambda x: np.logaddexp(0, x)),
    "neg": Operation(one, Graph.neg, np.negative),
    "scale": Operation(one, lambda G, m: G.scale(m, -1.5), lambda x: -1.5 * x),
    "shift": Operation(one, lambda G, m: G.shift(m, -1.5), lambda x: x - 1.5),
    "exp": Operation(one, Graph.exp, np.exp),
    "log": Operation(one, Graph.log, np.log, low=0.2, high=3),
    "sqrt": Operation(one, Graph.sqrt, np.sqrt, low=0.2, high=3),
    "square": Operation(one, Graph.square, np.square),
    "abs": Operation(one, Graph.abs, np.abs, gap=1e-3),
    "sin": Operation(one, Graph.sin, np.sin),
    "cos": Operation(one, Graph.cos, np.cos),
    "pow": Operation(one, lambda G, m: G.pow(m, 1.7), lambda x: x**1.7, low=0.2, high=3),
    "pow of a whole number": Operation(one, lambda G, m: G.pow(m, 3), lambda x: x**3),
    "pow of a negative number": Operation(one, lambda G, m: G.pow(m, -3), lambda x: x**-3.0, gap=0.5),
    "pow of 0": Operation(one, lambda G, m: G.pow(m, 0), np.ones_like),
    "clip": Operation(one, lambda G, m: G.clip(m, -1.0, 0.5), lambda x: np.clip(x, -1.0, 0.5)),
    "clip below": Operation(one, lambda G, m: G.clip(m, low=0.1), lambda x: np.maximum(x, 0.1)),
    "detach": Operation(one, lambda G, m: G.detach(m), lambda x: x),
    **pair("maximum", np.maximum),
    **pair("minimum", np.minimum),
    **comparison("greater", np.greater),
    **comparison("greater_equal", np.greater_equal),
    **comparison("less", np.less),
    **comparison("less_equal", np.less_equal),
    **comparison("equal", np.equal),
    **comparison("not_equal", np.not_equal),
    "where": Operation(
        lambda n, d, k: [(n, d)] * 3,
        lambda G, *m: G.where(*m),
        lambda c, a, b: np.where(c != 0, a, b),
        gap=1e-3,
    ),
    **{
        f"where, {label}": Operation(
            shapes, lambda G, *m: G.where(*m), lambda c, a, b: np.where(c != 0, a, b), gap=1e-3
        )
        for label, shapes in {
            "columns": lambda n, d, k: [(n, 1), (n, d), (n, 1)],
            "rows": lambda n, d, k: [(1, d), (n, d), (1, d)],
            "one": lambda n, d, k: [(n, d), (1, 1), (1, d)],
            "all different": lambda n, d, k: [(1, 1), (n, 1), (1, d)],
        }.items()
    },
    **pair("add", np.add),
    **pair("sub", np.subtract),
    **pair("eltmul", np.multiply),
    **pair("div", np.divide, gap=0.4),
    "mul": Operation(lambda n, d, k: [(n, k), (k, d)], Graph.mul, np.matmul),
    "mul itself": Operation(lambda n, d, k: [(n, n)], lambda G, m: G.mul(m, m), lambda m: m @ m),
    "bmm": Operation(
        lambda n, d, k: [(n, 3 * k), (k, 3 * d)], lambda G, a, b: G.bmm(a, b, 3), lambda a, b: bmm(a, b, 3)
    ),
    "bmm, transposed": Operation(
        lambda n, d, k: [(k, 2 * n), (k, 2 * d)],
        lambda G, a, b: G.bmm(a, b, 2, transpose_a=True),
        lambda a, b: bmm(a, b, 2, True),
    ),
    "bmm itself": Operation(
        lambda n, d, k: [(n, 2 * n)], lambda G, m: G.bmm(m, m, 2), lambda m: bmm(m, m, 2)
    ),
    "dot": Operation(two, Graph.dot, lambda a, b: at((a * b).sum())),
    "row_pluck": Operation(one, lambda G, m: G.row_pluck(m, picked(m)), lambda m: m[picked(m)].T),
    "transpose": Operation(one, Graph.transpose, np.transpose),
    "reverse_sequence": Operation(one, lambda G, m: G.reverse_sequence(m, m.d), lambda m: m[:, ::-1]),
    "reverse_sequence, ragged": Operation(
        lambda n, d, k: [(n, 4 * 3)],
        lambda G, m: G.reverse_sequence(m, 4, [4, 0, 3]),
        lambda m: m[:, [9, 1, 8, 6, 4, 5, 3, 7, 2, 0, 10, 11]],
    ),
    "concat_rows": Operation(
        lambda n, d, k: [(n, d), (k, d), (1, d)], lambda G, *m: G.concat_rows(m), lambda *m: np.concatenate(m)
    ),
    "concat_columns": Operation(
        lambda n, d, k: [(n, d), (n, k), (n, 1)],
        lambda G, *m: G.concat_columns(m),
        lambda *m: np.concatenate(m, 1),
    ),
    "stack over columns": Operation(
        lambda n, d, k: [(n, d)] * 3,
        lambda G, *m: G.stack(m, 1),
        lambda *m: np.stack(m, 2).reshape(len(m[0]), -1),
    ),
    "stack over rows": Operation(
        lambda n, d, k: [(n, d)] * 2,
        lambda G, *m: G.stack(m, 0),
        lambda *m: np.stack(m, 1).reshape(-1, m[0].shape[1]),
    ),
    "reshape": Operation(
        lambda n, d, k: [(n * k, d)], lambda G, m: G.reshape(m, m.d, -1), lambda m: m.reshape(m.shape[1], -1)
    ),
    "reshape to wider": Operation(
        lambda n, d, k: [(2 * n, d)],
        lambda G, m: G.reshape(m, -1, 2 * m.d),
        lambda m: m.reshape(-1, 2 * m.shape[1]),
    ),
    "index_select of rows": Operation(
        one, lambda G, m: G.index_select(m, picked(m), 0), lambda m: m[picked(m)]
    ),
    "index_select of columns": Operation(
        one, lambda G, m: G.index_select(m, picked(m.T), 1), lambda m: m[:, picked(m.T)]
    ),
    "slice_rows": Operation(
        lambda n, d, k: [(n + k, d)],
        lambda G, m: G.tanh(G.slice_rows(m, 1, m.n - 1)),
        lambda m: np.tanh(m[1:]),
    ),
    "slice_columns": Operation(
        lambda n, d, k: [(n, d + k)],
        lambda G, m: G.tanh(G.slice_columns(m, 0, m.d - 1)),
        lambda m: np.tanh(m[:, :-1]),
    ),
    "sum": Operation(one, Graph.sum, lambda x: at(x.sum())),
    "sum over rows": Operation(one, lambda G, m: G.sum(m, 0), lambda x: x.sum(0, keepdims=True)),
    "sum over columns": Operation(one, lambda G, m: G.sum(m, axis=1), lambda x: x.sum(1, keepdims=True)),
    "mean": Operation(one, Graph.mean, lambda x: at(x.mean())),
    "mean over rows": Operation(one, lambda G, m: G.mean(m, 0), lambda x: x.mean(0, keepdims=True)),
    "mean over columns": Operation(one, lambda G, m: G.mean(m, 1), lambda x: x.mean(1, keepdims=True)),
    **reduction("max", lambda x, axis: x.max(axis)),
    **reduction("min", lambda x, axis: x.min(axis)),
    **reduction("norm", norm),
    **reduction("logsumexp", logsumexp),
    "cumsum over rows": Operation(one, lambda G, m: G.cumsum(m, 0), lambda x: x.cumsum(0)),
    "cumsum over columns": Operation(one, lambda G, m: G.cumsum(m, 1), lambda x: x.cumsum(1)),
    "softmax": Operation(one, Graph.softmax, softmax),
    "log_softmax": Operation(one, Graph.log_softmax, log_softmax),
    "cross_entropy": Operation(
        one, lambda G, m: G.cross_entropy(m, classes(m)), lambda m: at(cross_entropy(m).mean())
    ),
    "cross_entropy, summed": Operation(
        one, lambda G, m: G.cross_entropy(m, classes(m), "sum"), lambda m: at(cross_entropy(m).sum())
    ),
    "squared_error": Operation(two, Graph.squared_error, lambda a, b: at(((a - b) ** 2).mean())),
    "squared_error, summed": Operation(
        two, lambda G, a, b: G.squared_error(a, b, reduction="sum"), lambda a, b: at(((a - b) ** 2).sum())
    ),
    # two rows or more: one alone has no variance, and its gradient is nothing but rounding
    "layer_norm": Operation(
        lambda n, d, k: [(n + 2, d), (n + 2, 1), (n + 2, 1)], Graph.layer_norm, layer_norm
    ),
    "rnn": Operation(lambda n, d, k: [(k, d), (n, d), (n, k), (n, n), (n, 1)], Graph.rnn, rnn),
    "lstm": Operation(
        lambda n, d, k: [(k, d), (n, d), (n, d), (4 * n, k), (4 * n, n), (4 * n, 1)],
        lambda G, *m: G.concat_rows(G.lstm(*m)),
        lstm,
    ),
}


def operands(
    operation: Operation, n: int, d: int, k: int, seed: int, dtype: str = "float64"
) -> list[np.ndarray]:
    """Numbers for an operation's Mats."""
    rng = np.random.default_rng([seed, n, d, k])
    arrays = []
    for shape in operation.shapes(n, d, k):
        array = rng.uniform(operation.low, operation.high, shape)
        array += np.copysign(operation.gap, array)
        arrays.append(array.astype(dtype))
    return arrays
