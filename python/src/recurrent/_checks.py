"""Checks of arguments, before ctypes would wrap them or crash: types here, ranges in the library."""

from __future__ import annotations

import contextlib
import math
import numbers
import operator
import os
from collections.abc import Collection
from typing import Any, TypeVar, cast, get_args

import numpy as np

from .names import ErrorsName

# by recurrent_unknown
_ERRORS: tuple[str, ...] = get_args(ErrorsName)
# the elements of the largest array
MAX_COUNT = 2**31 - 1
# an int of 64 bits
_LEAST, _MOST = -(2**63), 2**63 - 1
# the steps of a run: every whole number up to it has its own float64
MAX_STEPS = 2**53
# characters of a value in a message
_SHOWN = 60
DTYPES: tuple[Any, Any] = (np.dtype(np.float32), np.dtype(np.float64))
Choice = TypeVar("Choice", bound=str)
FLOAT32_MAX = float(np.finfo(np.float32).max)


def as_int(value: Any, name: str) -> int:
    """Returns an int of 64 bits; NumPy's integers are accepted, bools and floats are not."""
    if type(value) is int and _LEAST <= value <= _MOST:
        return value
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} has the wrong type; expected an int, got bool")
    try:
        result = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} has the wrong type; expected an int, got {type(value).__name__}") from None
    if not _LEAST <= result <= _MOST:
        raise ValueError(f"{name} is out of range; expected 64 bits, got {shown(result)}")
    return result


def as_count(value: Any, name: str, least: int = 0, most: int = MAX_COUNT) -> int:
    """Returns an int within a range."""
    found = as_int(value, name)
    if found < least:
        raise ValueError(f"{name} is out of range; expected at least {least}, got {found}")
    if found > most:
        raise ValueError(f"{name} is out of range; expected at most {most}, got {found}")
    return found


def as_float(value: Any, name: str, mat: Any = None) -> float:
    """Returns a finite float; ints, NumPy's numbers and arrays of no dimensions are accepted.

    Where it becomes an element of a Mat, it is within the range of the Mat's dtype.
    """
    if type(value) is not float:
        value = as_number(value, name)
    if not math.isfinite(value):
        raise ValueError(f"{name} is out of range; expected a finite number, got {value}")
    if not -FLOAT32_MAX <= value <= FLOAT32_MAX and getattr(mat, "dtype", None) == DTYPES[0]:
        raise ValueError(f"{name} is out of range; expected a number of float32, got {value}")
    return value  # type: ignore[no-any-return]


def as_single(value: Any, name: str) -> float:
    """Returns a finite float in the range of float32: for settings that weights of either type are computed with."""
    # NaN and infinity fail the comparison
    if type(value) is float and -FLOAT32_MAX <= value <= FLOAT32_MAX:
        return value
    number = as_float(value, name)
    if not -FLOAT32_MAX <= number <= FLOAT32_MAX:
        raise ValueError(f"{name} is out of range; expected a number of float32, got {number}")
    return number


def as_rate(value: Any, name: str) -> float:
    """Returns a float of at least 0 in the range of float32."""
    number = as_single(value, name)
    if number < 0:
        raise ValueError(f"{name} is out of range; expected at least 0, got {number}")
    return number


def as_number(value: Any, name: str) -> float:
    """Returns a float, which may be infinite or NaN."""
    # the check for numbers.Real takes longer than the recording of an operation
    if type(value) is not int:
        if isinstance(value, np.ndarray) and value.ndim == 0:
            value = value[()]
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
            raise TypeError(f"{name} has the wrong type; expected a number, got {type(value).__name__}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} is out of range; expected a finite number, got {shown(value)}") from None


def shown(value: Any) -> str:
    """Returns a value for a message, shortened; of one that Python cannot write, its type."""
    text = f"a {type(value).__name__}"
    # Python refuses to write an int of more than 4,300 digits, and a list that is nested too deeply
    with contextlib.suppress(ValueError, RecursionError):
        text = str(value) if isinstance(value, numbers.Number) else repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def as_limit(value: Any, name: str) -> float:
    """Returns a threshold above 0 in the range of float32; None and infinity are infinity, for none."""
    if value is None:
        return math.inf
    limit = value if type(value) is float else as_number(value, name)
    if not limit > 0:
        raise ValueError(f"{name} is out of range; expected above 0, or None for none, got {value}")
    return limit if limit == math.inf else as_single(limit, name)


