"""The texts of a command: files, directories and patterns as one text, standard input."""

from __future__ import annotations

import glob
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Union

from ..encoding import check_applies, to_utf8
from ..texts import MAX_BYTES

STDIN = Path("-")
TextOfFiles = Union[Path, bytes, "list[Path | bytes]"]


def text_of(paths: Sequence[Path], tokenizer: str, encoding: str | None) -> TextOfFiles:
    """Returns the Path of one file, the bytes of standard input, or a list of several.

    Parameters
    ----------
    paths : sequence of Path
        Files, directories and patterns, as for ``TextModel.fit``; ``-`` is standard input.
    tokenizer : str
        Standard input is returned in UTF-8, unless tokens are bytes.
    encoding : str, optional
        The encoding of standard input; UTF-8 where absent.

    Raises
    ------
    ValueError
        If standard input is not in its encoding, or an encoding is without effect.
    """
    check_applies(encoding, tokenizer)
    found = [_stdin(tokenizer, encoding) if path == STDIN else path for path in paths]
    return found[0] if len(found) == 1 else found


def title(paths: Sequence[Path]) -> str:
    """Returns the name of the texts."""
    return ", ".join("standard input" if path == STDIN else str(path) for path in paths)


def default_checkpoint(paths: Sequence[Path]) -> Path:
    """Returns the checkpoint's name: that of the first file or directory, here."""
    path = paths[0]
    if path == STDIN:
        return Path("stdin.safetensors")
    while glob.has_magic(path.name) and not path.exists():
        path = path.parent
    name = path.name or path.absolute().name
    return Path(f"{name if path.is_dir() else Path(name).stem}.safetensors")


def encoding_of(source: TextOfFiles, encoding: str | None) -> str | None:
    """Returns the encoding of the files that ``text_of`` returned; bytes are in UTF-8."""
    has_files = isinstance(source, Path) or (
        isinstance(source, list) and any(isinstance(one, Path) for one in source)
    )
    return encoding if has_files else None


def _stdin(tokenizer: str, encoding: str | None) -> bytes:
    data = sys.stdin.buffer.read(MAX_BYTES + 1)
    return data if tokenizer == "bytes" else to_utf8(data, "standard input", encoding)
