"""Operations of a graph that rearrange elements: transpose, concatenation, stacks, slices, indices, other shapes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Callable

from . import _c
from ._arrays import as_lengths
from ._checks import as_int
from .mat import Mat, expect_mat
from .operands import as_handles, as_indices
from .reductions import as_axis

if TYPE_CHECKING:
    import numpy.typing as npt

_lib = _c.lib


class GraphShapes:
    """The operations of a graph that rearrange elements."""

    _handle: _c.Handle

    def _record(self, operation: Callable[..., int], *arguments: Any) -> Mat:
        raise NotImplementedError

    def transpose(self, m: Mat) -> Mat:
        """Returns the transpose.

        Parameters
        ----------
        m : Mat
            (n, d).

        Returns
        -------
        Mat
            (d, n), new.

        Raises
        ------
        TypeError
            If ``m`` is not a Mat.
        """
        return self._record(_lib.recurrent_graph_transpose, expect_mat(m, "m"))

    def concat_rows(self, mats: Iterable[Mat]) -> Mat:
        """Concatenates Mats with equal columns vertically.

        Parameters
        ----------
        mats : iterable of Mat
            (n_k, d) each, at least one.

        Returns
        -------
        Mat
            (Σ n_k, d), new.

        Raises
        ------
        ValueError
            If the columns differ.
        TypeError
            If ``mats`` is a Mat or contains another type.
        """
        return self._record(_lib.recurrent_graph_concat_rows, *as_handles(mats))

    def concat_columns(self, mats: Iterable[Mat]) -> Mat:
        """Concatenates Mats with equal rows horizontally.

        Parameters
        ----------
        mats : iterable of Mat
            (n, d_k) each, at least one.

        Returns
        -------
        Mat
            (n, Σ d_k), new.

        Raises
        ------
        ValueError
            If the rows differ.
        TypeError
            If ``mats`` is a Mat or contains another type.
        """
        return self._record(_lib.recurrent_graph_concat_columns, *as_handles(mats))

    def stack(self, mats: Iterable[Mat], axis: int) -> Mat:
        """Puts the columns, or the rows, of Mats of one shape in turn.

        NumPy's ``stack`` with the new axis after ``axis``, which both make one: with 1 single columns become columns
        of one Mat, with 0 single rows become rows.

        Parameters
        ----------
        mats : iterable of Mat
            T of them, (n, d) each, at least one.
        axis : {0, 1}
            1 gives columns in turn, 0 rows.

        Returns
        -------
        Mat
            (n, d * T) for 1, where column ``j * T + t`` is column j of ``mats[t]``; (n * T, d) for 0, where row
            ``i * T + t`` is row i of ``mats[t]``.

        Raises
        ------
        ValueError
            If the shapes differ or ``axis`` is unknown.
        TypeError
            If ``mats`` is a Mat or contains another type.

        Examples
        --------
        >>> import recurrent
        >>> a, b = recurrent.Mat.from_array([[1, 2]]), recurrent.Mat.from_array([[3, 4]])
        >>> recurrent.Graph().stack([a, b], 0).w.tolist()
        [[1.0, 2.0], [3.0, 4.0]]
        >>> recurrent.Graph().stack([a, b], 1).w.tolist()
        [[1.0, 3.0, 2.0, 4.0]]
        """
        return self._record(_lib.recurrent_graph_stack, *as_handles(mats), as_axis(axis))

    def reshape(self, m: Mat, n: int, d: int) -> Mat:
        """Returns the elements, row by row, in another shape: NumPy's ``reshape``.

        Parameters
        ----------
        m : Mat
            Any shape.
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
            If an argument has the wrong type.
        """
        return self._record(_lib.recurrent_graph_reshape, expect_mat(m, "m"), as_int(n, "n"), as_int(d, "d"))

    def index_select(self, m: Mat, indices: int | Iterable[int], axis: int) -> Mat:
        """Returns rows or columns by index, as PyTorch's ``index_select``.

        Parameters
        ----------
        m : Mat
            (n, d).
        indices : int or list of int
            k of them, from 0. One that is repeated accumulates both gradients.
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
        return self._record(
            _lib.recurrent_graph_index_select,
            expect_mat(m, "m"),
            *as_indices(indices, "indices"),
            as_axis(axis),
        )

    def detach(self, m: Mat) -> Mat:
        """Returns the values as a constant: no gradient flows to ``m``.

        Parameters
        ----------
        m : Mat
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
        return self._record(_lib.recurrent_graph_detach, expect_mat(m, "m"))

    def reverse_sequence(self, m: Mat, steps: int, lengths: npt.ArrayLike | None = None) -> Mat:
        """Reverses sequences in time, each within its length; its later steps stay where they are.

        Parameters
        ----------
        m : Mat
            (n, T * B), column ``t * B + b`` of step t and sequence b.
        steps : int
            T, at least 1.
        lengths : array of int, optional
            (B,): the valid steps of each sequence, 0 to T; all T where absent.

        Returns
        -------
        Mat
            (n, T * B), new.

        Raises
        ------
        ValueError, IndexError
            If the columns are no multiple of ``steps``, or a length does not fit.
        TypeError
            If an argument has the wrong type.

        Examples
        --------
        >>> import recurrent
        >>> m = recurrent.Mat.from_array([[1.0, 10.0, 2.0, 20.0, 3.0, 30.0]])
        >>> recurrent.Graph().reverse_sequence(m, 3, [3, 2]).w.tolist()
        [[3.0, 20.0, 2.0, 10.0, 1.0, 30.0]]
        """
        mat, T = expect_mat(m, "m"), as_int(steps, "steps")
        counts = as_lengths(lengths, m.d // T) if T > 0 and m.d % T == 0 else None
        return self._record(
            _lib.recurrent_graph_reverse_sequence,
            mat,
            T,
            None if counts is None else _c.as_ints(counts, len(counts)),
            0 if counts is None else len(counts),
        )

    def slice_rows(self, m: Mat, start: int, count: int) -> Mat:
        """Returns rows ``start`` to ``start + count - 1`` as a view that shares ``w`` and ``dw`` with ``m``.

        Parameters
        ----------
        m : Mat
            (n, d).
        start : int
            The first row, from 0.
        count : int
            The number of rows, at least 1.

        Returns
        -------
        Mat
            (count, d), a view.

        Raises
        ------
        ValueError, IndexError
            If the rows are out of range.
        """
        return self._slice(_lib.recurrent_graph_slice_rows, m, start, count)

    def slice_columns(self, m: Mat, start: int, count: int) -> Mat:
        """Returns columns ``start`` to ``start + count - 1`` as a view that shares ``w`` and ``dw`` with ``m``.

        Parameters
        ----------
        m : Mat
            (n, d).
        start : int
            The first column, from 0.
        count : int
            The number of columns, at least 1.

        Returns
        -------
        Mat
            (n, count), a view.

        Raises
        ------
        ValueError, IndexError
            If the columns are out of range.
        """
        return self._slice(_lib.recurrent_graph_slice_columns, m, start, count)

    def _slice(self, operation: Callable[..., int], m: Mat, start: int, count: int) -> Mat:
        expect_mat(m, "m")
        handle = _c.new(
            operation,
            _lib.recurrent_mat_free,
            self._handle.value,
            m._handle.value,
            as_int(start, "start"),
            as_int(count, "count"),
            owner=m._handle,
        )
        return m._from_handle(handle, m._graph)
