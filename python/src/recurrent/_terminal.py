"""Parts of all applications: standard output, errors for the user, printable text and optional modules."""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class UserError(Exception):
    """A request that cannot be carried out; the message is one sentence for the user."""


class OutputError(OSError):
    """Standard output cannot be written: it is closed, full, or its reader is gone."""

    @property
    def is_broken(self) -> bool:
        """Whether the reader of the pipe, or the terminal, is gone."""
        return self.errno in (errno.EPIPE, errno.EIO)


@contextmanager
def writing_output() -> Iterator[None]:
    """A context that writes to standard output; after an error the output is discarded.

    Raises
    ------
    OutputError
        With the system's reason.
    """
    try:
        if sys.stdout is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        yield
    except OSError as error:
        discard_output()
        raise OutputError(error.errno, error.strerror or str(error)) from None


def print_line(line: str = "") -> None:
    """Prints a line in one call: Ctrl-C does not split it.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    with writing_output():
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def discard_output() -> None:
    """Directs standard output to the null device, with the data that is not written yet."""
    try:
        is_own = sys.stdout is not None and sys.stdout.fileno() == 1
    except (OSError, ValueError):
        is_own = False
    if is_own:
        discard(1)


def discard(number: int) -> None:
    """Directs a file descriptor to the null device."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, number)
    os.close(null)


def describe_error(error: BaseException) -> str:
    """Returns the message of an error in one line; an ``OSError`` gives the system's reason."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text, reason = error.strerror, os.strerror(error.errno or 0).lower()
        if text.lower() == reason or error.errno not in errno.errorcode:
            text = text.lower()
        elif reason not in text.lower() and ": " not in text and "; expected " not in text:
            text = f"{text}: {reason}"
    elif isinstance(error, MemoryError) and not text:
        text = "out of memory"
    return " ".join(text.split("\n"))


def printable(text: str) -> str:
    """Returns the text with a dot for each character that has no visible form."""
    return "".join(character if character.isprintable() else "·" for character in text)


def escaped(text: str, keep: str = "") -> str:
    r"""Returns the text with an escape for each character that has no visible form: a terminal would execute it.

    Bytes of a file's name that are not UTF-8 are written as ``\xff``.
    """
    return "".join(
        character if character.isprintable() or character in keep else _escape(character)
        for character in text
    )


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # of a name, by surrogateescape
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def optional_module(name: str) -> Any:
    """Returns a module, or None if it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None
