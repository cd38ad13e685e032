"""Operands of graph operations, as the library takes them."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from typing import Any

from . import _c
from ._arrays import as_ints
from ._checks import as_int, as_list
from .mat import Mat, expect_mat


def as_indices(values: Any, name: str) -> tuple[Any, int]:
    """Returns a pointer to a copy of indices, and their number."""
    if type(values) is int:
        return ctypes.c_int64(as_int(values, name)), 1
    indices = as_ints(values, name)
    return _c.as_ints(indices, len(indices)), len(indices)


def as_handles(mats: Iterable[Mat | None], name: str = "mats", optional: bool = False) -> tuple[Any, int]:
    """Returns the handles of Mats and their number; 0 for an optional one that is None."""
    if type(mats) is tuple and not mats:
        return None, 0
    if isinstance(mats, Mat):
        raise TypeError(f"{name} has the wrong type; expected a list of Mats, got Mat")
    kept = as_list(mats, name, "a list of Mats")
    # an application has many: a name is made for a message only
    found = [
        m._handle if isinstance(m, Mat) else 0 if m is None and optional else expect_mat(m, f"{name}[{i}]")
        for i, m in enumerate(kept)
    ]
    handles = (ctypes.c_uint64 * len(found))(*found)
    # Mats of a generator live as long as the array, until the call is done
    handles._mats = kept  # type: ignore[attr-defined]
    return handles, len(kept)
