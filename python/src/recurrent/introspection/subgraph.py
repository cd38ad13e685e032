"""The part of a graph that one result depends on."""

from __future__ import annotations

import ctypes
from typing import Protocol

from .. import _c
from ..mat import Mat
from ..operation import Operation
from .graph_svg import MAX_OPERATIONS

_lib = _c.lib


class _Graph(Protocol):
    def __len__(self) -> int: ...
    def _operand(self, index: int, operand: int = -1) -> Mat: ...
    def _operation(self, index: int) -> Operation: ...


def dependencies(graph: _Graph, address: int) -> list[tuple[int, Operation]]:
    """Returns the operation whose gradient lies at an address and those it depends on, each with its index."""
    waiting = [_producer(graph, address)]
    found: dict[int, Operation] = {}
    while waiting:
        index = waiting.pop()
        if index in found:
            continue
        if len(found) == MAX_OPERATIONS:
            raise ValueError(
                f"the graph has the wrong size; expected 1 to {MAX_OPERATIONS} operations, got more"
            )
        found[index] = graph._operation(index)
        waiting += [p.operation for p in found[index].operands if p.operation is not None]
    return sorted(found.items())


def _producer(graph: _Graph, address: int) -> int:
    """Returns the index of the operation whose gradient lies at an address."""
    start = ctypes.c_void_p()
    for index in reversed(range(len(graph))):
        result = graph._operand(index)
        _lib.recurrent_mat_dw(result._handle.value, ctypes.byref(start))
        # results are contiguous; a cell has two in one
        n, d, _, _ = result._describe()
        low = start.value or 0
        if low <= address < low + n * d * result.dtype.itemsize:
            return index
    raise ValueError(
        "this Mat has no recorded history; expected a result of an operation, got a Mat of another recording"
    )
