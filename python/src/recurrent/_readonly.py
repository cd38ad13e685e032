"""ReadOnly and Derived: public attributes that describe an object, and that an assignment could not change."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from ._checks import shown

T = TypeVar("T")


class ReadOnly(Generic[T]):
    """An attribute that keeps its first value; an assignment of another is an error.

    Parameters
    ----------
    remedy : str
        What to create or assign instead, for the message.
    """

    def __init__(self, remedy: str) -> None:
        self._remedy = remedy

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    if TYPE_CHECKING:
        # at run time the instance's own dict answers, as fast as for any attribute
        def __get__(self, instance: object, owner: type) -> T: ...

    def __set__(self, instance: object, value: T) -> None:
        known = vars(instance)
        first = known.setdefault(self._name, value)
        if not _is_same(first, value):
            refuse_assignment(self._name, self._remedy, value)

    def __delete__(self, instance: object) -> None:
        raise AttributeError(f"{self._name} is read-only; expected {self._remedy}, got a deletion")


class Derived(Generic[T]):
    """An attribute that is computed at each access; an assignment of another value is an error.

    Parameters
    ----------
    compute : callable
        Returns the value for an object.
    remedy : str
        What to create or assign instead, for the message.
    """

    def __init__(self, compute: Callable[[Any], T], remedy: str) -> None:
        self._compute, self._remedy = compute, remedy

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type) -> T:
        # on the class it is itself, for tools that list attributes
        return self if instance is None else self._compute(instance)  # type: ignore[return-value]

    def __set__(self, instance: object, value: T) -> None:
        if not _is_same(self._compute(instance), value):
            refuse_assignment(self._name, self._remedy, value)

    def __delete__(self, instance: object) -> None:
        raise AttributeError(f"{self._name} is read-only; expected {self._remedy}, got a deletion")


def _is_same(first: Any, value: Any) -> bool:
    return first is value or (type(first) is type(value) and first == value)


def refuse_assignment(name: str, remedy: str, value: Any) -> NoReturn:
    """Raises the AttributeError of an assignment that would change nothing."""
    raise AttributeError(f"{name} is read-only; expected {remedy}, got {shown(value)}")
