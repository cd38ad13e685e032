"""Sentences from a text file, or one sentence on why not."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

CORPUS = Path(__file__).parents[1] / "data" / "sentences.txt"
LARGEST_TEXT = 64 << 20  # bytes
LONGEST_SENTENCE = 200  # letters


class RefusalError(Exception):
    """What was asked for cannot be done; the message is one sentence for the user."""


def read_sentences(path: Path) -> tuple[list[str], str]:
    """The sentences of a text, one a line, and a note on what was done to get them ('' if nothing).

    A line of more than 200 letters is split where its sentences end, and a piece still longer between words.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_TEXT + 1)
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = f"line {raw.count(10, 0, error.start) + 1} has the byte 0x{raw[error.start]:02x}"
        raise RefusalError(f"{path} is not UTF-8 text: {place}") from None
    except (OSError, ValueError) as error:
        raise RefusalError(f"cannot read {path}: {reason(error)}") from None
    if len(raw) > LARGEST_TEXT:
        raise RefusalError(f"{path} is larger than {LARGEST_TEXT >> 20} MB, the most this demo reads")
    sentences, note = split(text)
    if not sentences:
        raise RefusalError(f"{path} has no letters in it: there is nothing to learn")
    return sentences, note


def split(text: str) -> tuple[list[str], str]:
    """The sentences of a text, one a line, long lines in pieces; and a note on that ('' if there is none)."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    sentences: list[str] = []
    for line in lines:
        pieces = re.split(r"(?<=[.!?;])\s+", line) if len(line) > LONGEST_SENTENCE else [line]
        for piece in pieces:
            sentences += textwrap.wrap(piece, LONGEST_SENTENCE) if len(piece) > LONGEST_SENTENCE else [piece]
    long = sum(len(line) > LONGEST_SENTENCE for line in lines)
    note = f"lines of more than {LONGEST_SENTENCE} letters, split into sentences: {long:,} of {len(lines):,}"
    return sentences, note if long else ""


def reason(error: Exception) -> str:
    """What went wrong, as the end of a sentence."""
    return error.strerror.lower() if isinstance(error, OSError) and error.strerror else str(error)
