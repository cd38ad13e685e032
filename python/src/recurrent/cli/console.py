"""Output of the commands, for people or as JSON lines; and messages about errors."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import stat
import sys
import warnings
from typing import Any

from .._terminal import OutputError, describe_error, discard, escaped, print_line, writing_output

EXIT_FAILURE, EXIT_INVALID, EXIT_INTERRUPTED, EXIT_BROKEN_PIPE = 1, 2, 130, 141
# arguments of the library by the flags that set them
_FLAGS = {
    "bptt_length": "--bptt-length",
    "batch_size": "--batch-size",
    "clip": "--clip",
    "dropout": "--dropout",
    "embedding": "--embedding",
    "encoding": "--encoding",
    "epochs": "--epochs",
    "evaluate_every": "--evaluate-every",
    "hidden_sizes": "--hidden-sizes",
    "vocabulary_size": "--vocabulary-size",
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
_SETTING = re.compile(r"\b(?:Path\.read_text\()?(tokenizer|encoding|errors)='([\w-]+)'\)?")
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
        """Prints a line, above the progress bar if there is one, with escapes for characters that are not printable.

        Names of files and metadata of checkpoints may contain any.
        """
        if not self.is_verbose:
            return
        text = line.lstrip("\n")
        shown = line[: len(line) - len(text)] + escaped(text)
        if "tqdm" in sys.modules:
            with writing_output():
                sys.modules["tqdm"].tqdm.write(shown)
                sys.stdout.flush()
        else:
            print_line(shown)

    def write_json(self, **values: Any) -> None:
        """Writes a JSON line; characters that are not printable have JSON's escapes."""
        if self.is_json:
            line = json.dumps(values, ensure_ascii=False, allow_nan=False)
            print_line("".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line))


def report_error(message: str, program: str = "recurrent") -> None:
    """Prints a message on standard error, if that can be written; with escapes, as it may quote a text or a name."""
    with contextlib.suppress(OSError):
        if sys.stderr is not None:
            print(f"{program}: {escaped(message)}", file=sys.stderr, flush=True)


def report_output_error(error: OutputError, program: str = "recurrent") -> int:
    """Reports that standard output cannot be written, and returns the exit status: 141 without a word for a pipe."""
    if error.is_broken:
        return EXIT_BROKEN_PIPE
    report_error(f"cannot write standard output: {describe_error(error)}", program)
    return EXIT_FAILURE


def open_closed_streams() -> None:
    """Opens the standard streams that are closed, so that no file of the command takes their numbers.

    Reading and writing them fails, as of closed ones.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # the lowest number that is free: this one
            os.open(os.devnull, os.O_RDONLY if number else os.O_WRONLY)
            mode = "w" if number else "r"
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def flush_output() -> None:
    """Flushes standard output, so that the interpreter has nothing left to write at its end.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    if sys.stdout is not None:
        with writing_output():
            sys.stdout.flush()


def flush_errors() -> None:
    """Flushes standard error; what cannot be written is discarded."""
    try:
        if sys.stderr is not None:
            sys.stderr.flush()
    except OSError:
        discard(2)


def leave_dead_terminals() -> None:
    """Directs standard output and standard error to the null device where their terminal is gone."""
    for number in (1, 2):
        try:
            if stat.S_ISCHR(os.fstat(number).st_mode) and not os.isatty(number):
                discard(number)
        except OSError:
            # closed from the start
            continue


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
    return {"bytes": "byte", "characters": "character"}.get(tokenizer, "token")
