"""Arrays at the boundary: one function for each kind of argument, from what a caller has to what the library reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ._checks import shown

if TYPE_CHECKING:
    import numpy.typing as npt

_INT64 = np.dtype(np.int64)


def as_array(values: Any, name: str) -> npt.NDArray[Any]:
    """Returns real numbers as an array; masked arrays, ragged lists, objects, strings and bools are errors."""
    if type(values) is np.ndarray and values.dtype.kind in "iuf":
        return values
    array = _converted(values, name, np.asarray)
    if array.dtype.kind not in "iuf" and array.size:
        raise TypeError(
            f"{name} has the wrong type; expected real numbers, got elements of type {array.dtype}"
        )
    return array


def as_matrix(values: Any, name: str) -> npt.NDArray[Any]:
    """Returns real numbers in two dimensions, (n,) as a column."""
    array = as_array(values, name)
    if array.ndim not in (1, 2):
        raise ValueError(f"{name} has the wrong shape; expected (n,) or (n, d), got {array.ndim} dimensions")
    return array[:, None] if array.ndim == 1 else array


def as_numbers(
    values: Any,
    name: str,
    shape: tuple[int, ...],
    dtype: Any,
    lengths: npt.NDArray[np.int64] | None = None,
) -> npt.NDArray[Any]:
    """Returns the array itself, or a contiguous copy in another dtype; elements beyond ``lengths`` may be anything."""
    array = as_array(values, name)
    if array.shape != shape:
        raise ValueError(f"{name} has the wrong shape; expected {shape}, got {array.shape}")
    return contiguous(as_type(array, dtype, name, lengths), name)


def contiguous(array: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    """Returns the array itself, or a copy of one that the library cannot read in place."""
    flags = array.flags
    return array if flags.c_contiguous and flags.aligned else allocated(name, array.shape, array.copy)


def as_type(
    array: npt.NDArray[Any], dtype: Any, name: str, lengths: npt.NDArray[np.int64] | None = None
) -> npt.NDArray[Any]:
    """Returns the array in another dtype; an overflow of a finite element is an error."""
    if array.dtype == dtype:
        return array
    with np.errstate(over="ignore"):
        result: npt.NDArray[Any] = allocated(name, array.shape, array.astype, dtype)
    if not np.isfinite(result).all():
        lost = np.isfinite(array) & ~np.isfinite(result)
        if lengths is not None:
            lost &= (np.arange(len(array))[:, None] < lengths)[:, :, None]
        if lost.any():
            at = np.argwhere(lost)[0].tolist()
            raise ValueError(
                f"{name} is out of range; expected values of {np.dtype(dtype)}, got {array[tuple(at)]} at {at}"
            )
    return result


def as_tokens(values: Any, name: str, shape: tuple[int, ...] | None = None) -> npt.NDArray[np.int64]:
    """Returns ints as contiguous 64-bit integers; the library copies them and checks the range of its copy."""
    is_ready = type(values) is np.ndarray and values.dtype is _INT64 and values.flags.carray
    if is_ready and (shape is None or values.shape == shape):
        return values  # type: ignore[no-any-return]
    # a copy, as another thread may write to the array between a check and its use
    array = _converted(values, name, np.array)
    if array.dtype == object and array.size and all(type(value) is int for value in array.flat):
        far = next((value for value in array.flat if not -(2**63) <= value < 2**63), None)
        if far is not None:
            raise ValueError(f"{name} is out of range; expected 64 bits, got {shown(far)}")
    if array.dtype.kind not in "iu" and (array.size or array.dtype.kind != "f"):
        raise TypeError(f"{name} has the wrong type; expected ints, got elements of type {array.dtype}")
    if shape is not None and array.shape != shape:
        raise ValueError(f"{name} has the wrong shape; expected {shape}, got {array.shape}")
    if array.dtype == np.uint64 and array.size and int(array.max()) >= 2**63:
        raise ValueError(f"{name} is out of range; expected 64 bits, got {int(array.max())}")
    return np.ascontiguousarray(array, np.int64)


def as_ints(values: Any, name: str) -> npt.NDArray[np.int64]:
    """Returns one int or a list of ints as a copy of contiguous 64-bit integers."""
    array = as_tokens(values, name)
    if array is values:
        array = array.copy()
    if array.ndim > 1:
        raise ValueError(
            f"{name} has the wrong shape; expected one int or a list of ints, got {array.ndim} dimensions"
        )
    return array.reshape(-1)


def as_sizes(values: Any, name: str) -> npt.NDArray[np.int64]:
    """Returns a list of sizes, at least one."""
    array = as_tokens(values, name)
    if getattr(values, "ndim", 0) == 0 and not hasattr(values, "__len__"):
        raise TypeError(f"{name} has the wrong type; expected a list of ints, got {type(values).__name__}")
    # NumPy reads a bool among ints as 0 or 1
    if isinstance(values, (list, tuple)) and any(isinstance(value, (bool, np.bool_)) for value in values):
        raise TypeError(f"{name} has the wrong type; expected ints, got a bool among them")
    array = as_ints(array, name)
    if not array.size:
        raise ValueError(f"{name} is empty; expected at least one size, got none")
    return array


def as_lengths(values: Any, batch_size: int, name: str = "lengths") -> npt.NDArray[np.int64] | None:
    """Returns the valid steps of each sequence, (B,); None for None."""
    if values is None:
        return None
    array = as_tokens(values, name, (batch_size,))
    # backward reads them again
    return array.copy() if array is values else array


def as_flags(values: Any, name: str, shape: tuple[int, ...] | None = None) -> npt.NDArray[np.int64] | None:
    """Returns an array of bool, or of 0 and 1, as ints; None for None."""
    if values is None:
        return None
    array = _converted(values, name, np.array)
    return as_tokens(array.astype(np.int64) if array.dtype == np.bool_ else array, name, shape)


def are_ints(array: npt.NDArray[Any]) -> bool:
    """Whether the elements are ints."""
    return array.dtype.kind in "iu"


def time_major(array: npt.NDArray[Any], batch_first: bool) -> npt.NDArray[Any]:
    """Returns sequences with the steps first, given with the batch or the steps first; and the other way."""
    return array.swapaxes(0, 1) if batch_first and array.ndim >= 2 else array


def allocated(name: str, shape: tuple[int, ...], allocate: Callable[..., Any], *arguments: Any) -> Any:
    """Calls a function that allocates an array; without memory the error names the argument."""
    try:
        return allocate(*arguments)
    except MemoryError:
        raise MemoryError(
            f"{name} is too large; expected an array that fits into memory, got {shape}"
        ) from None


def _converted(values: Any, name: str, convert: Callable[[Any], npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Returns what a caller has as an array of any type; masked arrays and ragged lists are errors."""
    _refuse_masks(values, name)
    array: npt.NDArray[Any] | None = None
    try:
        array = convert(values)
    except (ValueError, RecursionError):
        pass
    except (TypeError, OverflowError) as error:
        raise TypeError(
            f"{name} has the wrong type; expected an array, got {type(values).__name__}: {error}"
        ) from None
    except MemoryError:
        raise MemoryError(
            f"{name} is too large; expected an array that fits into memory, got a {type(values).__name__}"
        ) from None
    if array is None or (array.dtype == object and _is_ragged(array)):
        raise ValueError(
            f"{name} is ragged; expected rows of one length, got several lengths: pad_sequence pads sequences and "
            "returns their lengths"
        )
    return array


def _refuse_masks(values: Any, name: str) -> None:
    """NumPy reads the element under a mask, so that a masked array would be data."""
    if isinstance(values, np.ma.MaskedArray) or (
        isinstance(values, (list, tuple))
        and any(issubclass(kind, np.ma.MaskedArray) for kind in set(map(type, values)))
    ):
        raise TypeError(
            f"{name} has the wrong type; expected an array, got a masked array, which has to be filled"
        )


def _is_ragged(array: npt.NDArray[Any]) -> bool:
    """Whether an array of objects holds rows: NumPy before 1.24 makes one of a ragged list."""
    return any(isinstance(row, (list, tuple, np.ndarray)) for row in array.flat)
