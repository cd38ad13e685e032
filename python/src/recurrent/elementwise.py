"""Element-wise operations, each as a method of ``Mat`` and of ``Graph``."""

from __future__ import annotations

from typing import Generic, TypeVar

from ._c import signatures as c

M = TypeVar("M")


class MatElementwise:
    """The element-wise operations of one Mat, recorded on the current graph."""

    __slots__ = ()

    def _unary(self: M, operation: int, parameter: float = 0.0) -> M:
        raise NotImplementedError

    def tanh(self: M) -> M:
        """``tanh(x)`` of each element."""
        return self._unary(c.TANH)  # type: ignore[attr-defined, no-any-return]

    def sigmoid(self: M) -> M:
        """``1 / (1 + exp(-x))`` of each element."""
        return self._unary(c.SIGMOID)  # type: ignore[attr-defined, no-any-return]

    def relu(self: M) -> M:
        """``max(0, x)`` of each element; the derivative at 0 is 0."""
        return self._unary(c.RELU)  # type: ignore[attr-defined, no-any-return]

    def leaky_relu(self: M, negative_slope: float = 0.01) -> M:
        """``x`` where x > 0, else ``negative_slope * x``."""
        return self._unary(c.LEAKY_RELU, negative_slope)  # type: ignore[attr-defined, no-any-return]

    def gelu(self: M) -> M:
        """``x Φ(x)`` of each element, the exact form, with Φ the normal distribution (arXiv:1606.08415)."""
        return self._unary(c.GELU)  # type: ignore[attr-defined, no-any-return]

    def silu(self: M) -> M:
        """``x / (1 + exp(-x))`` of each element."""
        return self._unary(c.SILU)  # type: ignore[attr-defined, no-any-return]

    def softplus(self: M) -> M:
        """``ln(1 + exp(x))`` of each element."""
        return self._unary(c.SOFTPLUS)  # type: ignore[attr-defined, no-any-return]

    def exp(self: M) -> M:
        """``exp(x)`` of each element."""
        return self._unary(c.EXP)  # type: ignore[attr-defined, no-any-return]

    def log(self: M) -> M:
        """``ln(x)`` of each element; -inf at 0, NaN below."""
        return self._unary(c.LOG)  # type: ignore[attr-defined, no-any-return]

    def sqrt(self: M) -> M:
        """``√x`` of each element; NaN below 0."""
        return self._unary(c.SQRT)  # type: ignore[attr-defined, no-any-return]

    def square(self: M) -> M:
        """``x²`` of each element."""
        return self._unary(c.SQUARE)  # type: ignore[attr-defined, no-any-return]

    def abs(self: M) -> M:
        """``|x|`` of each element; the derivative at 0 is 0."""
        return self._unary(c.ABS)  # type: ignore[attr-defined, no-any-return]


class GraphElementwise(Generic[M]):
    """The element-wise operations of a graph. Parameters are Mats of any shape; the result has the same shape."""

    def _unary(self, operation: int, m: M, parameter: float = 0.0) -> M:
        raise NotImplementedError

    def _binary(self, operation: int, a: M, b: M) -> M:
        raise NotImplementedError

    def tanh(self, m: M) -> M:
        """``tanh(x)`` of each element."""
        return self._unary(c.TANH, m)

    def sigmoid(self, m: M) -> M:
        """``1 / (1 + exp(-x))`` of each element."""
        return self._unary(c.SIGMOID, m)

    def relu(self, m: M) -> M:
        """``max(0, x)`` of each element; the derivative at 0 is 0."""
        return self._unary(c.RELU, m)

    def leaky_relu(self, m: M, negative_slope: float = 0.01) -> M:
        """``x`` where x > 0, else ``negative_slope * x``."""
        return self._unary(c.LEAKY_RELU, m, negative_slope)

    def gelu(self, m: M) -> M:
        """``x Φ(x)`` of each element, the exact form, with Φ the normal distribution (arXiv:1606.08415)."""
        return self._unary(c.GELU, m)

    def silu(self, m: M) -> M:
        """``x / (1 + exp(-x))`` of each element."""
        return self._unary(c.SILU, m)

    def softplus(self, m: M) -> M:
        """``ln(1 + exp(x))`` of each element."""
        return self._unary(c.SOFTPLUS, m)

    def neg(self, m: M) -> M:
        """``-x`` of each element."""
        return self._unary(c.NEG, m)

    def scale(self, m: M, factor: float) -> M:
        """``factor * x`` of each element."""
        return self._unary(c.SCALE, m, factor)

    def exp(self, m: M) -> M:
        """``exp(x)`` of each element."""
        return self._unary(c.EXP, m)

    def log(self, m: M) -> M:
        """``ln(x)`` of each element; -inf at 0, NaN below."""
        return self._unary(c.LOG, m)

    def sqrt(self, m: M) -> M:
        """``√x`` of each element; NaN below 0."""
        return self._unary(c.SQRT, m)

    def square(self, m: M) -> M:
        """``x²`` of each element."""
        return self._unary(c.SQUARE, m)

    def abs(self, m: M) -> M:
        """``|x|`` of each element; the derivative at 0 is 0."""
        return self._unary(c.ABS, m)

    def add(self, a: M, b: M) -> M:
        """``a + b``. The shapes are equal, or one Mat is a single column (n x 1), broadcast over the other's columns.

        Raises
        ------
        ValueError
            If the shapes differ in another way.
        """
        return self._binary(c.ADD, a, b)

    def sub(self, a: M, b: M) -> M:
        """``a - b``, broadcast as in ``add``."""
        return self._binary(c.SUB, a, b)

    def eltmul(self, a: M, b: M) -> M:
        """``a * b`` element by element, broadcast as in ``add``."""
        return self._binary(c.ELTMUL, a, b)

    def div(self, a: M, b: M) -> M:
        """``a / b`` element by element, broadcast as in ``add``."""
        return self._binary(c.DIV, a, b)
