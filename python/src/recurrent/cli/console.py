"""Output of the commands, for people or as JSON lines; and messages about errors."""

from __future__ import annotations

import argparse
import errno
import io
import json
import os
import re
import stat
import sys
import warnings
from typing import Any

from .._terminal import describe_error

EXIT_FAILURE, EXIT_INVALID, EXIT_INTERRUPTED, EXIT_BROKEN_PIPE = 1, 2, 130, 141
# arguments of the library by the flags that set them
_FLAGS = {
    "batch_size": "--batch-size",
    "clip": "--clip",
    "dropout": "--dropout",
    "embedding": "--embedding",
    "encoding": "--encoding",
    "evaluate_every": "--evaluate-every",
    "hidden_sizes": "--hidden-sizes",
    "call fit": "run `recurrent train --init-from`",
    "learning_rate": "--learning-rate",
    "overwrite=True": "--force",
    "patience": "--patience",
    "seq_length": "--seq-length",
    "validation_split=0": "--validation-split 0",
    "validation_split": "--validation-split",
    "steps is missing": "--steps is missing",
}
_ARGUMENT = re.compile(r"(?<![\w'/.-])(" + "|".join(map(re.escape, _FLAGS)) + r")(?![\w'/.-])")
_SETTING = re.compile(r"\b(?:Path\.read_text\()?(tokenizer|encoding)='([\w-]+)'\)?")
_QUOTED = re.compile(r"('[^']*'(?!\w))")


class Console:
    """Where output goes: ``print`` for people, ``write_json`` for scripts; with ``--quiet`` neither."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.is_json = options.json
        self.is_verbose = not options.json and not options.quiet
        self._warnings = warnings.catch_warnings()

    def __enter__(self) -> Console:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", errors="replace")
        self._warnings.__enter__()
        warnings.simplefilter("always", RuntimeWarning)
        warnings.showwarning = lambda message, *_, **__: report_error(str(message))
        return self

    def __exit__(self, *_: object) -> None:
        self._warnings.__exit__(None, None, None)

    def print(self, line: str = "") -> None:
        """Prints a line, above the progress bar if there is one."""
        if not self.is_verbose:
            return
        if "tqdm" in sys.modules:
            sys.modules["tqdm"].tqdm.write(line)
            sys.stdout.flush()
        else:
            _write(line)

    def write_json(self, **values: Any) -> None:
        """Writes a JSON line."""
        if self.is_json:
            _write(json.dumps(values, ensure_ascii=False, allow_nan=False))


def _write(line: str) -> None:
    """Writes a line in one call: Ctrl-C does not split it."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def report_error(message: str, program: str = "recurrent") -> None:
    """Prints a message on standard error, if that is open."""
    try:
        print(f"{program}: {message}", file=sys.stderr, flush=True)
    except OSError as error:
        if not is_closed_output(error):
            raise


def is_closed_output(error: BaseException) -> bool:
    """Whether an error is that of a write to a closed pipe, or to a terminal that is gone."""
    # errors of the library have a sentence, those of a write the system's words
    is_gone = (
        isinstance(error, OSError) and error.errno == errno.EIO and error.strerror == os.strerror(errno.EIO)
    )
    return isinstance(error, BrokenPipeError) or is_gone


def discard_output() -> None:
    """Directs standard output to the null device, with the data that is not written yet."""
    _discard(1)


def leave_dead_terminals() -> None:
    """Directs standard output and standard error to the null device where their terminal is gone."""
    for number in (1, 2):
        try:
            if stat.S_ISCHR(os.fstat(number).st_mode) and not os.isatty(number):
                _discard(number)
        except OSError:
            # closed from the start
            continue


def _discard(number: int) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, number)
    os.close(null)


def describe(error: BaseException) -> str:
    """Returns the message of an error, with flags for the library's arguments; quoted parts stay."""
    parts = _QUOTED.split(with_flags(describe_error(error)))
    parts[::2] = [_ARGUMENT.sub(lambda match: _FLAGS[match[1]], part) for part in parts[::2]]
    return "".join(parts)


def with_flags(message: str) -> str:
    """Returns a message with flags for the settings that it recommends."""
    return _SETTING.sub(r"--\1 \2", message)


def token_unit(tokenizer: str) -> str:
    """Returns what a token of a text model is called."""
    return "byte" if tokenizer == "bytes" else "character"
