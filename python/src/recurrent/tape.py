"""The graph that an expression is recorded on: the thread's `with` blocks, and a default graph for each dtype.

``graph`` registers the class of default graphs here, so that operators of ``Mat`` need not import it.
"""

from __future__ import annotations

import threading
from typing import Any, Callable

_factories: list[Callable[[], Any]] = []


class _Tape(threading.local):
    """The graphs of one thread."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        # one for each dtype: a graph holds elements of one type
        self.default: dict[int, Any] = {}


_tape = _Tape()


def register(factory: Callable[[], Any]) -> None:
    """Set what makes a default graph."""
    _factories[:] = [factory]


def enter(graph: Any) -> None:
    """Make a graph the thread's current one."""
    _tape.stack.append(graph)


def leave(graph: Any) -> None:
    """End what ``enter`` began."""
    _tape.stack.remove(graph)


def is_default(graph: Any) -> bool:
    """Whether a graph is a default graph of the thread."""
    return graph in _tape.default.values()


def graph_for(*mats: Any) -> Any:
    """Returns the graph of the innermost `with`, else an operand's graph, else the thread's default graph.

    An operand's graph is used until its backward pass. The default graph is reset once none of its results are
    referenced, and replaced after its backward pass, so that memory does not grow in loops.
    """
    if _tape.stack:
        return _tape.stack[-1]
    for mat in mats:
        if mat._graph is not None and not mat._graph._is_backpropagated:
            return mat._graph
    dtype = mats[0]._describe()[3]
    graph = _tape.default.get(dtype)
    if graph is None or (graph._is_backpropagated and graph._live > 0):
        graph = _tape.default[dtype] = _factories[0]()
    elif graph._live == 0:
        graph.reset()
    return graph
