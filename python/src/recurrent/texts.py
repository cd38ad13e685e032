"""Texts: what an argument that takes a text means. A ``Path`` is a file; a ``str`` and ``bytes`` are the text."""

from __future__ import annotations

import codecs
import errno
import os
import re
import stat
from typing import Any

from ._checks import as_text
from .encoding import as_encoding, check_applies, to_utf8
from .outputs import protect_text

# 1 GiB; training takes 2 to 5 times as much memory
MAX_BYTES = 1 << 30
# the longest name of a file, and the longest path that is recognized, in characters
_NAME, _PATH = 255, 1024
_KNOWN_SUFFIX = re.compile(
    r"\.(?:txt|text|utf8|md|rst|tex|rtf|csv|tsv|log|srt|json|jsonl|ndjson|xml|html?|ya?ml|toml|ini|cfg|conf|dat|bin|raw"
    r"|gz|bz2|xz|zst|zip|tar|tgz|pdf|epub|docx?|odt|py|ipynb|js|ts|css|c|h|cc|cpp|hpp|rs|go|java|swift|sh|sql"
    r"|safetensors|npy|npz|pt|pth|ckpt)\Z",
    re.IGNORECASE,
)
_SUFFIX = re.compile(r"\w\.[A-Za-z][A-Za-z0-9]{1,11}\Z")
_SEPARATOR = re.compile(r"\w/|/\w")
_LETTER = re.compile(r"[^\W\d_]")
_BEGINNING = re.compile(r"(?:~|\.{0,2})/")
# characters of formulas, queries and markup, which names of files do not have
_NO_NAME = frozenset('=*<>?|"{}$;')


def as_text_or_file(
    source: Any, argument: str, tokenizer: str = "characters", encoding: str | None = None
) -> bytes:
    """Returns the bytes of a text.

    Parameters
    ----------
    source : str, bytes or Path
        A Path is the file; its byte order mark is removed unless tokens are bytes. Bytes are the text. A str is the
        text too, unless it has no line end and is the name of a file: of a file that exists, with a separator and no
        space, or with a suffix.
    argument : str
        The name of the argument in errors.
    tokenizer : {"characters", "bytes"}
        What a token is.
    encoding : str, optional
        The encoding of a file of characters, which is returned in UTF-8; UTF-8 where absent.

    Raises
    ------
    OSError
        If the file cannot be read: FileNotFoundError, PermissionError, IsADirectoryError, …
    ValueError
        If a str is the name of a file, or has a lone surrogate; if a file of characters is not in its encoding.
    TypeError
        If it is anything else.
    """
    if isinstance(source, (bytes, bytearray)):
        return bytes(source)
    if isinstance(source, os.PathLike):
        path = os.fsdecode(source)
        data = _read(path)
        if tokenizer == "bytes":
            return data
        return to_utf8(data, f"'{path}'", encoding).removeprefix(codecs.BOM_UTF8)
    if not isinstance(source, str):
        raise TypeError(
            f"{argument} has the wrong type; expected a str, bytes or a Path, got {type(source).__name__}"
        )
    if is_file_name(source):
        raise ValueError(
            f"{argument} looks like the name of a file; expected Path({source!r}) for the file, or "
            f"{source!r}.encode() for these characters, got a str"
        )
    return as_text(source, argument)


def as_file_encoding(encoding: Any, tokenizer: str, *sources: Any) -> str | None:
    """Returns the encoding of the files among texts, or None for UTF-8.

    Parameters
    ----------
    encoding : str, optional
        Its name.
    tokenizer : {"characters", "bytes"}
        What a token is.
    *sources : str, bytes, Path or None
        The texts.

    Raises
    ------
    TypeError, ValueError
        If the name is not an encoding of text, or is without effect: no source is a Path, or tokens are bytes.
    """
    name = as_encoding(encoding)
    check_applies(name, tokenizer)
    if name is not None and not any(isinstance(source, os.PathLike) for source in sources):
        raise ValueError(f"encoding is without effect; expected the Path of a text, got {name!r}")
    return name


def is_file_name(text: str) -> bool:
    """Returns whether a str cannot be meant as a text: it has no line end, and is or looks like the name of a file."""
    if not 2 <= len(text) <= 4 * _PATH or "\n" in text or "\r" in text:
        return False
    # false for a name that is too long, where Path.is_file raises
    if os.path.isfile(text):  # noqa: PTH113
        return True
    if any(map(str.isspace, text)):
        return len(text) <= _NAME and _KNOWN_SUFFIX.search(text) is not None
    if len(text) > (_PATH if _BEGINNING.match(text) else _NAME) or _NO_NAME & set(text):
        return False
    if _KNOWN_SUFFIX.search(text) or _SUFFIX.search(text):
        return True
    return _SEPARATOR.search(text) is not None and _LETTER.search(text) is not None


def _read(path: str) -> bytes:
    """Returns the bytes of a regular file; pipes and devices are refused, as they could block."""
    try:
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        with os.fdopen(number, "rb") as file:
            status = os.fstat(number)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "not a regular file")
            if status.st_size > MAX_BYTES:
                raise OSError(errno.EFBIG, f"expected at most {MAX_BYTES:,} bytes, got {status.st_size:,}")
            protect_text(status)
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(error.errno, f"cannot read '{path}': {reason[0].lower()}{reason[1:]}") from None
    except ValueError as error:
        raise ValueError(f"cannot read {path!r}: {error}") from None
