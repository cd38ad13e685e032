"""Elements chosen by value: maxima, comparisons, conditions; each as a method of ``Mat`` and of ``Graph``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Callable, Generic, TypeVar

from . import _c
from ._c import signatures as c
from ._checks import as_float, as_number

_lib = _c.lib
M = TypeVar("M")
Self = TypeVar("Self", bound="MatSelection")


class MatSelection:
    """Selections from one Mat, recorded on the current graph. Other operands are Mats, arrays or numbers.

    ``>``, ``>=``, ``<`` and ``<=`` are ``greater``, ``greater_equal``, ``less`` and ``less_equal``. ``==`` asks whether
    two names are one Mat: Mats are keys of dicts.
    """

    __slots__ = ()

    def _recorded(self: Self, operation: str, *arguments: Any) -> Self:
        raise NotImplementedError

    def _comparand(self: Self, other: Any, name: str | None = None) -> Self | None:
        """Returns the other operand as a Mat; None for another type."""
        raise NotImplementedError

    def _compared(self: Self, operation: str, other: Any) -> Self:
        operand = self._comparand(other)
        return NotImplemented if operand is None else self._recorded(operation, operand)

    def _chosen(self: Self, operation: str, other: Any, *arguments: Any) -> Self:
        is_comparison = operation not in ("maximum", "minimum", "_where")
        operand = self._comparand(other, None if is_comparison else "other")
        if operand is None:
            raise TypeError(
                f"other has the wrong type; expected a Mat, an array or a number, got {type(other).__name__}"
            )
        return self._recorded(operation, operand, *arguments)

    def __gt__(self: Self, other: Any) -> Self:
        return self._compared("greater", other)

    def __ge__(self: Self, other: Any) -> Self:
        return self._compared("greater_equal", other)

    def __lt__(self: Self, other: Any) -> Self:
        return self._compared("less", other)

    def __le__(self: Self, other: Any) -> Self:
        return self._compared("less_equal", other)

    def maximum(self: Self, other: Any) -> Self:
        """Returns the larger of this Mat and ``other``, element by element; NaN if one is NaN.

        Equal elements have half of the gradient each, as in PyTorch.

        Parameters
        ----------
        other : Mat, array or float
            Rows, columns and numbers are broadcast.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        ValueError
            If the shapes are neither equal nor broadcastable.
        TypeError
            If ``other`` has another type.
        """
        return self._chosen("maximum", other)

    def minimum(self: Self, other: Any) -> Self:
        """Returns the smaller of this Mat and ``other``, element by element; NaN if one is NaN.

        Equal elements have half of the gradient each, as in PyTorch.

        Parameters
        ----------
        other : Mat, array or float
            Rows, columns and numbers are broadcast.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        ValueError
            If the shapes are neither equal nor broadcastable.
        TypeError
            If ``other`` has another type.
        """
        return self._chosen("minimum", other)

    def greater(self: Self, other: Any) -> Self:
        """Returns 1 where ``x > y``, else 0; without a gradient.

        Parameters
        ----------
        other : Mat, array or float
            Rows, columns and numbers are broadcast.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        ValueError
            If the shapes are neither equal nor broadcastable.
        TypeError
            If ``other`` has another type.

        Examples
        --------
        >>> import recurrent
        >>> x = recurrent.Mat.from_array([[-1, 2], [3, -4]])
        >>> ((x > 0) * x).w.tolist()
        [[-0.0, 2.0], [3.0, -0.0]]
        """
        return self._chosen("greater", other)

    def greater_equal(self: Self, other: Any) -> Self:
        """Returns 1 where ``x >= y``, else 0; without a gradient.

        Parameters
        ----------
        other : Mat, array or float
            Rows, columns and numbers are broadcast.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        ValueError
            If the shapes are neither equal nor broadcastable.
        TypeError
            If ``other`` has another type.
        """
        return self._chosen("greater_equal", other)

    def less(self: Self, other: Any) -> Self:
        """Returns 1 where ``x < y``, else 0; without a gradient.

        Parameters
        ----------
        other : Mat, array or float
            Rows, columns and numbers are broadcast.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        ValueError
            If the shapes are neither equal nor broadcastable.
        TypeError
            If ``other`` has another type.
        """
        return self._chosen("less", other)

    def less_equal(self: Self, other: Any) -> Self:
        """Returns 1 where ``x <= y``, else 0; without a gradient.

        Parameters
        ----------
        other : Mat, array or float
            Rows, columns and numbers are broadcast.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        ValueError
            If the shapes are neither equal nor broadcastable.
        TypeError
            If ``other`` has another type.
        """
        return self._chosen("less_equal", other)

    def equal(self: Self, other: Any) -> Self:
        """Returns 1 where this Mat and ``other`` are equal, else 0; without a gradient.

        Parameters
        ----------
        other : Mat, array or float
            Rows, columns and numbers are broadcast.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        ValueError
            If the shapes are neither equal nor broadcastable.
        TypeError
            If ``other`` has another type.
        """
        return self._chosen("equal", other)

    def not_equal(self: Self, other: Any) -> Self:
        """Returns 1 where this Mat and ``other`` differ, else 0; without a gradient.

        Parameters
        ----------
        other : Mat, array or float
            Rows, columns and numbers are broadcast.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        ValueError
            If the shapes are neither equal nor broadcastable.
        TypeError
            If ``other`` has another type.
        """
        return self._chosen("not_equal", other)

    def where(self: Self, condition: Self, other: Any) -> Self:
        """Returns this Mat where ``condition`` is not 0, and ``other`` elsewhere: see ``Graph.where``.

        Parameters
        ----------
        condition : Mat
            Such as a comparison.
        other : Mat, array or float
            Rows, columns and numbers are broadcast.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        ValueError
            If the shapes are neither equal nor broadcastable.
        TypeError
            If ``condition`` is not a Mat, or ``other`` has another type.

        Examples
        --------
        >>> import recurrent
        >>> x = recurrent.Mat.from_array([[-1, 2], [3, -4]])
        >>> x.where(x > 0, 0.5).w.tolist()
        [[0.5, 2.0], [3.0, 0.5]]
        """
        return self._chosen("_where", other, condition)

    def clip(self: Self, low: float | None = None, high: float | None = None) -> Self:
        """Returns the elements limited to an interval.

        The derivative is 1 from ``low`` to ``high``, both included, as in PyTorch's ``clamp``, and 0 outside.

        Parameters
        ----------
        low, high : float, optional
            None for no limit; ``low`` is at most ``high``.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        ValueError
            If ``low`` is above ``high``, or a limit is NaN.
        """
        return self._recorded("clip", low, high)


class GraphSelection(Generic[M]):
    """Selections of a graph."""

    def _binary(self, operation: int, a: M, b: M) -> M:
        raise NotImplementedError

    def _record_mats(
        self, operation: Callable[..., int], mats: Sequence[tuple[M, str]], *arguments: Any
    ) -> M:
        raise NotImplementedError

    def maximum(self, a: M, b: M) -> M:
        """Returns the larger of ``a`` and ``b``, element by element; NaN if one is NaN.

        Equal elements have half of the gradient each, as in PyTorch.

        Parameters
        ----------
        a, b : Mat
            (n, d) each; rows, columns and (1, 1) are broadcast.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        ValueError
            If the shapes are neither equal nor broadcastable.
        """
        return self._binary(c.MAXIMUM, a, b)

    def minimum(self, a: M, b: M) -> M:
        """Returns the smaller of ``a`` and ``b``, element by element; NaN if one is NaN.

        Equal elements have half of the gradient each, as in PyTorch.

        Parameters
        ----------
        a, b : Mat
            (n, d) each; rows, columns and (1, 1) are broadcast.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        ValueError
            If the shapes are neither equal nor broadcastable.
        """
        return self._binary(c.MINIMUM, a, b)

    def greater(self, a: M, b: M) -> M:
        """Returns 1 where ``a > b``, else 0; without a gradient.

        Parameters
        ----------
        a, b : Mat
            (n, d) each; rows, columns and (1, 1) are broadcast.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        ValueError
            If the shapes are neither equal nor broadcastable.
        """
        return self._binary(c.GREATER, a, b)

    def greater_equal(self, a: M, b: M) -> M:
        """Returns 1 where ``a >= b``, else 0; without a gradient.

        Parameters
        ----------
        a, b : Mat
            (n, d) each; rows, columns and (1, 1) are broadcast.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        ValueError
            If the shapes are neither equal nor broadcastable.
        """
        return self._binary(c.GREATER_EQUAL, a, b)

    def less(self, a: M, b: M) -> M:
        """Returns 1 where ``a < b``, else 0; without a gradient.

        Parameters
        ----------
        a, b : Mat
            (n, d) each; rows, columns and (1, 1) are broadcast.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        ValueError
            If the shapes are neither equal nor broadcastable.
        """
        return self._binary(c.LESS, a, b)

    def less_equal(self, a: M, b: M) -> M:
        """Returns 1 where ``a <= b``, else 0; without a gradient.

        Parameters
        ----------
        a, b : Mat
            (n, d) each; rows, columns and (1, 1) are broadcast.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        ValueError
            If the shapes are neither equal nor broadcastable.
        """
        return self._binary(c.LESS_EQUAL, a, b)

    def equal(self, a: M, b: M) -> M:
        """Returns 1 where ``a`` and ``b`` are equal, else 0; without a gradient.

        Parameters
        ----------
        a, b : Mat
            (n, d) each; rows, columns and (1, 1) are broadcast.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        ValueError
            If the shapes are neither equal nor broadcastable.
        """
        return self._binary(c.EQUAL, a, b)

    def not_equal(self, a: M, b: M) -> M:
        """Returns 1 where ``a`` and ``b`` differ, else 0; without a gradient.

        Parameters
        ----------
        a, b : Mat
            (n, d) each; rows, columns and (1, 1) are broadcast.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        ValueError
            If the shapes are neither equal nor broadcastable.
        """
        return self._binary(c.NOT_EQUAL, a, b)

    def where(self, condition: M, a: M, b: M) -> M:
        """Returns ``a`` where ``condition`` is not 0, and ``b`` elsewhere; NaN is not 0.

        No gradient flows to the condition.

        Parameters
        ----------
        condition, a, b : Mat
            (n, d) each; rows, columns and (1, 1) are broadcast.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        ValueError
            If the shapes are neither equal nor broadcastable.
        """
        mats = [(condition, "condition"), (a, "a"), (b, "b")]
        return self._record_mats(_lib.recurrent_graph_where, mats)

    def _where(self, a: M, b: M, condition: M) -> M:
        return self.where(condition, a, b)

    def clip(self, m: M, low: float | None = None, high: float | None = None) -> M:
        """Returns the elements limited to an interval.

        The derivative is 1 from ``low`` to ``high``, both included, as in PyTorch's ``clamp``, and 0 outside.

        Parameters
        ----------
        m : Mat
            (n, d).
        low, high : float, optional
            None for no limit; ``low`` is at most ``high``.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        TypeError
            If ``m`` is not a Mat.
        ValueError
            If ``low`` is above ``high``, or a limit is NaN.
        """
        limits = _limit(low, "low", -math.inf, m), _limit(high, "high", math.inf, m)
        return self._record_mats(_lib.recurrent_graph_clip, [(m, "m")], *limits)


def _limit(value: Any, name: str, none: float, m: Any) -> float:
    """Returns an end of an interval, which may be infinite."""
    if value is None:
        return none
    number = as_number(value, name)
    return as_float(number, name, m) if math.isfinite(number) else number
