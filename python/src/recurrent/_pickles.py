"""What copy and pickle make of an object: a function of its module, and the bytes or numbers that this reads."""

from __future__ import annotations

from typing import Any, Callable


def reduced(thing: Any, restore: Callable[..., Any], *arguments: Any, own: frozenset[str]) -> tuple[Any, ...]:
    """Returns the result of ``__reduce__``.

    Parameters
    ----------
    thing : object
        The object.
    restore : callable
        A function of a module, which makes the object from the arguments.
    *arguments : Any
        Bytes, texts and numbers, and the object's class.
    own : frozenset of str
        The attributes that ``restore`` sets. Others, of a subclass or of the caller, are copied as they are.
    """
    rest = {name: value for name, value in vars(thing).items() if name not in own}
    return (restore, arguments, rest) if rest else (restore, arguments)


def as_bytes(data: Any) -> bytes:
    """Returns the bytes that a pickle holds."""
    if not isinstance(data, bytes):
        raise TypeError(f"data has the wrong type; expected the bytes of a pickle, got {type(data).__name__}")
    return data


def as_class(kind: Any, base: type) -> Any:
    """Returns the class that a pickle names."""
    if not (isinstance(kind, type) and issubclass(kind, base)):
        raise TypeError(f"kind has the wrong type; expected a class of {base.__name__}, got {kind!r}")
    return kind
