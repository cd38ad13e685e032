"""Reductions, each as a method of ``Mat`` and of ``Graph``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable, Generic, TypeVar

from . import _c
from ._checks import as_int

_lib = _c.lib
_AXES = {None: -1, 0: 0, 1: 1}
M = TypeVar("M")
Self = TypeVar("Self", bound="MatReductions")


class MatReductions:
    """The reductions of one Mat, recorded on the current graph."""

    __slots__ = ()

    def _recorded(self: Self, operation: str, *arguments: Any) -> Self:
        raise NotImplementedError

    def sum(self: Self, axis: int | None = None) -> Self:
        """Returns the sum over all elements, rows or columns.

        Parameters
        ----------
        axis : {None, 0, 1}
            None reduces all elements, 0 the rows, 1 the columns.

        Returns
        -------
        Mat
            (1, 1) for None, (1, d) for 0, (n, 1) for 1.

        Raises
        ------
        ValueError
            If ``axis`` is unknown.
        """
        return self._recorded("sum", axis)

    def mean(self: Self, axis: int | None = None) -> Self:
        """Returns the mean over all elements, rows or columns.

        Parameters
        ----------
        axis : {None, 0, 1}
            None reduces all elements, 0 the rows, 1 the columns.

        Returns
        -------
        Mat
            (1, 1) for None, (1, d) for 0, (n, 1) for 1.

        Raises
        ------
        ValueError
            If ``axis`` is unknown.
        """
        return self._recorded("mean", axis)

    def max(self: Self, axis: int | None = None) -> Self:
        """Returns the largest element of all, of each column or of each row; NaN if one is NaN.

        Elements that are equally large have equal shares of the gradient, as in PyTorch's ``amax``.

        Parameters
        ----------
        axis : {None, 0, 1}
            None reduces all elements, 0 the rows, 1 the columns.

        Returns
        -------
        Mat
            (1, 1) for None, (1, d) for 0, (n, 1) for 1.

        Raises
        ------
        ValueError
            If ``axis`` is unknown.
        """
        return self._recorded("max", axis)

    def min(self: Self, axis: int | None = None) -> Self:
        """Returns the smallest element of all, of each column or of each row; NaN if one is NaN.

        Elements that are equally small have equal shares of the gradient, as in PyTorch's ``amin``.

        Parameters
        ----------
        axis : {None, 0, 1}
            None reduces all elements, 0 the rows, 1 the columns.

        Returns
        -------
        Mat
            (1, 1) for None, (1, d) for 0, (n, 1) for 1.

        Raises
        ------
        ValueError
            If ``axis`` is unknown.
        """
        return self._recorded("min", axis)

    def norm(self: Self, axis: int | None = None) -> Self:
        """Returns the Euclidean norm ``√Σx²`` of all elements, columns or rows; the gradient at 0 is 0.

        No square overflows or underflows.

        Parameters
        ----------
        axis : {None, 0, 1}
            None reduces all elements, 0 the rows, 1 the columns.

        Returns
        -------
        Mat
            (1, 1) for None, (1, d) for 0, (n, 1) for 1.

        Raises
        ------
        ValueError
            If ``axis`` is unknown.
        """
        return self._recorded("norm", axis)

    def logsumexp(self: Self, axis: int | None = None) -> Self:
        """Returns ``ln Σ exp(x)`` over all elements, rows or columns, without overflow for finite elements.

        Parameters
        ----------
        axis : {None, 0, 1}
            None reduces all elements, 0 the rows, 1 the columns.

        Returns
        -------
        Mat
            (1, 1) for None, (1, d) for 0, (n, 1) for 1.

        Raises
        ------
        ValueError
            If ``axis`` is unknown.
        """
        return self._recorded("logsumexp", axis)

    def cumsum(self: Self, axis: int) -> Self:
        """Returns the sums of the elements so far, down each column or along each row.

        Parameters
        ----------
        axis : {0, 1}
            0 adds down each column, 1 along each row.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        ValueError
            If ``axis`` is unknown.

        Examples
        --------
        >>> import recurrent
        >>> recurrent.Mat.from_array([[1, 2], [3, 4]]).cumsum(0).w.tolist()
        [[1.0, 2.0], [4.0, 6.0]]
        """
        return self._recorded("cumsum", axis)


class GraphReductions(Generic[M]):
    """The reductions of a graph."""

    def _record_mats(
        self, operation: Callable[..., int], mats: Sequence[tuple[M, str]], *arguments: Any
    ) -> M:
        raise NotImplementedError

    def sum(self, m: M, axis: int | None = None) -> M:
        """Returns the sum over all elements, rows or columns.

        Parameters
        ----------
        m : Mat
            (n, d).
        axis : {None, 0, 1}
            None reduces all elements, 0 the rows, 1 the columns.

        Returns
        -------
        Mat
            (1, 1) for None, (1, d) for 0, (n, 1) for 1.

        Raises
        ------
        TypeError
            If ``m`` is not a Mat.
        ValueError
            If ``axis`` is unknown.
        """
        return self._record_mats(_lib.recurrent_graph_sum, [(m, "m")], _axis(axis))

    def mean(self, m: M, axis: int | None = None) -> M:
        """Returns the mean over all elements, rows or columns.

        Parameters
        ----------
        m : Mat
            (n, d).
        axis : {None, 0, 1}
            None reduces all elements, 0 the rows, 1 the columns.

        Returns
        -------
        Mat
            (1, 1) for None, (1, d) for 0, (n, 1) for 1.

        Raises
        ------
        TypeError
            If ``m`` is not a Mat.
        ValueError
            If ``axis`` is unknown.
        """
        return self._record_mats(_lib.recurrent_graph_mean, [(m, "m")], _axis(axis))

    def max(self, m: M, axis: int | None = None) -> M:
        """Returns the largest element of all, of each column or of each row; NaN if one is NaN.

        Elements that are equally large have equal shares of the gradient, as in PyTorch's ``amax``.

        Parameters
        ----------
        m : Mat
            (n, d).
        axis : {None, 0, 1}
            None reduces all elements, 0 the rows, 1 the columns.

        Returns
        -------
        Mat
            (1, 1) for None, (1, d) for 0, (n, 1) for 1.

        Raises
        ------
        TypeError
            If ``m`` is not a Mat.
        ValueError
            If ``axis`` is unknown.
        """
        return self._record_mats(_lib.recurrent_graph_max, [(m, "m")], _axis(axis))

    def min(self, m: M, axis: int | None = None) -> M:
        """Returns the smallest element of all, of each column or of each row; NaN if one is NaN.

        Elements that are equally small have equal shares of the gradient, as in PyTorch's ``amin``.

        Parameters
        ----------
        m : Mat
            (n, d).
        axis : {None, 0, 1}
            None reduces all elements, 0 the rows, 1 the columns.

        Returns
        -------
        Mat
            (1, 1) for None, (1, d) for 0, (n, 1) for 1.

        Raises
        ------
        TypeError
            If ``m`` is not a Mat.
        ValueError
            If ``axis`` is unknown.
        """
        return self._record_mats(_lib.recurrent_graph_min, [(m, "m")], _axis(axis))

    def norm(self, m: M, axis: int | None = None) -> M:
        """Returns the Euclidean norm ``√Σx²`` of all elements, columns or rows; the gradient at 0 is 0.

        No square overflows or underflows.

        Parameters
        ----------
        m : Mat
            (n, d).
        axis : {None, 0, 1}
            None reduces all elements, 0 the rows, 1 the columns.

        Returns
        -------
        Mat
            (1, 1) for None, (1, d) for 0, (n, 1) for 1.

        Raises
        ------
        TypeError
            If ``m`` is not a Mat.
        ValueError
            If ``axis`` is unknown.
        """
        return self._record_mats(_lib.recurrent_graph_norm, [(m, "m")], _axis(axis))

    def logsumexp(self, m: M, axis: int | None = None) -> M:
        """Returns ``ln Σ exp(x)`` over all elements, rows or columns, without overflow for finite elements.

        Parameters
        ----------
        m : Mat
            (n, d).
        axis : {None, 0, 1}
            None reduces all elements, 0 the rows, 1 the columns.

        Returns
        -------
        Mat
            (1, 1) for None, (1, d) for 0, (n, 1) for 1.

        Raises
        ------
        TypeError
            If ``m`` is not a Mat.
        ValueError
            If ``axis`` is unknown.
        """
        return self._record_mats(_lib.recurrent_graph_logsumexp, [(m, "m")], _axis(axis))

    def cumsum(self, m: M, axis: int) -> M:
        """Returns the sums of the elements so far, down each column or along each row.

        Parameters
        ----------
        m : Mat
            (n, d).
        axis : {0, 1}
            0 adds down each column, 1 along each row.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        TypeError
            If ``m`` is not a Mat.
        ValueError
            If ``axis`` is unknown.
        """
        return self._record_mats(_lib.recurrent_graph_cumsum, [(m, "m")], as_axis(axis))


def as_axis(axis: Any) -> int:
    """Returns 0 or 1."""
    number = as_int(axis, "axis")
    if number not in (0, 1):
        raise ValueError(f"axis is unknown; expected one of 0, 1, got {number}")
    return number


def _axis(axis: Any) -> int:
    """Returns the number of an axis in ``_AXES``."""
    number = None if axis is None else as_int(axis, "axis")
    if number not in _AXES:
        raise ValueError(f"axis is unknown; expected one of None, 0, 1, got {number}")
    return _AXES[number]
