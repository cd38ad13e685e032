"""Pointers to the elements of arrays: the one place where the address of an array leaves Python.

An array is checked here, whatever was checked before: its type, its dtype, its layout and its size are those of this
moment, and they stay until the pointer is gone.
"""

from __future__ import annotations

import ctypes
from typing import Any, TypeVar
from weakref import ref

import numpy as np

from .handle import Handle

H = TypeVar("H", bound=Handle)
_INT64, _UINT64, _FLOAT64 = np.dtype(np.int64), np.dtype(np.uint64), np.dtype(np.float64)


# each keeps what its memory needs
class _Byte(ctypes.c_char):
    __slots__ = ("_kept",)
    _kept: Any


class _Int(ctypes.c_int64):
    __slots__ = ("_kept",)
    _kept: Any


class _Word(ctypes.c_uint64):
    __slots__ = ("_kept",)
    _kept: Any


class _Double(ctypes.c_double):
    __slots__ = ("_kept",)
    _kept: Any


P = TypeVar("P", _Byte, _Int, _Word, _Double)


def outputs(kind: type[H], count: int) -> tuple[Any, list[H]]:
    """Returns an array for the library to write handles to, and its elements, each of which keeps the array.

    Reading an element of the array again would make a second owner of an object.
    """
    array = (kind * count)()
    return array, list(array)


def as_values(array: Any, count: int, dtype: np.dtype[Any]) -> Any:
    """Returns a pointer to ``count`` elements of a type that the library knows by other means; None for None."""
    return None if array is None else ctypes.byref(_pointer(_Byte, array, count, dtype))


def as_ints(array: Any, count: int) -> _Int | None:
    """Returns a pointer to ``count`` elements of int64; None for None."""
    return None if array is None else _pointer(_Int, array, count, _INT64)


def as_words(array: Any, count: int) -> _Word:
    """Returns a pointer to ``count`` elements of uint64."""
    return _pointer(_Word, array, count, _UINT64)


def as_doubles(array: Any, count: int) -> _Double:
    """Returns a pointer to ``count`` elements of float64."""
    return _pointer(_Double, array, count, _FLOAT64)


def _pointer(kind: type[P], array: Any, count: int, dtype: np.dtype[Any]) -> P:
    if type(array) is not np.ndarray:
        raise TypeError(f"the array has the wrong type; expected an ndarray, got {type(array).__name__}")
    # resize moves the memory of an array in use, in another thread too, but not of one with a weak reference
    kept = ref(array)
    pointer: P
    # carray: contiguous, aligned and writable
    if array.dtype is dtype and array.size >= count > 0 and array.flags.carray:
        # array.ctypes takes as long as a training step of a small network
        pointer = kind.from_buffer(array)  # type: ignore[arg-type]
        pointer._kept = kept
        return pointer
    flags = array.flags
    if array.dtype != dtype or array.size < count or not (flags.c_contiguous and flags.aligned):
        layout = (
            f"{'' if flags.c_contiguous else 'not contiguous, '}{'' if flags.aligned else 'not aligned, '}"
        )
        raise ValueError(
            f"the array has the wrong layout; expected {count} contiguous elements of {dtype}, "
            f"got {layout}{array.size} of {array.dtype}"
        )
    # read-only, or empty
    pointer = kind.from_address(array.ctypes.data)
    pointer._kept = (kept, array)
    return pointer
