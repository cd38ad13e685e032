"""ReadOnly: a public attribute that describes an object, and that an assignment could not change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

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
        if first is not value and (type(first) is not type(value) or first != value):
            refuse_assignment(self._name, self._remedy, value)

    def __delete__(self, instance: object) -> None:
        raise AttributeError(f"{self._name} is read-only; expected {self._remedy}, got a deletion")


def refuse_assignment(name: str, remedy: str, value: Any) -> NoReturn:
    """Raises the AttributeError of an assignment that would change nothing."""
    raise AttributeError(f"{name} is read-only; expected {remedy}, got {value!r}")
