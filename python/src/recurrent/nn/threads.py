"""The number of threads."""

from __future__ import annotations

from .. import _c
from .._checks import as_int

_lib = _c.lib


def set_num_threads(count: int) -> None:
    """How many threads large operations use, 1 to 256. The results are the same bits at any number."""
    _lib.recurrent_set_num_threads(as_int(count, "count"))


def get_num_threads() -> int:
    """How many threads large operations use: what was set, else RECURRENT_NUM_THREADS, else the cores there are."""
    return int(_lib.recurrent_get_num_threads())
