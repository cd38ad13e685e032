"""Interrupts: the signals that end a run, and the places where their exceptions are raised."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from .. import _c

_lib = _c.lib
_Result = TypeVar("_Result")
Handler = Callable[[int, Any], Any]

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


class _Handlers:
    """The handlers that a context has replaced, which it puts back whatever is raised meanwhile."""

    def __init__(self, handle: Handler) -> None:
        self._handle = handle
        self._before: dict[int, Any] = {}

    def __getitem__(self, number: int) -> Any:
        return self._before[number]

    def replace(self, is_wanted: Callable[[int, Any], bool]) -> None:
        """Replaces the handlers of the signals for which a function of number and handler returns True."""
        if threading.current_thread() is not threading.main_thread():
            return
        try:
            for number in signal.valid_signals():
                handler = signal.getsignal(number)
                if is_wanted(number, handler):
                    # a signal may arrive between two statements
                    self._before[number] = handler
                    signal.signal(number, self._handle)
        except BaseException:
            self.put_back()
            raise

    def put_back(self) -> None:
        """Puts the handlers back, other than those that were set since."""
        try:
            for number in list(self._before):
                if signal.getsignal(number) == self._handle:
                    signal.signal(number, self._before[number])
                del self._before[number]
        except BaseException:
            # of a handler that is in place again
            self.put_back()
            raise


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
    is_over : bool
        Set to True where the program has nothing left to save: no signal has an effect from then on.
    """

    def __init__(self, prepare: Callable[[], None] | None = None) -> None:
        self.number: int | None = None
        self.is_over = False
        self._prepare = prepare
        self._handlers = _Handlers(self._handle)

    def __enter__(self) -> StopSignals:
        self._handlers.replace(lambda number, handler: number in _DEFAULTS and handler is _DEFAULTS[number])
        return self

    def __exit__(self, *_: object) -> None:
        self._handlers.put_back()

    def _handle(self, number: int, _: Any) -> None:
        if self.is_over or (self.number is not None and number != signal.SIGINT):
            return
        if self.number is None:
            self.number = number
        if self._prepare is not None:
            self._prepare()
        raise KeyboardInterrupt


class Interrupt:
    """A context in which signals interrupt only where nothing is lost.

    The handlers of Python, of ``StopSignals`` and of the program are called at once; an exception that one raises is
    kept, and raised by ``check``, within ``call``, within a long call of the library in ``step``, or at the end of the
    context. After the first one no other is raised, so that a second signal does not interrupt the save that the first
    one has begun. Has no effect in other threads than the main one, or on a signal without a handler in Python.

    Attributes
    ----------
    raised : BaseException or None
        The exception of a handler that was raised last.
    """

    def __init__(self) -> None:
        self.raised: BaseException | None = None
        self._kept: BaseException | None = None
        self._is_allowed = self._is_step = False
        self._handlers = _Handlers(self._handle)

    def __enter__(self) -> Interrupt:
        self._handlers.replace(lambda _, handler: callable(handler))
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._handlers.put_back()
        if kind is None and self.raised is None:
            self.check()

    def _handle(self, number: int, frame: Any) -> None:
        try:
            self._handlers[number](number, frame)
        except BaseException as error:
            # a long call that runs the handler itself ends without effect
            is_allowed = self._is_allowed or (self._is_step and _lib.recurrent_is_interrupt_check())
            if is_allowed and self.raised is None:
                self.raised = error
                raise
            if self._kept is None:
                self._kept = error

    def check(self) -> None:
        """Raises the exception of a handler, if one was kept."""
        error = self.take()
        if error is not None:
            raise error

    def take(self) -> BaseException | None:
        """Returns the exception of a handler, if one was kept, instead of raising it."""
        # a signal may arrive between two statements
        self.raised = self._kept
        if self.raised is not None:
            self._kept = None
        return self.raised

    def call(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        """Calls a function that signals may interrupt, and returns its result.

        Raises
        ------
        BaseException
            That of a handler, before the call or within it.
        """
        self._is_allowed = True
        try:
            self.check()
            return function(*arguments)
        finally:
            self._is_allowed = False

    def step(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        """Calls a function that signals may interrupt only within a long call of the library, which has no effect then.

        Returns
        -------
        result
            That of the function.

        Raises
        ------
        BaseException
            That of a handler, before the call or within it.
        """
        self.check()
        self._is_step = True
        try:
            return function(*arguments)
        finally:
            self._is_step = False
