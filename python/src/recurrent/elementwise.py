"""Element-wise operations, each as a method of ``Mat`` and of ``Graph``."""

from __future__ import annotations

from typing import Generic, TypeVar

from ._c import signatures as c
from ._checks import as_float

M = TypeVar("M")


class MatElementwise:
    """The element-wise operations of one Mat, recorded on the current graph."""

    __slots__ = ()

    def _unary(self: M, operation: int, parameter: float = 0.0) -> M:
        raise NotImplementedError

    def tanh(self: M) -> M:
        """Returns ``tanh(x)`` of each element.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        RuntimeError
            If this Mat is a result of a graph that was reset.
        """
        return self._unary(c.TANH)  # type: ignore[attr-defined, no-any-return]

    def sigmoid(self: M) -> M:
        """Returns ``1 / (1 + exp(-x))`` of each element.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        RuntimeError
            If this Mat is a result of a graph that was reset.
        """
        return self._unary(c.SIGMOID)  # type: ignore[attr-defined, no-any-return]

    def relu(self: M) -> M:
        """Returns ``max(0, x)`` of each element; the derivative at 0 is 0.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        RuntimeError
            If this Mat is a result of a graph that was reset.
        """
        return self._unary(c.RELU)  # type: ignore[attr-defined, no-any-return]

    def leaky_relu(self: M, negative_slope: float = 0.01) -> M:
        """Returns ``x`` where ``x > 0``, else ``negative_slope * x``.

        Parameters
        ----------
        negative_slope : float
            The derivative for negative elements.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        RuntimeError
            If this Mat is a result of a graph that was reset.
        """
        return self._unary(c.LEAKY_RELU, as_float(negative_slope, "negative_slope", self))  # type: ignore[attr-defined, no-any-return]

    def gelu(self: M) -> M:
        """Returns ``x Φ(x)`` of each element, with the normal distribution Φ: the exact form.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        RuntimeError
            If this Mat is a result of a graph that was reset.
        """
        return self._unary(c.GELU)  # type: ignore[attr-defined, no-any-return]

    def silu(self: M) -> M:
        """Returns ``x σ(x)`` of each element.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        RuntimeError
            If this Mat is a result of a graph that was reset.
        """
        return self._unary(c.SILU)  # type: ignore[attr-defined, no-any-return]

    def softplus(self: M) -> M:
        """Returns ``ln(1 + exp(x))`` of each element.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        RuntimeError
            If this Mat is a result of a graph that was reset.
        """
        return self._unary(c.SOFTPLUS)  # type: ignore[attr-defined, no-any-return]

    def exp(self: M) -> M:
        """Returns ``exp(x)`` of each element.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        RuntimeError
            If this Mat is a result of a graph that was reset.
        """
        return self._unary(c.EXP)  # type: ignore[attr-defined, no-any-return]

    def log(self: M) -> M:
        """Returns ``ln(x)`` of each element: -inf at 0, NaN below.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        RuntimeError
            If this Mat is a result of a graph that was reset.
        """
        return self._unary(c.LOG)  # type: ignore[attr-defined, no-any-return]

    def sqrt(self: M) -> M:
        """Returns ``√x`` of each element: NaN below 0.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        RuntimeError
            If this Mat is a result of a graph that was reset.
        """
        return self._unary(c.SQRT)  # type: ignore[attr-defined, no-any-return]

    def square(self: M) -> M:
        """Returns ``x²`` of each element.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        RuntimeError
            If this Mat is a result of a graph that was reset.
        """
        return self._unary(c.SQUARE)  # type: ignore[attr-defined, no-any-return]

    def abs(self: M) -> M:
        """Returns ``|x|`` of each element; the derivative at 0 is 0.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        RuntimeError
            If this Mat is a result of a graph that was reset.
        """
        return self._unary(c.ABS)  # type: ignore[attr-defined, no-any-return]

    def sin(self: M) -> M:
        """Returns ``sin(x)`` of each element: NaN at ±inf.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        RuntimeError
            If this Mat is a result of a graph that was reset.
        """
        return self._unary(c.SIN)  # type: ignore[attr-defined, no-any-return]

    def cos(self: M) -> M:
        """Returns ``cos(x)`` of each element: NaN at ±inf.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        RuntimeError
            If this Mat is a result of a graph that was reset.
        """
        return self._unary(c.COS)  # type: ignore[attr-defined, no-any-return]

    def pow(self: M, exponent: float) -> M:
        """Returns ``x**exponent`` of each element: NaN below 0 unless the exponent is a whole number.

        The derivative is ``exponent * x**(exponent - 1)``, and 0 for the exponent 0.

        Parameters
        ----------
        exponent : float
            Finite.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        RuntimeError
            If this Mat is a result of a graph that was reset.
        """
        return self._unary(c.POW, as_float(exponent, "exponent", self))  # type: ignore[attr-defined, no-any-return]


