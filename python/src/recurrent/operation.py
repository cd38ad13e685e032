"""Recorded operations as plain data: what a graph lists and a drawing shows."""

from __future__ import annotations

from typing import NamedTuple


class Operand(NamedTuple):
    """An input of an operation."""

    operation: int | None
    """The index of the operation that produced it; None for a Mat from outside the graph."""
    n: int
    d: int
    w: int
    """The address of its first element."""


class Operation(NamedTuple):
    """A recorded operation."""

    name: str
    """The name of the method: "mul", "row_pluck", …"""
    n: int
    d: int
    w: int
    """The address of the first element of its result."""
    operands: list[Operand]
