"""Mat: a matrix of values and gradients, viewed as NumPy arrays."""

from __future__ import annotations

import ctypes
import functools
import math
import numbers
import weakref
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Callable, Protocol

import numpy as np

from . import _c
from ._arrays import as_matrix, as_type, contiguous
from ._checks import DTYPES, FLOAT32_MAX, as_dtype, as_float, as_int, as_list
from ._pickles import as_bytes
from .elementwise import MatElementwise
from .indexing import MatIndexing
from .introspection.document import Drawing
from .mat_repr import page as _page
from .mat_repr import text as _text
from .names import DType, MaskScopeName
from .random import RNG, as_random
from .reductions import MatReductions
from .selection import MatSelection
from .tape import graph_for, is_default

if TYPE_CHECKING:
    import numpy.typing as npt

_lib = _c.lib


class _Recorder(Protocol):
    """A graph as operators use it: each method records an operation and returns the result."""

    def __getattr__(self, name: str) -> Callable[..., Mat]: ...


class Mat(MatElementwise, MatSelection, MatReductions, MatIndexing):
    """``n`` rows by ``d`` columns of values ``w``, with their gradients ``dw``.

    A column is one example. Memory is column-major, aligned to 64 bytes, and never moves.

    Parameters
    ----------
    n, d : int
        Rows and columns, at least 1 each, at most 2**31 - 1 elements in total.
    dtype : {"float32", "float64"}
        The type of the elements.

    Raises
    ------
    TypeError, ValueError
        If a size or ``dtype`` is out of range.
    MemoryError
        If the memory cannot be allocated.

    Examples
    --------
    >>> import recurrent
    >>> m = recurrent.Mat(2, 3)
    >>> m.w[0, 1] = 5
    >>> m.w.sum()
    np.float32(5.0)
    >>> W, x = recurrent.Mat.from_array([[1, 2], [3, 4]]), recurrent.Mat.from_array([1, 1])
    >>> loss = (W @ x).square().sum()
    >>> loss.backward()
    >>> x.dw[:, 0].tolist()
    [48.0, 68.0]
    """

    __slots__ = ("_dw", "_graph", "_handle", "_info", "_past", "_w")
    # makes NumPy return NotImplemented from `array @ mat`, which the graph has to record
    __array_ufunc__ = None

    _handle: _c.Handle
    _graph: Any
    # of a loss whose backward pass is done: its graph, the recording and its place in it
    _past: tuple[weakref.ref[Any], int, int] | None
    _info: tuple[int, int, int, int] | None
    # references to the views that are in use
    _w: weakref.ref[npt.NDArray[Any]] | None
    _dw: weakref.ref[npt.NDArray[Any]] | None

    def __init__(self, n: int, d: int, dtype: DType = "float32") -> None:
        n, d, code = as_int(n, "n"), as_int(d, "d"), as_dtype(dtype)
        self._attach(_c.new(_lib.recurrent_mat_create, _lib.recurrent_mat_free, code, n, d))

    def _attach(self, handle: _c.Handle, graph: Any = None) -> None:
        self._handle, self._graph = handle, graph
        self._info = self._w = self._dw = self._past = None

    @classmethod
    def _from_handle(cls, handle: _c.Handle, graph: Any = None) -> Mat:
        """A Mat for a handle that the library gave out."""
        mat = cls.__new__(cls)
        mat._attach(handle, graph)
        return mat

    @classmethod
    def from_array(cls, values: npt.ArrayLike, dtype: DType | None = None) -> Mat:
        """Returns a Mat with a copy of ``values``.

        Parameters
        ----------
        values : array_like
            (n, d), or (n,) for a column.
        dtype : {"float32", "float64"}, optional
            The type of the elements; where absent, that of a float array or Mat, float32 for other values.

        Returns
        -------
        Mat
            (n, d).

        Raises
        ------
        TypeError
            If the elements are not real numbers.
        ValueError
            If there are no elements, or a finite element overflows ``dtype``.

        Examples
        --------
        >>> import recurrent
        >>> recurrent.Mat.from_array([1, 2, 3]).shape
        (3, 1)
        """
        array = as_matrix(values, "values")
        native = array.dtype.newbyteorder("=")
        own = hasattr(values, "dtype") and native in DTYPES
        code = as_dtype(dtype if dtype is not None else native if own else "float32")
        # the rows of the transpose are the columns of the Mat
        columns = contiguous(as_type(array, DTYPES[code], "values").T, "values")
        d, n = columns.shape
        return cls._from_handle(
            _c.new(
                _lib.recurrent_mat_create_from,
                _lib.recurrent_mat_free,
                code,
                n,
                d,
                _c.as_values(columns, n * d, DTYPES[code]),
                n * d,
            )
        )

    @classmethod
    def uniform(
        cls,
        n: int,
        d: int,
        low: float = 0.0,
        high: float = 1.0,
        dtype: DType = "float32",
        rng: RNG = None,
    ) -> Mat:
        """Returns a Mat of elements uniform on [low, high), drawn column by column.

        Parameters
        ----------
        n, d : int
            Rows and columns.
        low, high : float
            The range.
        dtype : {"float32", "float64"}
            The type of the elements.
            float32 rounds the draws of float64.
        rng : int, numpy.random.Generator, Random, optional
            The source of random numbers; a seed where an int; fresh where absent.

        Returns
        -------
        Mat
            (n, d).

        Raises
        ------
        ValueError
            If ``low`` or ``high`` is not finite.
        """
        mat, random = cls(n, d, dtype), as_random(rng)
        _lib.recurrent_mat_fill_uniform(
            mat._handle.value, as_float(low, "low", mat), as_float(high, "high", mat), random._handle.value
        )
        return mat

    @classmethod
    def gaussian(
        cls,
        n: int,
        d: int,
        mean: float = 0.0,
        std: float = 1.0,
        dtype: DType = "float32",
        rng: RNG = None,
    ) -> Mat:
        """Returns a Mat of normally distributed elements, drawn column by column.

        Parameters
        ----------
        n, d : int
            Rows and columns.
        mean, std : float
            The mean, and the standard deviation, at least 0.
        dtype : {"float32", "float64"}
            The type of the elements.
            float32 rounds the draws of float64.
        rng : int, numpy.random.Generator, Random, optional
            The source of random numbers; a seed where an int; fresh where absent.

        Returns
        -------
        Mat
            (n, d).

        Raises
        ------
        ValueError
            If ``mean`` or ``std`` is out of range.
        """
        mat, random = cls(n, d, dtype), as_random(rng)
        _lib.recurrent_mat_fill_gaussian(
            mat._handle.value, as_float(mean, "mean", mat), as_float(std, "std", mat), random._handle.value
        )
        return mat

    # ---- type and shape

    def _describe(self) -> tuple[int, int, int, int]:
        if self._info is None:
            self._info = self._described()
        return self._info

    def _described(self) -> tuple[int, int, int, int]:
        """Asks the library for rows, columns, stride and dtype."""
        info = _c.MatInfo()
        _lib.recurrent_mat_describe(self._handle.value, ctypes.byref(info))
        return info.n, info.d, info.stride, info.dtype

    @property
    def n(self) -> int:
        """The number of rows."""
        return self._describe()[0]

    @property
    def d(self) -> int:
        """The number of columns."""
        return self._describe()[1]

    @property
    def shape(self) -> tuple[int, int]:
        """``(n, d)``."""
        return self._describe()[:2]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the elements."""
        return DTYPES[self._describe()[3]]  # type: ignore[no-any-return]

    # ---- the numbers

    @property
    def w(self) -> npt.NDArray[Any]:
        """The values, (n, d): a writable view. Assigning copies.

        Access evaluates this Mat first if necessary, and every recorded operation that reads it. A later write changes
        neither their results nor their gradients: what a backward pass still reads of this Mat is copied. A view in
        use is writable at any time, so that each operation recorded on its Mat is evaluated at once and copies what
        its backward pass reads; a view that is released costs nothing.

        The view keeps the memory alive, and a graph's ``reset()`` leaves it as it is.
        """
        view = None if self._w is None else self._w()
        if view is None:
            view = self._view(_lib.recurrent_mat_pin_w)
            self._w = weakref.ref(view)
        else:
            _lib.recurrent_mat_w(self._handle.value, ctypes.byref(ctypes.c_void_p()))
        return view

    @w.setter
    def w(self, values: npt.ArrayLike) -> None:
        _assign(self.w, values, "w")

    @property
    def dw(self) -> npt.NDArray[Any]:
        """The gradients, (n, d): a writable view. Assigning copies."""
        view = None if self._dw is None else self._dw()
        if view is None:
            view = self._view(_lib.recurrent_mat_pin_dw)
            self._dw = weakref.ref(view)
        else:
            _lib.recurrent_mat_dw(self._handle.value, ctypes.byref(ctypes.c_void_p()))
        return view

    @dw.setter
    def dw(self, values: npt.ArrayLike) -> None:
        _assign(self.dw, values, "dw")

    def _view(self, pin: Callable[..., int]) -> npt.NDArray[Any]:
        n, d, stride, code = self._described()
        item = DTYPES[code].itemsize
        address = ctypes.c_void_p()
        owner = _c.new(pin, _lib.recurrent_pin_free, self._handle.value, ctypes.byref(address))
        buffer = _buffer_type(((d - 1) * stride + n) * item).from_address(address.value or 0)
        # the array keeps the buffer, the buffer keeps the pin, the pin keeps the memory
        buffer._owner = owner
        return np.ndarray((n, d), DTYPES[code], buffer, strides=(item, stride * item))

    def split(self, parts: int | Sequence[int]) -> list[Mat]:
        """Returns views of the rows, from the top: as many equal parts, or parts of the given numbers of rows.

        Parameters
        ----------
        parts : int or sequence of int
            A divisor of ``n``; or the rows of each part, ``n`` in total.

        Returns
        -------
        list of Mat
            Views, which share ``w`` and ``dw``.

        Raises
        ------
        ValueError
            If the parts do not make ``n`` rows.

        Examples
        --------
        >>> import recurrent
        >>> top, bottom = recurrent.Mat.from_array([[1], [2], [3], [4]]).split(2)
        >>> bottom.w[:, 0].tolist()
        [3.0, 4.0]
        """
        n, d = self._describe()[:2]
        if isinstance(parts, (int, np.integer)):
            count = as_int(parts, "parts")
            if count < 1 or n % count:
                raise ValueError(f"parts does not divide the rows; expected a divisor of {n}, got {count}")
            rows = [n // count] * count
        else:
            each = as_list(parts, "parts", "an int or a list of ints")
            rows = [as_int(part, f"parts[{k}]") for k, part in enumerate(each)]
            if min(rows, default=0) < 1 or sum(rows) != n:
                raise ValueError(
                    f"parts does not make the rows; expected positive numbers of sum {n}, got {rows}"
                )
        first, views = 0, []
        for count in rows:
            views.append(self.view(first, 0, count, d))
            first += count
        return views

    def view(self, row: int, column: int, n: int, d: int) -> Mat:
        """Returns a submatrix that shares values and gradients with this Mat.

        Parameters
        ----------
        row, column : int
            The first row and column, from 0.
        n, d : int
            Rows and columns, at least 1 each.

        Returns
        -------
        Mat
            (n, d), a view.

        Raises
        ------
        ValueError, IndexError
            If the submatrix is out of range.
        """
        handle = _c.MatHandle()
        handle._owner = self._handle
        _lib.recurrent_mat_view(
            self._handle, as_int(row, "row"), as_int(column, "column"), as_int(n, "n"), as_int(d, "d"), handle
        )
        return self._from_handle(handle, self._graph)

    def copy(self) -> Mat:
        """Returns a copy of the values with zero gradients and without a graph.

        Returns
        -------
        Mat
            (n, d), new.
        """
        return Mat._from_handle(_c.new(_lib.recurrent_mat_copy, _lib.recurrent_mat_free, self._handle.value))

    def fill(self, value: float) -> Mat:
        """Sets every value.

        Parameters
        ----------
        value : float
            Finite.

        Returns
        -------
        Mat
            This Mat.

        Raises
        ------
        TypeError, ValueError
            If ``value`` is not a finite number.
        """
        _lib.recurrent_mat_fill(self._handle.value, as_float(value, "value", self))
        return self

    def zero_gradient(self) -> Mat:
        """Sets every gradient to 0.

        Returns
        -------
        Mat
            This Mat.
        """
        _lib.recurrent_mat_zero_gradient(self._handle.value)
        return self

    def item(self) -> float:
        """Returns the value of a (1, 1) Mat.

        Returns
        -------
        float
            The only element.

        Raises
        ------
        ValueError
            If the shape is not (1, 1).
        """
        if self.shape != (1, 1):
            raise ValueError(f"the Mat has the wrong shape; expected (1, 1), got {self.shape}")
        address = ctypes.c_void_p()
        _lib.recurrent_mat_w(self._handle.value, ctypes.byref(address))
        number = ctypes.c_double if self._describe()[3] else ctypes.c_float
        return number.from_address(address.value or 0).value

    __float__ = item

    def __copy__(self) -> Mat:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Mat:
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        # the shape first: a value of a step that is being recorded has none, and no numbers
        (n, d), w = self.shape, self.w
        return mat_of_bytes, (str(w.dtype), n, d, w.tobytes("F"), gradients_of(self))

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        array = self.w
        if dtype is not None and np.dtype(dtype) != array.dtype:
            if copy is False:
                raise ValueError(
                    f"copy is False; expected True or None to convert {array.dtype} to {np.dtype(dtype)}"
                )
            return array.astype(dtype)
        return array.copy() if copy else array

    def __dlpack__(self, **options: Any) -> Any:
        return self.w.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[Any, Any]:
        return self.w.__dlpack_device__()

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    def __round__(self, digits: int | None = None) -> float:
        return round(self.item(), digits)

    def __bool__(self) -> bool:
        if self.shape != (1, 1):
            raise ValueError(
                f"the Mat has no truth value; expected (1, 1), got {self.shape}: reduce it, as with min() or max()"
            )
        return self.item() != 0

    def __repr__(self) -> str:
        return _text(self)

    def _repr_html_(self) -> str:
        return _page(self)

    # ---- expressions: recorded on the graph of the operands, or on the current one

    def _on(self, *others: Mat) -> _Recorder:
        return graph_for(self, *others)  # type: ignore[no-any-return]

    def _unary(self, operation: int, parameter: float = 0.0) -> Mat:
        return self._on()._unary(operation, self, parameter)

    def _recorded(self, operation: str, *arguments: Any) -> Mat:
        mats = [m for m in arguments if isinstance(m, Mat)]
        return getattr(self._on(*mats), operation)(self, *arguments)  # type: ignore[no-any-return]

    def _comparand(self, other: Any, name: str | None = None) -> Mat | None:
        """Returns the other operand as a Mat, where a number may be infinite or NaN; None for another type.

        A finite number beyond the range of the elements is infinite in a comparison, and refused by ``name`` elsewhere.
        """
        number = _number(other)
        if number is None:
            return self._operand(other)
        try:
            value = float(number)
        except OverflowError:
            value = math.inf if number > 0 else -math.inf
        if name is not None and (math.isfinite(value) or isinstance(number, int)):
            value = as_float(number, name, self)
        if self.dtype == DTYPES[0] and abs(value) > FLOAT32_MAX:
            value = math.copysign(math.inf, value)
        return Mat.from_array([[value]], self.dtype)

    def _operand(self, other: Any) -> Mat | None:
        """Returns the other operand of an operator: a Mat, an array copied into one, or a number as a column."""
        if isinstance(other, Mat):
            return other
        if isinstance(other, np.ndarray) and other.ndim > 0:
            if other.ndim == 1 and self.d > 1:
                raise ValueError(
                    f"operand has the wrong shape; expected {self.shape}, or {(self.n, 1)} for each column, got "
                    f"{other.shape}, which NumPy would add to each row"
                )
            return Mat.from_array(other, self.dtype)
        value = _scalar(other, self)
        return None if value is None else Mat(self.n, 1, self.dtype).fill(value)

    def __matmul__(self, other: Any) -> Mat:
        other = self._array(other)
        return NotImplemented if other is None else self._on(other).mul(self, other)

    def __rmatmul__(self, other: Any) -> Mat:
        other = self._array(other)
        return NotImplemented if other is None else self._on(other).mul(other, self)

    def _array(self, other: Any) -> Mat | None:
        if isinstance(other, np.ndarray) and other.ndim > 0:
            return Mat.from_array(other, self.dtype)
        return other if isinstance(other, Mat) else None

    def __add__(self, other: Any) -> Mat:
        value = _scalar(other, self)
        if value is not None:
            return self._on().shift(self, value)
        other = self._operand(other)
        return NotImplemented if other is None else self._on(other).add(self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Mat:
        value = _scalar(other, self)
        if value is not None:
            return self._on().shift(self, -value)
        other = self._operand(other)
        return NotImplemented if other is None else self._on(other).sub(self, other)

    def __rsub__(self, other: Any) -> Mat:
        value = _scalar(other, self)
        if value is not None:
            graph = self._on()
            return graph.shift(graph.neg(self), value)
        other = self._operand(other)
        return NotImplemented if other is None else self._on(other).sub(other, self)

    def __mul__(self, other: Any) -> Mat:
        value = _scalar(other, self)
        if value is not None:
            return self._on().scale(self, value)
        other = self._operand(other)
        return NotImplemented if other is None else self._on(other).eltmul(self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Mat:
        value = _scalar(other)
        if value is not None:
            if value == 0:
                raise ZeroDivisionError("the operand is 0; expected another number, got 0")
            return self._on().scale(self, as_float(1 / value, "1 / the operand", self))
        other = self._operand(other)
        return NotImplemented if other is None else self._on(other).div(self, other)

    def __rtruediv__(self, other: Any) -> Mat:
        other = self._operand(other)
        return NotImplemented if other is None else self._on(other).div(other, self)

    def __neg__(self) -> Mat:
        return self._on().neg(self)

    def __pow__(self, exponent: Any) -> Mat:
        value = _number(exponent)
        if value is None:
            raise TypeError(
                f"exponent has the wrong type; expected a number, got {type(exponent).__name__}; for a power of a Mat "
                "use exp(p * log(x)), for elements above 0"
            )
        if value == 0.5:
            return self.sqrt()
        return self.square() if value == 2 else self.pow(exponent)

    def __abs__(self) -> Mat:
        return self._on().abs(self)

    def dot(self, other: Mat) -> Mat:
        """Returns ``Σ x y`` over all elements.

        Parameters
        ----------
        other : Mat
            (n, d).

        Returns
        -------
        Mat
            (1, 1), new.

        Raises
        ------
        ValueError
            If the shapes differ.
        TypeError
            If ``other`` is not a Mat.
        """
        expect_mat(other, "other")
        return self._on(other).dot(self, other)

    def softmax(self) -> Mat:
        """Returns ``exp(x) / Σ exp(x)`` of each column.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        RuntimeError
            If this Mat is a result of a graph that was reset.
        """
        return self._on().softmax(self)

    def log_softmax(self) -> Mat:
        """Returns ``ln softmax(x)`` of each column.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        RuntimeError
            If this Mat is a result of a graph that was reset.
        """
        return self._on().log_softmax(self)

    def dropout(self, rate: float, rng: RNG = None, *, per: MaskScopeName | None = None) -> Mat:
        """Zeroes a random fraction of the elements: see ``Graph.dropout``.

        Parameters
        ----------
        rate : float
            The probability of zeroing an element, at least 0 and below 1.
        rng : int, numpy.random.Generator, Random, optional
            The source of random numbers. None in a step.
        per : {"step", "sequence"}, optional
            In a step, how often a mask is drawn.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        ValueError
            If ``rate`` is out of range; for ``rng`` in a step and ``per`` elsewhere.
        """
        return self._on().dropout(self, rate, rng, per=per)

    def name(self, name: str) -> Mat:
        """Names a value of a step: see ``Graph.name``.

        Parameters
        ----------
        name : str
            1 to 64 letters, digits and underscores, the first and the last not a digit; no other value's.

        Returns
        -------
        Mat
            The Mat itself.

        Raises
        ------
        RuntimeError
            Outside of a step.
        ValueError
            If the name is unusable or taken.
        """
        return self._on(self).name(self, name)

    def zoneout(self, previous: Mat, rate: float) -> Mat:
        """Keeps a random fraction of the elements of a state: see ``Graph.zoneout``.

        Parameters
        ----------
        previous : Mat
            The state before the step.
        rate : float
            The probability of keeping an element, at least 0 and below 1.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        RuntimeError
            Outside of a step.
        ValueError
            If ``rate`` is out of range or the shapes differ.
        """
        expect_mat(previous, "previous")
        return self._on(previous).zoneout(self, previous, rate)

    def attend(self, keys: Mat, values: Mat) -> Mat:
        """Attends over the past of states, with this value as query: see ``Graph.attend``.

        Parameters
        ----------
        keys, values : Mat
            States of the step, as it was given; they may be the same.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        RuntimeError
            Outside of a step.
        ValueError
            If the shapes differ, or ``keys`` or ``values`` is no whole state.
        """
        expect_mat(keys, "keys")
        return self._on(keys).attend(self, keys, values)

    def layer_norm(self, gain: Mat | None = None, bias: Mat | None = None, epsilon: float = 1e-5) -> Mat:
        """Normalizes each column: see ``Graph.layer_norm``.

        Parameters
        ----------
        gain, bias : Mat, optional
            (n, 1) each; ones and zeros where absent.
        epsilon : float
            Added to the variance, above 0.

        Returns
        -------
        Mat
            (n, d), new.

        Raises
        ------
        ValueError
            If a shape does not fit or ``epsilon`` is not positive.
        """
        others = [m for m in (gain, bias) if isinstance(m, Mat)]
        return self._on(*others).layer_norm(self, gain, bias, epsilon)

    def backward(self) -> None:
        """Sets the gradient of this (1, 1) Mat to 1 and accumulates the gradients of all operands.

        Raises
        ------
        ValueError
            If this Mat is not (1, 1) or has no recorded history.
        RuntimeError
            If backward was called on the graph already, or the graph keeps no history.
        """
        if self._graph is None:
            raise ValueError(
                "this Mat has no recorded history; expected the result of an operation, got a Mat of its own, "
                "or a loss whose backward pass is done"
            )
        graph = self._graph
        graph.backward(self)
        if is_default(graph):
            # a kept loss would keep the memory of its whole graph
            past = weakref.ref(graph), graph._recording, self._address()
            detached = self.copy()
            detached.dw[...] = 1
            self._attach(detached._handle, None)
            self._past = past

    def graph(self, names: Mapping[str, Mat] | None = None) -> Drawing:
        """Returns a drawing of the operations that this Mat depends on, with values and gradients.

        After ``backward`` on the default graph it is available until the next operation is recorded there.

        Parameters
        ----------
        names : mapping of str to Mat, optional
            Labels of inputs, such as ``Network.parameters``.

        Returns
        -------
        Drawing
            A self-contained SVG, a str; notebooks display it, ``drawing.save(path)`` writes it.

        Raises
        ------
        ValueError
            If this Mat has no recorded history, or one of more than 400 operations.
        TypeError
            If ``names`` is not a mapping of str to Mat.

        Examples
        --------
        >>> import recurrent
        >>> W, x = recurrent.Mat.from_array([[1.0, 2.0]]), recurrent.Mat.from_array([3.0, 4.0])
        >>> loss = (W @ x).square()
        >>> loss.backward()
        >>> drawing = loss.graph({"W": W, "x": x})
        >>> ">121</tspan>" in drawing, ">∇ 66, 88</tspan>" in drawing
        (True, True)
        """
        graph, address = self._graph, None
        if graph is not None:
            address = self._address()
        elif self._past is not None:
            past, recording, address = self._past
            graph = past()
            if graph is not None and graph._recording != recording:
                graph = None
        if graph is None:
            raise ValueError(
                "this Mat has no recorded history; expected the result of an operation, got a Mat of its own, "
                "or a loss whose graph has recorded anew since its backward pass"
            )
        return graph._drawing(address, names)  # type: ignore[no-any-return]

    def _address(self) -> int:
        """The address of the first gradient, which stands for this Mat in its graph; nothing is evaluated."""
        address = ctypes.c_void_p()
        _lib.recurrent_mat_dw(self._handle.value, ctypes.byref(address))
        return address.value or 0


@functools.lru_cache(maxsize=256)
def mat_of_bytes(dtype: Any, n: Any, d: Any, values: Any, gradients: Any) -> Mat:
    """Returns the Mat of a pickle, which holds its elements column by column; no gradients where all are 0."""
    mat = Mat(n, d, dtype)
    _fill(mat.w, "values", values)
    set_gradients(mat, gradients)
    return mat


def gradients_of(mat: Mat) -> bytes:
    """Returns the gradients as bytes, column by column; none where all bits of them are 0."""
    data = mat.dw.tobytes("F")
    return data if np.frombuffer(data, np.uint8).any() else b""


def set_gradients(mat: Mat, data: Any) -> None:
    """Sets the gradients, which are 0, to what ``gradients_of`` returned."""
    if data != b"":
        _fill(mat.dw, "gradients", data)


def _fill(array: npt.NDArray[Any], name: str, data: Any) -> None:
    if len(as_bytes(data)) != array.nbytes:
        raise ValueError(f"{name} has the wrong length; expected {array.nbytes} bytes, got {len(data)}")
    array[...] = np.frombuffer(data, array.dtype).reshape(array.shape, order="F")


def _buffer_type(size: int) -> Any:
    """Returns the ctypes type of ``size`` bytes, which takes longer to create than a view."""
    return ctypes.c_char * size


def _number(value: Any) -> Any:
    """Returns a real number, or the element of a 0-dimensional array; None for other values."""
    # the check for numbers.Real takes longer than the recording of an operation
    if isinstance(value, Mat):
        return None
    if type(value) is float or type(value) is int:
        return value
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    return None if isinstance(value, bool) or not isinstance(value, numbers.Real) else value


def _scalar(value: Any, mat: Mat | None = None) -> float | None:
    """Returns a number as a float that an element of ``mat`` can hold; None for other values."""
    number = _number(value)
    return None if number is None else as_float(number, "the operand", mat)


def expect_mat(value: Any, name: str) -> _c.Handle:
    """Returns the handle of an argument that must be a Mat."""
    if not isinstance(value, Mat):
        raise TypeError(
            f"{name} has the wrong type; expected a Mat, as of Mat.from_array, got {type(value).__name__}"
        )
    return value._handle


def _assign(view: npt.NDArray[Any], values: Any, name: str) -> None:
    array = as_matrix(values, name)
    if array.shape != view.shape:
        raise ValueError(f"{name} has the wrong shape; expected {view.shape}, got {array.shape}")
    np.copyto(view, as_type(array, view.dtype, name))
