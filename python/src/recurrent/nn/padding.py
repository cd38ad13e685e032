"""Sequences of different lengths as one array."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arrays import allocated, as_array, as_type
from .._checks import as_list

if TYPE_CHECKING:
    import numpy.typing as npt


def pad_sequence(
    sequences: Iterable[npt.ArrayLike], padding_value: float = 0
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Returns sequences as one time-major array, and their lengths.

    Steps beyond ``lengths`` count for nothing in ``forward``, ``train_step`` and ``activations``.

    Parameters
    ----------
    sequences : iterable of array
        B sequences: (T_b, n) numbers each, or (T_b,) tokens or classes.
    padding_value : number
        The value of the elements beyond a sequence's end.

    Returns
    -------
    padded : array
        (T, B, n) or (T, B), where T is the longest length.
    lengths : array of int
        (B,): the length of each sequence.

    Raises
    ------
    ValueError
        If there is no sequence, or their shapes differ in more than the length.
    TypeError
        If the elements are not real numbers.

    Examples
    --------
    >>> import recurrent
    >>> x, lengths = recurrent.pad_sequence([[1, 2, 3], [4]])
    >>> x.tolist(), lengths.tolist()
    ([[1, 4], [2, 0], [3, 0]], [3, 1])
    """
    listed = as_list(sequences, "sequences", "a list of arrays")
    arrays = [as_array(sequence, f"sequences[{b}]") for b, sequence in enumerate(listed)]
    if not arrays:
        raise ValueError("sequences is empty; expected at least one sequence, got none")
    for b, array in enumerate(arrays):
        if array.ndim not in (1, 2) or array.shape[1:] != arrays[0].shape[1:]:
            expected = "(T, n) or (T,)" if b == 0 else str(("T", *arrays[0].shape[1:])).replace("'", "")
            raise ValueError(f"sequences[{b}] has the wrong shape; expected {expected}, got {array.shape}")
    lengths = np.array([len(array) for array in arrays])
    shape = (lengths.max(), len(arrays), *arrays[0].shape[1:])
    padded = allocated("sequences", shape, np.full, shape, _padding(padding_value, np.result_type(*arrays)))
    for b, array in enumerate(arrays):
        padded[: len(array), b] = array
    return padded, lengths


def _padding(value: Any, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Returns the padding value in the dtype of the sequences, which must be able to hold it."""
    array = as_array(value, "padding_value")
    if array.ndim:
        raise ValueError(f"padding_value has the wrong shape; expected a number, got {array.shape}")
    if dtype.kind == "f":
        return as_type(array, dtype, "padding_value")
    limits = np.iinfo(dtype)
    if not np.isfinite(array) or int(array) != array or not limits.min <= int(array) <= limits.max:
        raise ValueError(f"padding_value is out of range; expected an int of {dtype}, got {array}")
    return array.astype(dtype)
