"""Slot: the state of an optimizer by name, live; and the parts of a ``state_dict``."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from .. import _c
from .._arrays import as_matrix, as_type
from .._checks import DTYPES, as_single, as_text, shown
from ..mat import Mat
from ..parameters import LiveMats
from .groups import as_groups

_lib = _c.lib


class Slot(LiveMats):
    """One of an optimizer's slots, by name: a live view of the optimizer's state."""

    def __init__(self, handle: _c.Handle, index: int) -> None:
        self._handle, self._index = handle, index
        self.name = self._label = _c.written(_lib.recurrent_optimizer_state_name, handle.value, index)

    def __getitem__(self, name: str) -> Mat:
        key = as_text(name, "the name")
        try:
            return Mat._from_handle(
                _c.new(
                    _lib.recurrent_optimizer_state,
                    _lib.recurrent_mat_free,
                    self._handle.value,
                    self._index,
                    key,
                    len(key),
                )
            )
        except IndexError:
            raise KeyError(name) from None

    def __contains__(self, name: Any) -> bool:
        return name in list(self)

    def __len__(self) -> int:
        count = ctypes.c_int64()
        _lib.recurrent_optimizer_name_count(self._handle.value, ctypes.byref(count))
        return count.value

    def __iter__(self) -> Iterator[str]:
        for index in range(len(self)):
            yield _c.written(_lib.recurrent_optimizer_name, self._handle.value, index)

    def __repr__(self) -> str:
        return f"<{self.name.replace('_', ' ')} of {', '.join(self) or 'nothing yet'}>"


def members(value: Any, name: str, keys: Iterable[str] | None = None) -> Mapping[str, Any]:
    """Returns a mapping, of exactly these keys."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} has the wrong type; expected a dict, got {type(value).__name__}")
    if keys is not None:
        known = list(keys)
        missing, unknown = [k for k in known if k not in value], [k for k in value if k not in known]
        if missing:
            raise ValueError(f"{name} has no {missing[0]}; expected {', '.join(known)}, got none")
        if unknown:
            raise ValueError(
                f"{name} has an unknown key; expected {', '.join(known)}, got {shown(unknown[0])}"
            )
    return value


def as_slot(value: Any, name: str) -> Mat:
    """Returns a Mat with a copy of a slot's array."""
    array = as_matrix(value, name)
    return Mat.from_array(array if array.dtype in DTYPES else as_type(array, DTYPES[0], name))


def as_json(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns settings as JSON can hold them."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, (tuple, list)):
            found[key] = [as_single(number, f"{key}[{k}]") for k, number in enumerate(value)]
        elif isinstance(value, Mapping):
            found[key] = as_groups(value)
        elif isinstance(value, (bool, np.bool_, str)):
            found[key] = value if isinstance(value, str) else bool(value)
        else:
            found[key] = as_single(value, key)
    return found
