"""The loaded library. A failing status raises the matching Python exception, with the library's message."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from typing import Any

from . import signatures
from .handle import finalizer
from .library import load
from .signatures import SIGNATURES


class ShortBufferError(ValueError):
    """The buffer is too small; nothing has changed, and a larger buffer succeeds."""


# by recurrent_status
_EXCEPTIONS: dict[int, type[BaseException]] = {
    1: ValueError,
    2: RuntimeError,
    3: TypeError,
    4: ValueError,
    5: TypeError,
    6: ValueError,
    7: IndexError,
    8: MemoryError,
    10: ValueError,
    11: FloatingPointError,
    12: RuntimeError,
    13: RuntimeError,
    14: ShortBufferError,
    15: KeyboardInterrupt,
}


def _raise(status: int, function: Any, arguments: Any) -> int:
    """Turns a failing status into the matching exception."""
    if status == 0:
        return status
    if status == signatures.INTERRUPTED:
        # the exception of the signal's handler, where there is one
        _python_raise()
    message = lib.recurrent_last_error().decode("utf-8", "replace")
    if status == signatures.IO:
        number = lib.recurrent_last_errno()
        reason = os.strerror(number)
        if message.endswith(f": {reason}"):
            message = f"{message.removesuffix(reason)}{reason[:1].lower()}{reason[1:]}"
        # OSError(errno, …) becomes FileNotFoundError, PermissionError, … by itself
        raise OSError(number, message)
    raise _EXCEPTIONS.get(status, RuntimeError)(message)


loaded = load()
lib = loaded.library
for _name, (_result, *_arguments) in SIGNATURES.items():
    _function = getattr(lib, _name)
    _function.restype, _function.argtypes = _result, _arguments
    if _name.endswith("_free"):
        # runs within a finalizer, where a Python function could be interrupted: it has no errcheck
        _arguments[0].__del__ = finalizer(_function)
    elif _result is ctypes.c_int32 and not _name.endswith(
        ("_abi_version", "_last_errno", "_is_interrupt_check", "_python_raise")
    ):
        _function.errcheck = _raise


def _handle_signals() -> None:
    """Lets long calls run the handlers of signals, between two parts of their work."""
    names = ("PyGILState_Ensure", "PyGILState_Release", "PyErr_CheckSignals", "PyErr_Fetch", "PyErr_Restore")
    try:
        functions = [ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p) for name in names]
    except AttributeError:
        # another interpreter than CPython: a handler runs after the call
        return
    lib.recurrent_python_set_interrupt_check(*functions)


_python_raise = ctypes.PYFUNCTYPE(ctypes.c_int32)(("recurrent_python_raise", lib))
_handle_signals()


def written_bytes(function: Callable[..., int], *arguments: Any) -> bytes:
    """Returns the bytes that a function writes into a buffer of the length that it reports first."""
    length = ctypes.c_int64()
    while True:
        function(*arguments, None, 0, ctypes.byref(length))
        buffer = ctypes.create_string_buffer(length.value)
        try:
            function(*arguments, buffer, len(buffer), ctypes.byref(length))
            return buffer.raw[: length.value]
        except ShortBufferError:
            # another thread has made the object larger
            continue


def written(function: Callable[..., int], *arguments: Any) -> str:
    """Returns the text that a function writes into a buffer, of any length."""
    buffer, length = ctypes.create_string_buffer(512), ctypes.c_int64()
    while True:
        try:
            function(*arguments, buffer, len(buffer), ctypes.byref(length))
            return buffer.raw[: length.value].decode()
        except ShortBufferError:
            buffer = ctypes.create_string_buffer(2 * len(buffer))
