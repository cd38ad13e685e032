"""The texts of a command: a file, several files as one text, standard input."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from ..encoding import check_applies, to_utf8
from ..texts import MAX_BYTES
from ..training.corpus import Corpus

STDIN = Path("-")


def text_of(paths: Sequence[Path], tokenizer: str, encoding: str | None) -> Path | bytes:
    """Returns the Path of one file, or the bytes of standard input, or of several files one after another.

    Parameters
    ----------
    paths : sequence of Path
        The files; ``-`` is standard input.
    tokenizer : {"characters", "bytes"}
        Characters are returned in UTF-8.
    encoding : str, optional
        The encoding of all files; UTF-8 where absent.

    Raises
    ------
    OSError, ValueError
        If a file cannot be read, or not in its encoding, or an encoding is without effect.
    """
    check_applies(encoding, tokenizer)
    if len(paths) == 1 and paths[0] != STDIN:
        return paths[0]
    return b"".join(_bytes(path, tokenizer, encoding) for path in paths)


def title(paths: Sequence[Path]) -> str:
    """Returns the name of the texts."""
    return ", ".join("standard input" if path == STDIN else str(path) for path in paths)


def default_checkpoint(paths: Sequence[Path]) -> Path:
    """Returns the checkpoint's name: that of the first file, here."""
    return Path("stdin.safetensors" if paths[0] == STDIN else f"{paths[0].stem}.safetensors")


def encoding_of(source: Path | bytes, encoding: str | None) -> str | None:
    """Returns the encoding of what ``text_of`` returned, whose bytes are in UTF-8."""
    return encoding if isinstance(source, Path) else None


def _bytes(path: Path, tokenizer: str, encoding: str | None) -> bytes:
    if path != STDIN:
        return Corpus(path, tokenizer, encoding=encoding).data
    data = sys.stdin.buffer.read(MAX_BYTES + 1)
    return to_utf8(data, "standard input", encoding) if tokenizer == "characters" else data
