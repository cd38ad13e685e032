"""Interrupts: the signals that end a run, and the blocks that they do not split."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# the handler that a signal has when nothing else handles it; Windows has no SIGHUP
_DEFAULTS = {
    getattr(signal, name): default
    for name, default in (
        ("SIGINT", signal.default_int_handler),
        ("SIGTERM", signal.SIG_DFL),
        ("SIGHUP", signal.SIG_DFL),
    )
    if hasattr(signal, name)
}


class StopSignals:
    """A context in which SIGTERM and SIGHUP raise KeyboardInterrupt, as Ctrl-C does.

    A signal that is ignored stays ignored: Ctrl-C in a job of a shell's background, SIGHUP under ``nohup``. A signal
    with a handler of the program stays with it. Has no effect in other threads than the main one.

    Parameters
    ----------
    prepare : callable, optional
        Called before the exception is raised.

    Attributes
    ----------
    number : int or None
        The signal that arrived first. After it, SIGTERM and SIGHUP have no effect, as the program is at its end.
    """

    def __init__(self, prepare: Callable[[], None] | None = None) -> None:
        self.number: int | None = None
        self._prepare = prepare
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for number, default in _DEFAULTS.items():
                if signal.getsignal(number) is default:
                    self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _handle(self, number: int, _: Any) -> None:
        if self.number is not None and number != signal.SIGINT:
            return
        if self.number is None:
            self.number = number
        if self._prepare is not None:
            self._prepare()
        raise KeyboardInterrupt


class Interrupt:
    """A context that delays signals to the end of a protected block, and raises KeyboardInterrupt there.

    Delays Ctrl-C, and the signals of ``StopSignals``. Has no effect in other threads than the main one, or on a signal
    that is ignored or has a handler of the program.
    """

    def __init__(self) -> None:
        self._is_held = self._is_raised = False
        self._wanted: int | None = None
        self._before: dict[int, Callable[[int, Any], Any]] = {}

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            for number in _DEFAULTS:
                handler: Any = signal.getsignal(number)
                is_stop = isinstance(getattr(handler, "__self__", None), StopSignals)
                if handler is signal.default_int_handler or is_stop:
                    signal.signal(number, self._handle)
                    self._before[number] = handler
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _handle(self, number: int, frame: Any) -> None:
        if self._is_held:
            self._wanted = self._wanted or number
        elif not self._is_raised:
            # a second signal does not interrupt the last save that the first one has begun
            self._is_raised = True
            self._before[number](number, frame)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Protects a block from interruption."""
        self._is_held = True
        self._is_raised = False
        try:
            yield
        finally:
            self._is_held = False
        if self._wanted is not None:
            number, self._wanted = self._wanted, None
            self._is_raised = True
            self._before[number](number, None)
