"""Ownership of the library's objects."""

from __future__ import annotations

import ctypes
from functools import partial
from typing import Any, Callable, NoReturn


class Handle:
    """Owns one object of the library and frees it with the last reference.

    An interrupt neither leaks the object nor is lost: a handle exists before its object, and no Python code runs when
    it frees the object. CPython raises KeyboardInterrupt between two bytecodes, and ignores an exception inside a
    finalizer. The finalizer of a handle is therefore a ``partial`` of a C function, in a slot of the name ``__del__``.

    Parameters
    ----------
    free : callable
        The library's function that frees the object; it ignores a handle of 0.
    owner : object, optional
        An object that must live as long as this one.
    out : c_uint64, optional
        Where the library writes the handle; new where absent.

    Attributes
    ----------
    value : int
        The library's handle, a copy of ``out``.
    """

    __slots__ = ("__del__", "__weakref__", "_owner", "out", "value")

    out: ctypes.c_uint64
    value: int

    def __init__(
        self, free: Callable[..., int], owner: Any = None, out: ctypes.c_uint64 | None = None
    ) -> None:
        if out is None:
            out = ctypes.c_uint64()
        self.out, self._owner = out, owner
        self.__del__ = partial(free, out)

    def __reduce__(self) -> NoReturn:
        # a copy would free the object a second time
        raise TypeError("this object belongs to the library and is not pickled or deep-copied")


def new(create: Callable[..., int], free: Callable[..., int], *arguments: Any, owner: Any = None) -> Handle:
    """Returns the handle that a function writes to its last argument."""
    handle = Handle(free, owner)
    create(*arguments, handle.out)
    handle.value = handle.out.value
    return handle
