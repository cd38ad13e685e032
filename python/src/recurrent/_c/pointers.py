"""Pointers to the elements of arrays.

``array.ctypes`` takes as long as a training step of a small network; a buffer does not.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def as_values(array: npt.NDArray[Any] | None) -> Any:
    """Returns a pointer to the elements of a contiguous array; None for None."""
    if array is None:
        return None
    try:
        return ctypes.byref(ctypes.c_char.from_buffer(array))  # type: ignore[arg-type]
    except (TypeError, ValueError):  # read-only, or empty
        return array.ctypes.data


def as_ints(array: npt.NDArray[np.int64] | None) -> Any:
    """Returns a pointer to the elements of a contiguous int64 array; None for None."""
    if array is None:
        return None
    try:
        return ctypes.c_int64.from_buffer(array)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return array.ctypes.data_as(ctypes.POINTER(ctypes.c_int64))
