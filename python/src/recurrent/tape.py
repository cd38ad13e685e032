"""The graph that an expression is recorded on: the thread's `with` blocks, and a default graph for each dtype.

``graph`` registers the class of default graphs here, so that operators of ``Mat`` need not import it.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import Any, Callable
from weakref import ref

_factories: list[Callable[[], Any]] = []


class _Tape(threading.local):
    """The graphs of one thread."""

    def __init__(self) -> None:
        # weak references to blocks, the innermost last
        self.stack: list[ref[Any]] = []
        # the block of a `with` statement that has looked `__exit__` up and not called `__enter__` yet
        self.begun: ref[Any] | None = None
        # blocks without a `with` statement, such as those of contextlib.ExitStack
        self.held: list[Any] = []
        # one for each dtype: a graph holds elements of one type
        self.default: dict[int, Any] = {}


_tape = _Tape()


def register(factory: Callable[[], Any]) -> None:
    """Set what makes a default graph."""
    _factories[:] = [factory]


class Exit:
    """The ``__exit__`` of a graph: for each `with` statement a block, which lives as long as the statement runs.

    An interrupt may end a Python function before its first line. A block does not depend on a function: the interpreter
    owns it from before ``__enter__`` until the statement's end, and the thread's stack refers to it weakly.
    """

    def __get__(self, graph: Any, owner: type) -> Callable[..., Any]:
        if graph is None:
            return leave
        if any(block.graph is graph for block in _tape.held):
            return partial(leave, graph)
        block: Callable[..., Any] = _block(graph)
        _tape.begun = ref(block)
        return block


def _block(graph: Any) -> Any:
    # a C function that accepts any arguments and returns a false value: no frame of Python keeps the block
    block: Any = partial("".format)
    block.graph = graph
    return block


def enter(graph: Any) -> None:
    """Make a graph the thread's current one."""
    block = None if _tape.begun is None else _tape.begun()
    _tape.begun = None
    if block is None or block.graph is not graph:
        block = _block(graph)
        _tape.held.append(block)
    _tape.stack.append(ref(block))


def leave(graph: Any, *_: Any) -> None:
    """End what ``enter`` began without a `with` statement."""
    held = _tape.held
    for index in reversed(range(len(held))):
        if held[index].graph is graph:
            del held[index]
            return


def is_default(graph: Any) -> bool:
    """Whether a graph is a default graph of the thread."""
    return graph in _tape.default.values()


def graph_for(*mats: Any) -> Any:
    """Returns the graph of the innermost `with`, else an operand's graph, else the thread's default graph.

    An operand's graph is used until its backward pass. The default graph is reset once none of its results are
    referenced, and replaced after its backward pass, so that memory does not grow in loops.
    """
    stack = _tape.stack
    while stack:
        block = stack[-1]()
        if block is not None:
            return block.graph
        stack.pop()
    for mat in mats:
        if mat._graph is not None and not mat._graph._is_backpropagated:
            return mat._graph
    dtype = mats[0]._describe()[3]
    graph = _tape.default.get(dtype)
    if graph is None or (graph._is_backpropagated and graph._results() is not None):
        graph = _tape.default[dtype] = _factories[0]()
    elif graph._results() is None:
        graph.reset()
    return graph