class GraphElementwise(Generic[M]):
    """The element-wise operations of a graph. Parameters are Mats of any shape; the result has the same shape."""

    def _unary(self, operation: int, m: M, parameter: float = 0.0) -> M:
        raise NotImplementedError

    def _binary(self, operation: int, a: M, b: M) -> M:
        raise NotImplementedError

    def tanh(self, m: M) -> M:
        """Returns ``tanh(x)`` of each element.

        Parameters
        ----------
        m : M
            (n, d).

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        TypeError
            If ``m`` is not a Mat.
        """
        return self._unary(c.TANH, m)

    def sigmoid(self, m: M) -> M:
        """Returns ``1 / (1 + exp(-x))`` of each element.

        Parameters
        ----------
        m : M
            (n, d).

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        TypeError
            If ``m`` is not a Mat.
        """
        return self._unary(c.SIGMOID, m)

    def relu(self, m: M) -> M:
        """Returns ``max(0, x)`` of each element; the derivative at 0 is 0.

        Parameters
        ----------
        m : M
            (n, d).

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        TypeError
            If ``m`` is not a Mat.
        """
        return self._unary(c.RELU, m)

    def leaky_relu(self, m: M, negative_slope: float = 0.01) -> M:
        """Returns ``x`` where ``x > 0``, else ``negative_slope * x``.

        Parameters
        ----------
        m : M
            (n, d).
        negative_slope : float
            The derivative for negative elements.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        TypeError
            If ``m`` is not a Mat.
        """
        return self._unary(c.LEAKY_RELU, m, as_float(negative_slope, "negative_slope", m))

    def gelu(self, m: M) -> M:
        """Returns ``x Φ(x)`` of each element, with the normal distribution Φ: the exact form (arXiv:1606.08415).

        Parameters
        ----------
        m : M
            (n, d).

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        TypeError
            If ``m`` is not a Mat.
        """
        return self._unary(c.GELU, m)

    def silu(self, m: M) -> M:
        """Returns ``x σ(x)`` of each element (arXiv:1702.03118).

        Parameters
        ----------
        m : M
            (n, d).

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        TypeError
            If ``m`` is not a Mat.
        """
        return self._unary(c.SILU, m)

    def softplus(self, m: M) -> M:
        """Returns ``ln(1 + exp(x))`` of each element.

        Parameters
        ----------
        m : M
            (n, d).

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        TypeError
            If ``m`` is not a Mat.
        """
        return self._unary(c.SOFTPLUS, m)

    def neg(self, m: M) -> M:
        """Returns ``-x`` of each element.

        Parameters
        ----------
        m : M
            (n, d).

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        TypeError
            If ``m`` is not a Mat.
        """
        return self._unary(c.NEG, m)

    def scale(self, m: M, factor: float) -> M:
        """Returns ``factor * x`` of each element.

        Parameters
        ----------
        m : M
            (n, d).
        factor : float
            Finite.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        TypeError
            If ``m`` is not a Mat.
        """
        return self._unary(c.SCALE, m, as_float(factor, "factor", m))

    def shift(self, m: M, constant: float) -> M:
        """Returns ``x + constant`` of each element.

        Parameters
        ----------
        m : M
            (n, d).
        constant : float
            Finite.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        TypeError
            If ``m`` is not a Mat.
        """
        return self._unary(c.SHIFT, m, as_float(constant, "constant", m))

    def exp(self, m: M) -> M:
        """Returns ``exp(x)`` of each element.

        Parameters
        ----------
        m : M
            (n, d).

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        TypeError
            If ``m`` is not a Mat.
        """
        return self._unary(c.EXP, m)

    def log(self, m: M) -> M:
        """Returns ``ln(x)`` of each element: -inf at 0, NaN below.

        Parameters
        ----------
        m : M
            (n, d).

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        TypeError
            If ``m`` is not a Mat.
        """
        return self._unary(c.LOG, m)

    def sqrt(self, m: M) -> M:
        """Returns ``√x`` of each element: NaN below 0.

        Parameters
        ----------
        m : M
            (n, d).

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        TypeError
            If ``m`` is not a Mat.
        """
        return self._unary(c.SQRT, m)

    def square(self, m: M) -> M:
        """Returns ``x²`` of each element.

        Parameters
        ----------
        m : M
            (n, d).

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        TypeError
            If ``m`` is not a Mat.
        """
        return self._unary(c.SQUARE, m)

    def abs(self, m: M) -> M:
        """Returns ``|x|`` of each element; the derivative at 0 is 0.

        Parameters
        ----------
        m : M
            (n, d).

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        TypeError
            If ``m`` is not a Mat.
        """
        return self._unary(c.ABS, m)

    def sin(self, m: M) -> M:
        """Returns ``sin(x)`` of each element: NaN at ±inf.

        Parameters
        ----------
        m : M
            (n, d).

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        TypeError
            If ``m`` is not a Mat.
        """
        return self._unary(c.SIN, m)

    def cos(self, m: M) -> M:
        """Returns ``cos(x)`` of each element: NaN at ±inf.

        Parameters
        ----------
        m : M
            (n, d).

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        TypeError
            If ``m`` is not a Mat.
        """
        return self._unary(c.COS, m)

    def pow(self, m: M, exponent: float) -> M:
        """Returns ``x**exponent`` of each element: NaN below 0 unless the exponent is a whole number.

        The derivative is ``exponent * x**(exponent - 1)``, and 0 for the exponent 0.

        Parameters
        ----------
        m : M
            (n, d).
        exponent : float
            Finite.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        TypeError
            If ``m`` is not a Mat.
        """
        return self._unary(c.POW, m, as_float(exponent, "exponent", m))

    def add(self, a: M, b: M) -> M:
        """Returns ``a + b``.

        Parameters
        ----------
        a, b : M
            (n, d) each; rows (1, d), columns (n, 1) and (1, 1) are broadcast.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        ValueError
            If the shapes are neither equal nor broadcastable.
        """
        return self._binary(c.ADD, a, b)

    def sub(self, a: M, b: M) -> M:
        """Returns ``a - b``.

        Parameters
        ----------
        a, b : M
            (n, d) each; rows (1, d), columns (n, 1) and (1, 1) are broadcast.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        ValueError
            If the shapes are neither equal nor broadcastable.
        """
        return self._binary(c.SUB, a, b)

    def eltmul(self, a: M, b: M) -> M:
        """Returns ``a * b``, element by element.

        Parameters
        ----------
        a, b : M
            (n, d) each; rows (1, d), columns (n, 1) and (1, 1) are broadcast.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        ValueError
            If the shapes are neither equal nor broadcastable.
        """
        return self._binary(c.ELTMUL, a, b)

    def div(self, a: M, b: M) -> M:
        """Returns ``a / b``, element by element.

        Parameters
        ----------
        a, b : M
            (n, d) each; rows (1, d), columns (n, 1) and (1, 1) are broadcast.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        ValueError
            If the shapes are neither equal nor broadcastable.
        """
        return self._binary(c.DIV, a, b)