def as_flag(value: Any, name: str) -> bool:
    """Returns a bool; NumPy's are accepted, ints are not."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} has the wrong type; expected a bool, got {type(value).__name__}")
    return bool(value)


def as_dtype(value: Any) -> int:
    """Returns 0 for float32, 1 for float64."""
    found = None
    # NumPy reads None as float64, and refuses with any of these
    if value is not None:
        with contextlib.suppress(TypeError, ValueError, RecursionError, MemoryError, SyntaxError):
            found = np.dtype(value)
    if found is None or found not in DTYPES:
        raise TypeError(
            f"dtype is unknown; expected 'float32' or 'float64', got {shown(value) if found is None else found}"
        )
    return DTYPES.index(found)


def as_choice(value: Any, name: str, known: Collection[Choice]) -> Choice:
    """Returns a str of a list."""
    if not isinstance(value, str) or value not in known:
        expected = ", ".join(map(repr, known))
        raise ValueError(f"{name} is unknown; expected one of {expected}, got {shown(value)}")
    return cast("Choice", value)


def as_list(value: Any, name: str, expected: str) -> list[Any]:
    """Returns the elements of an iterable."""
    if type(value) is list or type(value) is tuple:
        return list(value)
    if hasattr(value, "shape") and len(value.shape) and value.shape[0] > MAX_COUNT:
        raise ValueError(f"{name} is too large; expected at most {MAX_COUNT} elements, got {value.shape[0]}")
    try:
        return list(value)
    except TypeError:
        raise TypeError(
            f"{name} has the wrong type; expected {expected}, got {type(value).__name__}"
        ) from None
    except MemoryError:
        raise MemoryError(f"{name} is too large; expected {expected}, got a {type(value).__name__}") from None


def as_callables(callbacks: Any) -> list[Any]:
    """Returns functions."""
    listeners = as_list(callbacks, "callbacks", "a list of functions")
    for listener in listeners:
        if not callable(listener):
            raise TypeError(
                f"callbacks has the wrong type; expected functions, got {type(listener).__name__}"
            )
    return listeners


def as_text(value: Any, name: str) -> bytes:
    """Returns a str as UTF-8."""
    if not isinstance(value, str):
        raise TypeError(f"{name} has the wrong type; expected a str, got {type(value).__name__}")
    try:
        return value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{name} has a lone surrogate at position {error.start}; expected valid characters, "
            f"got U+{ord(value[error.start]):04X}"
        ) from None


def as_path(value: Any, name: str = "path") -> bytes:
    """Returns a str or a Path as the bytes of the file system: a name that is not UTF-8 keeps its own."""
    if isinstance(value, bytes) or not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{name} has the wrong type; expected a str or a Path, got {type(value).__name__}")
    path = os.fspath(value)
    try:
        encoded = os.fsencode(path)
    except UnicodeEncodeError:
        # with the message of any text
        return as_text(path, name)
    if b"\0" in encoded:
        raise ValueError(f"{name} has a NUL character; expected none, got {shown(path)}")
    return encoded


def as_errors_name(errors: Any, replacement: Any) -> ErrorsName:
    """Returns the handling of text outside any vocabulary: a replacement, where one is given, is a str."""
    name: ErrorsName = as_choice(errors, "errors", get_args(ErrorsName))
    if replacement is not None:
        if name != "replace":
            raise ValueError(f"replacement is without effect; expected errors='replace', got {name!r}")
        as_text(replacement, "replacement")
    return name


def as_errors(errors: Any, replacement: Any) -> tuple[int, int]:
    """Returns the library's code for characters outside the vocabulary, and the code point of the replacement."""
    errors = as_choice(errors, "errors", _ERRORS)
    if errors != "replace":
        if replacement is not None:
            raise ValueError(f"replacement is without effect; expected errors='replace', got {errors!r}")
        return _ERRORS.index(errors), 0
    if not isinstance(replacement, str) or len(replacement) != 1:
        raise ValueError(f"replacement is unknown; expected one character, got {shown(replacement)}")
    as_text(replacement, "replacement")
    return 2, ord(replacement)
