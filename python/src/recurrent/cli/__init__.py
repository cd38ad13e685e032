"""The command ``recurrent``: trains, resumes, samples and evaluates models of text; the demo and the live page."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

from .._terminal import UserError
from ..training.interrupt import StopSignals
from . import demo
from .arguments import parse
from .console import (
    EXIT_BROKEN_PIPE,
    EXIT_FAILURE,
    EXIT_INTERRUPTED,
    Console,
    describe,
    discard_output,
    is_closed_output,
    leave_dead_terminals,
    report_error,
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
        0 after success; 1 after a failure, with a message on standard error; 141 if the output is closed; 128 + n
        after signal n: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP.

    Raises
    ------
    SystemExit
        With 2 for an invalid command.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    with StopSignals(leave_dead_terminals) as stop:
        try:
            status = _execute(words)
        except KeyboardInterrupt:
            number = signal.Signals(stop.number or signal.SIGINT)
            report_error("interrupted" + (f" by {number.name}" if number != signal.SIGINT else ""))
            status = EXIT_INTERRUPTED
    is_failure = status not in (0, EXIT_INTERRUPTED, EXIT_BROKEN_PIPE)
    return status if stop.number is None or is_failure else 128 + stop.number


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
    except _FAILURES as error:
        if is_closed_output(error):
            return EXIT_BROKEN_PIPE
        report_error(describe(error))
    return EXIT_FAILURE


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs the command as a process and returns its exit status."""
    status = main(arguments)
    try:
        sys.stdout.flush()
    except OSError as error:
        if not is_closed_output(error):
            raise
        status = EXIT_BROKEN_PIPE
    if status == EXIT_BROKEN_PIPE:
        # the interpreter flushes at its end: without an error
        discard_output()
    return status
