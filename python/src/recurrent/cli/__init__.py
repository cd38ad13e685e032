"""The command ``recurrent``: trains, resumes, samples and evaluates models of text; the demo and the live page."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

from .._terminal import OutputError, UserError
from ..training.interrupt import StopSignals
from . import demo
from .arguments import parse
from .console import (
    EXIT_BROKEN_PIPE,
    EXIT_FAILURE,
    EXIT_INTERRUPTED,
    Console,
    describe,
    flush_errors,
    flush_output,
    leave_dead_terminals,
    open_closed_streams,
    report_error,
    report_output_error,
)
from .evaluate import evaluate, info
from .sample import sample
from .train import resume, train

_JOBS = {"train": train, "resume": resume, "sample": sample, "info": info, "evaluate": evaluate}
# errors of the library and the system; any other is a bug, and its traceback helps to find it
_FAILURES = (
    ArithmeticError, ImportError, IndexError, MemoryError, OSError, RuntimeError, TypeError, ValueError,
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Parameters
    ----------
    arguments : list of str, optional
        The arguments after ``recurrent``; the default is those of the process.

    Returns
    -------
    status : int
        0 after success; 1 after a failure, with a message on standard error; 141 if the reader of the output is gone;
        128 + n after signal n: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP.

    Raises
    ------
    SystemExit
        With 2 for an invalid command.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    with StopSignals(leave_dead_terminals) as stop:
        return _run(words, stop)


def _run(words: list[str], stop: StopSignals) -> int:
    """Runs the command; returns its exit status, after which signals have no effect."""
    try:
        try:
            status = _execute(words)
            stop.is_over = True
        except KeyboardInterrupt:
            status = _interrupted(stop)
    except KeyboardInterrupt:
        # a second signal, before the first one was handled
        status = _interrupted(stop)
    is_failure = status not in (0, EXIT_INTERRUPTED, EXIT_BROKEN_PIPE)
    return status if stop.number is None or is_failure else 128 + stop.number


def _interrupted(stop: StopSignals) -> int:
    stop.is_over = True
    number = signal.Signals(stop.number or signal.SIGINT)
    report_error("interrupted" + (f" by {number.name}" if number != signal.SIGINT else ""))
    return EXIT_INTERRUPTED


def _execute(words: list[str]) -> int:
    """Runs the command; returns its exit status."""
    try:
        if words[:1] == ["demo"]:
            return demo.main(words[1:])
        options = parse(words)
        with Console(options) as console:
            return _JOBS[options.job](options, console)
    except UserError as error:
        report_error(str(error))
    except OutputError as error:
        return report_output_error(error)
    except _FAILURES as error:
        report_error(describe(error))
    return EXIT_FAILURE


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs the command as a process and returns its exit status."""
    open_closed_streams()
    # until the end of the process
    stop = StopSignals(leave_dead_terminals).__enter__()
    try:
        status = _run(list(sys.argv[1:] if arguments is None else arguments), stop)
    except SystemExit as end:
        stop.is_over = True
        status = int(end.code or 0)
    try:
        flush_output()
    except OutputError as error:
        if status in (0, EXIT_BROKEN_PIPE):
            status = report_output_error(error)
    flush_errors()
    return status
