"""The number of threads."""

from __future__ import annotations

from .. import _c
from .._checks import as_count

_lib = _c.lib


def set_num_threads(count: int) -> None:
    """Sets the number of threads of large operations. The results are the same bits at any number.

    Parameters
    ----------
    count : int
        1 to 256.

    Raises
    ------
    ValueError, TypeError
        If ``count`` is out of range.
    """
    _lib.recurrent_set_num_threads(as_count(count, "count", 1, 256))


def get_num_threads() -> int:
    """Returns the number of threads of large operations.

    Returns
    -------
    int
        The number set, else ``RECURRENT_NUM_THREADS``, else the number of cores.
    """
    return int(_lib.recurrent_get_num_threads())
