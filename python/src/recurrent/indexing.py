"""Parts of a Mat, and its elements in other places, each as a method of ``Mat``."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from ._arrays import as_ints
from ._checks import shown

Self = TypeVar("Self", bound="MatIndexing")


class _Part(NamedTuple):
    """Some rows or columns: those from ``first`` on, or those of a list."""

    first: int
    size: int
    listed: list[int] | None = None


class MatIndexing:
    """The rearrangements of one Mat, recorded on the current graph."""

    __slots__ = ()
    # elements are not iterated over: ``m.w`` is an array
    __iter__ = None

    def _recorded(self: Self, operation: str, *arguments: Any) -> Self:
        raise NotImplementedError

    if TYPE_CHECKING:

        def view(self: Self, row: int, column: int, n: int, d: int) -> Self:
            """See ``Mat.view``."""

        def _describe(self) -> tuple[int, int, int, int]: ...

        @property
        def shape(self) -> tuple[int, int]:
            """See ``Mat.shape``."""

    def __getitem__(self: Self, key: Any) -> Self:
        """``m[rows, columns]``: both stay axes, and an index alone stands for one row or column.

        Slices of step 1 and ints give a view that shares ``w`` and ``dw``; other slices and lists of ints are recorded.
        """
        keys = key if isinstance(key, tuple) else (key,)
        if len(keys) not in (1, 2):
            raise IndexError(f"key has the wrong number of indices; expected 1 or 2, got {len(keys)}")
        n, d = self._describe()[:2]
        column = keys[1] if len(keys) == 2 else slice(None)
        if not isinstance(column, slice) or column != slice(None):
            # those of a step's value are the batch, whose number is refused
            d = self.shape[1]
        rows, columns = _part(keys[0], n, "rows"), _part(column, d, "columns")
        if rows.listed is not None and columns.listed is not None:
            if isinstance(keys[0], slice) or isinstance(column, slice):
                return self[keys[0]][:, column]
            raise IndexError(
                "rows and columns are both lists; expected one of them, m[rows][:, columns], got two"
            )
        part = self.view(rows.first, columns.first, rows.size, columns.size)
        for axis, listed in enumerate((rows.listed, columns.listed)):
            if listed is not None:
                part = part.index_select(listed, axis)
        return part

    @property
    def T(self: Self) -> Self:
        """The transpose, (d, n), recorded on the graph."""
        return self._recorded("transpose")

    def reshape(self: Self, n: int, d: int) -> Self:
        """Returns the elements, row by row, in another shape: NumPy's ``reshape``.

        Parameters
        ----------
        n, d : int
            Rows and columns; -1 for the number that fits.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        ValueError
            If the numbers of elements differ.
        TypeError
            If ``n`` or ``d`` is not an int.

        Examples
        --------
        >>> import recurrent
        >>> recurrent.Mat.from_array([[1, 2, 3], [4, 5, 6]]).reshape(3, -1).w.tolist()
        [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
        """
        return self._recorded("reshape", n, d)

    def index_select(self: Self, indices: int | Iterable[int], axis: int) -> Self:
        """Returns rows or columns by index: see ``Graph.index_select``.

        ``m[indices]`` and ``m[:, indices]`` do the same.

        Parameters
        ----------
        indices : int or list of int
            k of them, from 0.
        axis : {0, 1}
            0 for rows, 1 for columns.

        Returns
        -------
        Mat
            (k, d) for 0, (n, k) for 1, new.

        Raises
        ------
        IndexError
            If an index is out of range.
        ValueError
            If ``axis`` is unknown.
        TypeError
            If an argument has the wrong type.
        """
        return self._recorded("index_select", indices, axis)

    def detach(self: Self) -> Self:
        """Returns the values as a constant: no gradient flows to this Mat.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        RuntimeError
            If this Mat is a result of a graph that was reset.
        """
        return self._recorded("detach")


def _part(key: Any, size: int, name: str) -> _Part:
    """Returns the rows or columns of a key, counted from 0."""
    if isinstance(key, slice):
        numbers = range(*key.indices(size))
        if not numbers:
            raise IndexError(f"{name} is empty; expected at least 1 of {size}, got {shown(key)}")
        return _Part(numbers[0], len(numbers)) if numbers.step == 1 else _Part(0, size, list(numbers))
    if isinstance(key, (list, np.ndarray)):
        listed = [_counted(index, size, f"{name}[{k}]") for k, index in enumerate(as_ints(key, name))]
        if not listed:
            raise IndexError(f"{name} is empty; expected at least 1 of {size}, got {shown(key)}")
        return _Part(0, size, listed)
    try:
        if isinstance(key, (bool, np.bool_)):
            raise TypeError
        index = operator.index(key)
    except TypeError:
        raise TypeError(
            f"{name} has the wrong type; expected an int, a slice or a list of ints, got {type(key).__name__}"
        ) from None
    return _Part(_counted(index, size, name), 1)


def _counted(index: Any, size: int, name: str) -> int:
    """Returns an index from 0; a negative one counts from the end."""
    if not -size <= index < size:
        raise IndexError(f"{name} is out of range; expected {-size} to {size - 1}, got {shown(int(index))}")
    return int(index) % size
