"""An oracle for gradients: dual numbers in NumPy carry a derivative forward, and know nothing of a graph."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]


class Dual(NamedTuple):
    """Values, and their derivative in one direction."""

    value: Array
    slope: Array


def _erf(x: Array) -> Array:
    return np.vectorize(math.erf)(x)


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def _normal(x: Array) -> Array:
    """The cumulative distribution."""
    return (1 + _erf(x / math.sqrt(2))) / 2


# f(x) and f'(x)
UNARY: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "tanh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    "sigmoid": (_sigmoid, lambda x: _sigmoid(x) * _sigmoid(-x)),
    "relu": (lambda x: np.where(x > 0, x, 0), lambda x: np.where(x > 0, 1.0, 0)),
    "leaky_relu": (lambda x: np.where(x > 0, x, 0.01 * x), lambda x: np.where(x > 0, 1, 0.01)),
    "gelu": (
        lambda x: x * _normal(x),
        lambda x: _normal(x) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi),
    ),
    "silu": (lambda x: x * _sigmoid(x), lambda x: _sigmoid(x) * (1 + x * _sigmoid(-x))),
    "softplus": (lambda x: np.logaddexp(0, x), _sigmoid),
    "neg": (np.negative, lambda x: -np.ones_like(x)),
    "exp": (np.exp, np.exp),
    "square": (np.square, lambda x: 2 * x),
    "abs": (np.abs, np.sign),
    "sin": (np.sin, np.cos),
    "cos": (np.cos, lambda x: -np.sin(x)),
    # of operands above 0
    "log": (np.log, lambda x: 1 / x),
    "sqrt": (np.sqrt, lambda x: 0.5 / np.sqrt(x)),
}
POSITIVE = {"log", "sqrt"}


def unary(name: str, a: Dual) -> Dual:
    f, derivative = UNARY[name]
    return Dual(f(a.value), derivative(a.value) * a.slope)


def scale(a: Dual, factor: float) -> Dual:
    return Dual(a.value * factor, a.slope * factor)


def shift(a: Dual, constant: float) -> Dual:
    return Dual(a.value + constant, a.slope)


def pow(a: Dual, exponent: float) -> Dual:
    return Dual(a.value**exponent, exponent * a.value ** (exponent - 1) * a.slope)


def clip(a: Dual, low: float, high: float) -> Dual:
    return Dual(np.clip(a.value, low, high), np.where((low <= a.value) & (a.value <= high), a.slope, 0))


def detach(a: Dual) -> Dual:
    return Dual(a.value, 0 * a.slope)


def maximum(a: Dual, b: Dual) -> Dual:
    return choose(a.value > b.value, a, b)


def minimum(a: Dual, b: Dual) -> Dual:
    return choose(a.value < b.value, a, b)


def where(condition: Dual, a: Dual, b: Dual) -> Dual:
    return choose(condition.value != 0, a, b)


def choose(condition: Array, a: Dual, b: Dual) -> Dual:
    return Dual(np.where(condition, a.value, b.value), np.where(condition, a.slope, b.slope))


def mask(condition: Array) -> Dual:
    return Dual(condition * 1.0, 0.0 * condition)


def greater(a: Dual, b: Dual) -> Dual:
    return mask(a.value > b.value)


def greater_equal(a: Dual, b: Dual) -> Dual:
    return mask(a.value >= b.value)


def less(a: Dual, b: Dual) -> Dual:
    return mask(a.value < b.value)


def less_equal(a: Dual, b: Dual) -> Dual:
    return mask(a.value <= b.value)


def equal(a: Dual, b: Dual) -> Dual:
    return mask(a.value == b.value)


def not_equal(a: Dual, b: Dual) -> Dual:
    return mask(a.value != b.value)


def bmm(a: Dual, b: Dual, batches: int, transpose_a: bool) -> Dual:
    parts = []
    for i in range(batches):
        left = each(lambda x, i=i: x[:, i::batches].T if transpose_a else x[:, i::batches], a)
        parts.append(mul(left, each(lambda x, i=i: x[:, i::batches], b)))
    # column j of each, in turn
    return each(lambda *x: np.stack(x, 2).reshape(len(x[0]), -1), *parts)


def extremum(a: Dual, axis: int | None, largest: bool) -> Dual:
    """The derivative of the mean of equal elements."""
    found = (np.max if largest else np.min)(a.value, axis, keepdims=True)
    equal = a.value == found
    return Dual(found, (equal * a.slope).sum(axis, keepdims=True) / equal.sum(axis, keepdims=True))


def max(a: Dual, axis: int | None) -> Dual:
    return extremum(a, axis, True)


def min(a: Dual, axis: int | None) -> Dual:
    return extremum(a, axis, False)


def norm(a: Dual, axis: int | None) -> Dual:
    length = np.sqrt((a.value**2).sum(axis, keepdims=True))
    slope = (a.value * a.slope).sum(axis, keepdims=True)
    return Dual(length, np.divide(slope, length, out=0 * slope, where=length > 0))


def logsumexp(a: Dual, axis: int | None) -> Dual:
    e = np.exp(a.value)
    total = e.sum(axis, keepdims=True)
    return Dual(np.log(total), (e * a.slope).sum(axis, keepdims=True) / total)


def add(a: Dual, b: Dual) -> Dual:
    return Dual(a.value + b.value, a.slope + b.slope)


def sub(a: Dual, b: Dual) -> Dual:
    return Dual(a.value - b.value, a.slope - b.slope)


def eltmul(a: Dual, b: Dual) -> Dual:
    return Dual(a.value * b.value, a.slope * b.value + a.value * b.slope)


def div(a: Dual, b: Dual) -> Dual:
    return Dual(a.value / b.value, (a.slope * b.value - a.value * b.slope) / b.value**2)


def mul(a: Dual, b: Dual) -> Dual:
    return Dual(a.value @ b.value, a.slope @ b.value + a.value @ b.slope)


def dot(a: Dual, b: Dual) -> Dual:
    return total(eltmul(a, b), None)


def each(function: Callable[..., Array], *operands: Dual) -> Dual:
    """A function that moves elements."""
    return Dual(function(*(a.value for a in operands)), function(*(a.slope for a in operands)))


def total(a: Dual, axis: int | None) -> Dual:
    return each(lambda x: np.reshape(x.sum(), (1, 1)) if axis is None else x.sum(axis, keepdims=True), a)


def mean(a: Dual, axis: int | None) -> Dual:
    return scale(total(a, axis), 1 / (a.value.size if axis is None else a.value.shape[axis]))


def softmax(a: Dual) -> Dual:
    e = np.exp(a.value - a.value.max(0))
    p = e / e.sum(0)
    return Dual(p, p * (a.slope - (p * a.slope).sum(0)))


def log_softmax(a: Dual) -> Dual:
    p = softmax(a).value
    return Dual(
        a.value - a.value.max(0) - np.log(np.exp(a.value - a.value.max(0)).sum(0)),
        a.slope - (p * a.slope).sum(0),
    )


def cross_entropy(a: Dual, classes: list[int]) -> Dual:
    logs = log_softmax(a)
    places = classes, np.arange(len(classes))
    return Dual(*(np.reshape(-x[places].mean(), (1, 1)) for x in logs))


def layer_norm(a: Dual, gain: Dual, bias: Dual) -> Dual:
    centered = sub(a, mean(a, 0))
    deviation = unary("sqrt", add(mean(unary("square", centered), 0), Dual(np.array(1e-5), np.array(0.0))))
    return add(eltmul(gain, div(centered, deviation)), bias)


def rnn(x: Dual, h: Dual, Wx: Dual, Wh: Dual, b: Dual) -> Dual:
    return unary("relu", add(add(mul(Wx, x), mul(Wh, h)), b))


def lstm(x: Dual, h: Dual, c: Dual, Wx: Dual, Wh: Dual, b: Dual) -> tuple[Dual, Dual]:
    gates = add(add(mul(Wx, x), mul(Wh, h)), b)
    n = gates.value.shape[0] // 4
    i, f, o, g = (each(lambda v, k=k: v[k * n : (k + 1) * n], gates) for k in range(4))
    i, f, o, g = (
        unary(name, gate) for name, gate in zip(("sigmoid", "sigmoid", "sigmoid", "tanh"), (i, f, o, g))
    )
    after = add(eltmul(f, c), eltmul(i, g))
    return eltmul(o, unary("tanh", after)), after
