"""The command ``recurrent``: train on a text, go on, write, look, from a shell."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from ..demo.__main__ import main as demo
from .flags import parse
from .look import evaluate, info
from .sample import sample
from .train import resume, train
from .voice import RefusalError, Voice, complain, refusal

_JOBS = {"train": train, "resume": resume, "sample": sample, "info": info, "evaluate": evaluate}
# what the library raises, and what the system does; anything else is a bug, which its traceback helps to find
_FAILURES = (
    ArithmeticError,
    ImportError,
    IndexError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
INTERRUPTED, NOBODY_READS = 128 + signal.SIGINT, 128 + 13


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : list of str, optional
        What stands after ``recurrent``; this process's own where absent.

    Returns
    -------
    status : int
        0 if it went well, 1 if not, and then a sentence on standard error says why, 130 after Ctrl-C, 141 if nobody
        reads the output any more.

    Raises
    ------
    SystemExit
        With 2 for what is no command.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if words[:1] == ["demo"]:
            return demo(words[1:], "recurrent demo")
        options = parse(words)
        with Voice(options) as voice:
            return _JOBS[options.job](options, voice)
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        return NOBODY_READS
    except RefusalError as problem:
        complain(str(problem))
        return 1
    except _FAILURES as error:
        complain(refusal(error))
        return 1


def run() -> int:
    """Run the command as a process of its own."""
    status = main()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        status = NOBODY_READS
    if status == NOBODY_READS:
        # what is left to write would be complained about at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return status
