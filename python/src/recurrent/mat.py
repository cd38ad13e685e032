"""Mat: numbers and their gradients, seen as NumPy arrays."""

from __future__ import annotations

import ctypes
import numbers
from typing import TYPE_CHECKING, Any, Callable, NoReturn, Protocol

import numpy as np

from . import _c
from ._checks import DTYPES, as_dtype, as_float, as_int, as_matrix, as_type
from .elementwise import MatElementwise
from .random import RNG, as_random
from .tape import graph_for

if TYPE_CHECKING:
    import numpy.typing as npt

_lib = _c.lib


class _Recorder(Protocol):
    """A graph as operators use it: each method records an operation and returns the result."""

    def __getattr__(self, name: str) -> Callable[..., Mat]: ...


class Mat(MatElementwise):
    """``n`` rows by ``d`` columns of numbers ``w``, with their gradients ``dw`` beside them.

    A column is one example. Memory is column-major, aligned to 64 bytes, and never moves.

    Parameters
    ----------
    n, d : int
        Rows and columns, at least 1 each, at most 2**31 - 1 elements together.
    dtype : {"float32", "float64"}
        The type of the numbers.

    Examples
    --------
    >>> import recurrent
    >>> m = recurrent.Mat(2, 3)
    >>> m.w[0, 1] = 5
    >>> m.w.sum()
    np.float32(5.0)
    """

    __slots__ = ("_dw", "_graph", "_handle", "_info", "_w")
    # NumPy must leave `array @ mat` and the like to us, and must not compute without the graph
    __array_ufunc__ = None

    _handle: _c.Handle
    _graph: Any
    _info: tuple[int, int, int, int] | None
    _w: npt.NDArray[Any] | None
    _dw: npt.NDArray[Any] | None

    def __init__(self, n: int, d: int, dtype: npt.DTypeLike = "float32") -> None:
        n, d, code = as_int(n, "n"), as_int(d, "d"), as_dtype(dtype)
        self._attach(_c.new(_lib.recurrent_mat_create, _lib.recurrent_mat_free, code, n, d))

    def _attach(self, handle: _c.Handle, graph: Any = None) -> None:
        self._handle, self._graph = handle, graph
        self._info = self._w = self._dw = None

    @classmethod
    def _from_handle(cls, handle: _c.Handle, graph: Any = None) -> Mat:
        """A Mat for a handle that the library gave out."""
        mat = cls.__new__(cls)
        mat._attach(handle, graph)
        return mat

    @classmethod
    def from_array(cls, values: npt.ArrayLike, dtype: npt.DTypeLike | None = None) -> Mat:
        """A Mat with a copy of ``values``.

        Parameters
        ----------
        values : array_like
            (n, d), or (n,) for a column.
        dtype : {"float32", "float64"}, optional
            Where absent, that of an array or Mat of such floats, float32 for anything else.
        """
        array = as_matrix(values, "values")
        native = array.dtype.newbyteorder("=")
        own = hasattr(values, "dtype") and native in DTYPES
        code = as_dtype(dtype if dtype is not None else native if own else "float32")
        columns = np.asfortranarray(as_type(array, DTYPES[code], "values"))
        n, d = columns.shape
        return cls._from_handle(
            _c.new(
                _lib.recurrent_mat_create_from,
                _lib.recurrent_mat_free,
                code,
                n,
                d,
                columns.ctypes.data,
                columns.size,
            )
        )

    @classmethod
    def uniform(
        cls,
        n: int,
        d: int,
        low: float = 0.0,
        high: float = 1.0,
        dtype: npt.DTypeLike = "float32",
        rng: RNG = None,
    ) -> Mat:
        """Numbers uniform on [low, high), drawn column by column; float32 rounds what float64 would draw."""
        mat, random = cls(n, d, dtype), as_random(rng)
        _lib.recurrent_mat_fill_uniform(
            mat._handle.value, as_float(low, "low"), as_float(high, "high"), random._handle.value
        )
        return mat

    @classmethod
    def gaussian(
        cls,
        n: int,
        d: int,
        mean: float = 0.0,
        std: float = 1.0,
        dtype: npt.DTypeLike = "float32",
        rng: RNG = None,
    ) -> Mat:
        """Normal numbers, drawn column by column; float32 rounds what float64 would draw."""
        mat, random = cls(n, d, dtype), as_random(rng)
        _lib.recurrent_mat_fill_gaussian(
            mat._handle.value, as_float(mean, "mean"), as_float(std, "std"), random._handle.value
        )
        return mat

    # ---- what it is

    def _describe(self) -> tuple[int, int, int, int]:
        if self._info is None:
            info = _c.MatInfo()
            _lib.recurrent_mat_describe(self._handle.value, ctypes.byref(info))
            self._info = (info.n, info.d, info.stride, info.dtype)
        return self._info

    @property
    def n(self) -> int:
        """Rows."""
        return self._describe()[0]

    @property
    def d(self) -> int:
        """Columns."""
        return self._describe()[1]

    @property
    def shape(self) -> tuple[int, int]:
        """``(n, d)``."""
        return self._describe()[:2]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the numbers."""
        return DTYPES[self._describe()[3]]  # type: ignore[no-any-return]

    # ---- the numbers

    @property
    def w(self) -> npt.NDArray[Any]:
        """The numbers, (n, d): a writable view, not a copy.

        Looking computes what a graph has not computed yet; and lets a graph that still has to read this Mat do so,
        so that writing changes nothing recorded before. (Writing through a view that was taken before the recording
        cannot be seen: ask for ``w`` again.) The view keeps the memory alive. Assigning copies.
        """
        address = ctypes.c_void_p()
        _lib.recurrent_mat_w(self._handle.value, ctypes.byref(address))
        if self._w is None:
            self._w = self._view(address.value)
        return self._w

    @w.setter
    def w(self, values: npt.ArrayLike) -> None:
        _assign(self.w, values, "w")

    @property
    def dw(self) -> npt.NDArray[Any]:
        """The gradients, (n, d): a writable view, not a copy. Assigning copies."""
        address = ctypes.c_void_p()
        _lib.recurrent_mat_dw(self._handle.value, ctypes.byref(address))
        if self._dw is None:
            self._dw = self._view(address.value)
        return self._dw

    @dw.setter
    def dw(self, values: npt.ArrayLike) -> None:
        _assign(self.dw, values, "dw")

    def _view(self, address: int | None) -> npt.NDArray[Any]:
        n, d, stride, code = self._describe()
        item = DTYPES[code].itemsize
        buffer = (ctypes.c_char * (((d - 1) * stride + n) * item)).from_address(address or 0)
        # the array keeps the buffer, the buffer keeps the handle, the handle keeps the memory
        buffer._owner = self._handle
        return np.ndarray((n, d), DTYPES[code], buffer, strides=(item, stride * item))

    def view(self, row: int, column: int, n: int, d: int) -> Mat:
        """The rectangle of n x d at (row, column): it shares numbers and gradients with this Mat."""
        where = [as_int(v, name) for v, name in ((row, "row"), (column, "column"), (n, "n"), (d, "d"))]
        handle = _c.new(
            _lib.recurrent_mat_view, _lib.recurrent_mat_free, self._handle.value, *where, owner=self._handle
        )
        return Mat._from_handle(handle, self._graph)

    def copy(self) -> Mat:
        """A Mat of its own with the same numbers; gradients zero, no graph."""
        return Mat._from_handle(_c.new(_lib.recurrent_mat_copy, _lib.recurrent_mat_free, self._handle.value))

    def fill(self, value: float) -> Mat:
        """Set every number to ``value``; returns the Mat."""
        _lib.recurrent_mat_fill(self._handle.value, as_float(value, "value"))
        return self

    def zero_gradient(self) -> Mat:
        """Set every gradient to 0; returns the Mat."""
        _lib.recurrent_mat_zero_gradient(self._handle.value)
        return self

    def item(self) -> float:
        """The number of a 1 x 1 Mat."""
        if self.shape != (1, 1):
            raise ValueError(f"item() is for a 1 x 1 Mat; this one is {self.n} x {self.d}")
        return float(self.w[0, 0])

    __float__ = item

    def __copy__(self) -> Mat:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Mat:
        return self.copy()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Mat is not pickled; save its numbers, numpy.save(file, mat.w)")

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        array = self.w
        if dtype is not None and np.dtype(dtype) != array.dtype:
            if copy is False:
                raise ValueError(f"a view of {array.dtype} numbers as {np.dtype(dtype)} needs a copy")
            return array.astype(dtype)
        return array.copy() if copy else array

    def __dlpack__(self, **options: Any) -> Any:
        return self.w.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[Any, Any]:
        return self.w.__dlpack_device__()

    def __repr__(self) -> str:
        size = f"{self.n} x {self.d} {self.dtype}"
        try:
            if self.shape == (1, 1):
                return f"<Mat {size}: {self.item():.6g}>"
            return f"<Mat {size}, norm {np.linalg.norm(self.w.astype(np.float64)):.4g}>"
        except RuntimeError:
            return f"<Mat {size}, stale>"

    # ---- expressions: recorded on the graph of the operands, or on the current one

    def _on(self, *others: Mat) -> _Recorder:
        graph: _Recorder = graph_for(self, *others)
        return graph

    def _unary(self, operation: int, parameter: float = 0.0) -> Mat:
        return self._on()._unary(operation, self, parameter)

    def _operand(self, other: Any) -> Mat | None:
        """The other side of an operator: a Mat, an array copied into one, or a number as a column."""
        if isinstance(other, Mat):
            return other
        if isinstance(other, np.ndarray) and other.ndim > 0:
            return Mat.from_array(other, self.dtype)
        value = _scalar(other)
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
        other = self._operand(other)
        return NotImplemented if other is None else self._on(other).add(self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Mat:
        other = self._operand(other)
        return NotImplemented if other is None else self._on(other).sub(self, other)

    def __rsub__(self, other: Any) -> Mat:
        other = self._operand(other)
        return NotImplemented if other is None else self._on(other).sub(other, self)

    def __mul__(self, other: Any) -> Mat:
        value = _scalar(other)
        if value is not None:
            return self._on().scale(self, value)
        other = self._operand(other)
        return NotImplemented if other is None else self._on(other).eltmul(self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Mat:
        value = _scalar(other)
        if value is not None:
            if value == 0:
                raise ZeroDivisionError("a Mat divided by 0")
            return self._on().scale(self, 1 / value)
        other = self._operand(other)
        return NotImplemented if other is None else self._on(other).div(self, other)

    def __rtruediv__(self, other: Any) -> Mat:
        other = self._operand(other)
        return NotImplemented if other is None else self._on(other).div(other, self)

    def __neg__(self) -> Mat:
        return self._on().neg(self)

    def __pow__(self, exponent: Any) -> Mat:
        if exponent == 2:
            return self.square()
        if exponent == 0.5:
            return self.sqrt()
        raise ValueError(
            f"the exponent is {exponent!r}; a Mat knows 2 and 0.5: for others use exp(p * log(x))"
        )

    def __abs__(self) -> Mat:
        return self._on().abs(self)

    @property
    def T(self) -> Mat:
        """The transpose, [d x n], recorded on the graph."""
        return self._on().transpose(self)

    def sum(self, axis: int | None = None) -> Mat:
        """The sum over everything (1 x 1), over rows (axis 0: 1 x d) or over columns (axis 1: n x 1)."""
        return self._on().sum(self, axis)

    def mean(self, axis: int | None = None) -> Mat:
        """The mean, with axes as in ``sum``."""
        return self._on().mean(self, axis)

    def dot(self, other: Mat) -> Mat:
        """Σ x y over all elements, 1 x 1."""
        expect_mat(other, "other")
        return self._on(other).dot(self, other)

    def softmax(self) -> Mat:
        """Softmax of each column."""
        return self._on().softmax(self)

    def log_softmax(self) -> Mat:
        """Ln softmax of each column."""
        return self._on().log_softmax(self)

    def backward(self) -> None:
        """Set this 1 x 1 Mat's gradient to 1 and walk its graph back: every operand's ``dw`` gains its share.

        Raises
        ------
        ValueError
            If this Mat is not 1 x 1, or is no result of a graph.
        RuntimeError
            If the graph has been walked already, or keeps no history.
        """
        if self._graph is None:
            raise ValueError(
                "this Mat is no result of a graph that keeps history: there is nothing to walk back"
            )
        self._graph.backward(self)


def _scalar(value: Any) -> float | None:
    """A real number, or an array of no dimensions with one; None for anything else."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    return as_float(value, "the operand")


def expect_mat(value: Any, name: str) -> int:
    """The handle of an argument that must be a Mat."""
    if not isinstance(value, Mat):
        raise TypeError(
            f"{name} is a {type(value).__name__}; expected a Mat (recurrent.Mat.from_array(array) makes one)"
        )
    return value._handle.value


def _assign(view: npt.NDArray[Any], values: Any, name: str) -> None:
    array = as_matrix(values, name)
    if array.shape != view.shape:
        raise ValueError(
            f"{name} is {view.shape[0]} x {view.shape[1]}; the new values have shape {array.shape}"
        )
    np.copyto(view, as_type(array, view.dtype, name))
