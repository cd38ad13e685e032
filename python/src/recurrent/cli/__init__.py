"""The command ``recurrent``: trains, resumes, samples and evaluates models of text; the demo and the live page."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from .._terminal import UserError
from . import demo
from .arguments import parse
from .console import EXIT_BROKEN_PIPE, EXIT_FAILURE, EXIT_INTERRUPTED, Console, describe, report_error
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
        0 after success; 1 after a failure, with a message on standard error; 130 after Ctrl-C; 141 if the output is
        closed.

    Raises
    ------
    SystemExit
        With 2 for an invalid command.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if words[:1] == ["demo"]:
            return demo.main(words[1:])
        options = parse(words)
        with Console(options) as console:
            return _JOBS[options.job](options, console)
    except KeyboardInterrupt:
        report_error("interrupted")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        return EXIT_BROKEN_PIPE
    except UserError as error:
        report_error(str(error))
        return EXIT_FAILURE
    except _FAILURES as error:
        report_error(describe(error))
        return EXIT_FAILURE


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs the command as a process and returns its exit status."""
    status = main(arguments)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        status = EXIT_BROKEN_PIPE
    if status == EXIT_BROKEN_PIPE:
        # the interpreter flushes at its end: without an error
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return status
