"""Sentences from a text or a file."""

from __future__ import annotations

import os
import re
import textwrap
from pathlib import Path

from .._terminal import UserError, describe_error
from ..encoding import to_utf8
from ..outputs import protect_text

CORPUS = Path(__file__).parents[1] / "data" / "sentences.txt"
MAX_TEXT = 64 << 20  # bytes
MAX_SENTENCE = 200  # characters


def read_sentences(path: Path, encoding: str | None = None) -> tuple[list[str], str]:
    """Returns the sentences of a file, as ``split_sentences`` does.

    Raises
    ------
    UserError
        As ``read_text``, or if the file has no characters.
    """
    sentences, note = split_sentences(read_text(path, encoding))
    if not sentences:
        raise UserError(f"{path} has no training data; expected at least 1 character, got none")
    return sentences, note


def read_text(path: Path, encoding: str | None = None) -> str:
    """Returns the text of a file.

    Raises
    ------
    UserError
        If the file cannot be read, is too large or is not in its encoding, which is UTF-8 where absent.
    """
    try:
        with path.open("rb") as file:
            protect_text(os.fstat(file.fileno()))
            raw = file.read(MAX_TEXT + 1)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {describe_error(error)}") from None
    if len(raw) > MAX_TEXT:
        raise UserError(f"{path} is too large; expected at most {MAX_TEXT >> 20} MB")
    try:
        return to_utf8(raw, str(path), encoding).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        got = f"0x{raw[error.start]:02X} in line {raw.count(10, 0, error.start) + 1}"
        raise UserError(f"{path} is not valid UTF-8; expected UTF-8, got {got}") from None
    except ValueError as error:
        raise UserError(str(error)) from None


def split_sentences(text: str) -> tuple[list[str], str]:
    """Returns the sentences of a text, one a line, and a note about lines that were split ("" if none were).

    A line of more than 200 characters is split at the ends of its sentences; a longer piece is split between words.
    """
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    sentences: list[str] = []
    for line in lines:
        pieces = re.split(r"(?<=[.!?;])\s+", line) if len(line) > MAX_SENTENCE else [line]
        for piece in pieces:
            sentences += textwrap.wrap(piece, MAX_SENTENCE) if len(piece) > MAX_SENTENCE else [piece]
    long = sum(len(line) > MAX_SENTENCE for line in lines)
    note = f"lines of more than {MAX_SENTENCE} characters, split into sentences: {long:,} of {len(lines):,}"
    return sentences, note if long else ""
