"""Checks of what comes from outside, before ctypes would wrap or crash on it."""

from __future__ import annotations

import math
import numbers
import operator
import os
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

# by recurrent_unknown
_ERRORS = ("strict", "ignore", "replace")
DTYPES: tuple[Any, Any] = (np.dtype(np.float32), np.dtype(np.float64))


def as_int(value: Any, name: str) -> int:
    """An int that fits 64 bits; NumPy's integers count, bools and floats do not."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} is a bool; expected an int")
    try:
        result = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is a {type(value).__name__}; expected an int") from None
    if not -(2**63) <= result < 2**63:
        raise ValueError(f"{name} is {result}; expected a number that fits 64 bits")
    return result


def as_float(value: Any, name: str) -> float:
    """A finite float; ints and NumPy's numbers count."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} is a {type(value).__name__}; expected a number")
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    if not math.isfinite(result):
        raise ValueError(f"{name} is {value}; expected a finite number")
    return result


def as_limit(value: Any, name: str) -> float:
    """A finite float, or infinity for None."""
    return math.inf if value is None else as_float(value, name)


def as_flag(value: Any, name: str) -> bool:
    """A bool; NumPy's counts, ints do not."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} is a {type(value).__name__}; expected a bool")
    return bool(value)


def as_dtype(value: Any) -> int:
    """0 for float32, 1 for float64."""
    try:
        found = np.dtype(value)
    except TypeError:
        raise TypeError(f"dtype is {value!r}; expected 'float32' or 'float64'") from None
    if value is None or found not in DTYPES:
        raise TypeError(f"dtype is {found if value is not None else None}; expected 'float32' or 'float64'")
    return DTYPES.index(found)


def as_ints(values: Any, name: str) -> npt.NDArray[np.int64]:
    """One int or a row of them, as contiguous 64-bit integers."""
    array = np.asarray(values)
    if array.dtype == object and array.size and all(type(value) is int for value in array.flat):
        far = next(value for value in array.flat if not -(2**63) <= value < 2**63)
        raise ValueError(f"{name} has {far}; expected numbers that fit 64 bits")
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"{name} has elements of type {array.dtype}; expected ints")
    if array.ndim > 1:
        raise ValueError(f"{name} has {array.ndim} dimensions; expected one int or a list of them")
    if array.dtype == np.uint64 and array.size and int(array.max()) >= 2**63:
        raise ValueError(f"{name} has {int(array.max())}; expected numbers that fit 64 bits")
    return np.ascontiguousarray(array.reshape(-1), dtype=np.int64)


def as_matrix(values: Any, name: str) -> npt.NDArray[Any]:
    """Numbers in one or two dimensions; not objects, strings, bools or complex numbers."""
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} is not a rectangle of numbers: {error}") from None
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array; fill it first")
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} has elements of type {array.dtype}; expected real numbers")
    if array.ndim not in (1, 2):
        raise ValueError(f"{name} has {array.ndim} dimensions; expected 1 (a column) or 2 (rows and columns)")
    return array[:, None] if array.ndim == 1 else array


def as_type(array: npt.NDArray[Any], dtype: Any, name: str) -> npt.NDArray[Any]:
    """The numbers in another type; a finite one that the type cannot hold is refused."""
    if array.dtype == dtype:
        return array
    with np.errstate(over="ignore"):
        result = array.astype(dtype)
    if not np.isfinite(result).all():
        lost = np.isfinite(array) & ~np.isfinite(result)
        if lost.any():
            raise ValueError(f"{name} has {array[lost].flat[0]}, too large for {np.dtype(dtype)}")
    return result


def as_sizes(values: Any, name: str) -> npt.NDArray[np.int64]:
    """A list of sizes, at least one of them."""
    array = as_ints(values, name)
    if np.ndim(values) != 1:
        raise TypeError(f"{name} is {values!r}; expected a list of ints")
    if not array.size:
        raise ValueError(f"{name} is empty; expected at least one size")
    return array


def as_text(value: Any, name: str) -> bytes:
    """A str as UTF-8."""
    if not isinstance(value, str):
        raise TypeError(f"{name} is a {type(value).__name__}; expected a str")
    try:
        return value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{name} has a lone surrogate U+{ord(value[error.start]):04X} at position {error.start}, which is no letter"
        ) from None


def as_path(value: Any, name: str = "path") -> bytes:
    """A str or a Path as UTF-8."""
    if isinstance(value, bytes) or not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{name} is a {type(value).__name__}; expected a str or a Path")
    return as_text(os.fspath(value), name)


def as_errors(errors: Any, replacement: Any) -> tuple[int, int]:
    """How to handle characters outside the vocabulary: the library's code, and the code point of the replacement."""
    if errors not in _ERRORS:
        raise ValueError(f"errors is {errors!r}; expected one of {', '.join(map(repr, _ERRORS))}")
    if errors != "replace":
        if replacement is not None:
            raise ValueError(
                f"replacement is {replacement!r} and errors {errors!r}; expected errors='replace'"
            )
        return _ERRORS.index(errors), 0
    if not isinstance(replacement, str) or len(replacement) != 1:
        raise ValueError(f"replacement is {replacement!r}; expected one character")
    return 2, ord(replacement)
