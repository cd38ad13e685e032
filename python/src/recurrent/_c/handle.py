"""Ownership of the library's objects."""

from __future__ import annotations

import ctypes
from typing import Any, Callable, NoReturn


class Handle:
    """Owns one object of the library and frees it with the last reference.

    Parameters
    ----------
    value : int
        The library's handle.
    free : callable
        The function that frees it.
    owner : object, optional
        An object that must live as long as this one.
    """

    __slots__ = ("__weakref__", "_free", "_owner", "value")

    def __init__(self, value: int, free: Callable[[int], int], owner: Any = None) -> None:
        self.value = value
        self._free = free
        self._owner = owner

    def __del__(self) -> None:
        self._free(self.value)

    def __reduce__(self) -> NoReturn:
        # a copy would free the object a second time
        raise TypeError("this object belongs to the library and is not pickled or deep-copied")


def new(create: Callable[..., int], free: Callable[[int], int], *arguments: Any, owner: Any = None) -> Handle:
    """Returns the handle that a function writes to its last argument."""
    out = ctypes.c_uint64()
    create(*arguments, ctypes.byref(out))
    return Handle(out.value, free, owner)
