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
        f"{name} itself": Operation(one, lambda G, a: record(G, a, a), lambda a: function(a, a), **where),
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
    **pair("add", np.add),
    **pair("sub", np.subtract),
    **pair("eltmul", np.multiply),
    **pair("div", np.divide, gap=0.4),
    "mul": Operation(lambda n, d, k: [(n, k), (k, d)], Graph.mul, np.matmul),
    "mul itself": Operation(lambda n, d, k: [(n, n)], lambda G, m: G.mul(m, m), lambda m: m @ m),
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
