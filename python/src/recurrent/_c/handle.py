"""Ownership of the library's objects."""

from __future__ import annotations

import ctypes
from functools import partial
from typing import Any, Callable, NoReturn


class Handle(ctypes.c_uint64):
    """Owns one object of the library and frees it with the last reference.

    The library writes the handle into this object and reads it from it, as an argument of its functions. Each kind of
    object has a class, ``signatures.MatHandle`` and others, whose finalizer frees an object of that kind.

    An interrupt neither leaks the object nor is lost: this object exists before the library's, and no Python code runs
    when it frees that. CPython raises KeyboardInterrupt between two bytecodes, and ignores an exception inside a
    finalizer. The finalizer of a class is therefore a property whose value is a ``partial`` of a C function.

    Attributes
    ----------
    value : int
        The library's handle; 0 before it is written.
    """

    __slots__ = ("_owner",)

    # an object that must live as long as this one
    _owner: Any

    def __reduce__(self) -> NoReturn:
        # a copy would free the object a second time
        raise TypeError("this object belongs to the library and is not pickled or deep-copied")


def finalizer(free: Callable[..., int]) -> Any:
    """Returns the ``__del__`` of a class of handles: a function of the library, which ignores a handle of 0."""
    return property(partial(partial, free))


def new(create: Callable[..., int], free: Any, *arguments: Any, owner: Any = None) -> Handle:
    """Returns the handle that a function writes to its last argument.

    Parameters
    ----------
    create, free : function of the library
        Create and free the object.
    *arguments : Any
        The arguments of ``create`` before the last.
    owner : object, optional
        An object that must live as long as the new one.
    """
    handle: Handle = free.argtypes[0]()
    handle._owner = owner
    create(*arguments, handle)
    return handle
