"""Text as it is written: characters as soon as they are whole and sure."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

import numpy as np

from ._writing import Writer


def pieces(
    writer: Writer, letters: list[str] | None, count: int | None, ends: list[str], part: int
) -> Iterator[str]:
    """Characters of at most ``count`` tokens, up to the first of ``ends``.

    Parameters
    ----------
    writer
        Writes the tokens.
    letters
        What they stand for; None for bytes, of which no character is shown in half.
    count
        The most tokens; None for no end.
    ends
        Texts that end the writing; what may yet become one is held back.
    part
        Tokens at a time: 1 writes no further than an end.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    longest = max((len(end) for end in ends), default=1) - 1
    held, left = "", count
    while left is None or left > 0:
        tokens, _ = writer.write(part if left is None else min(part, left))
        if letters is None:
            held += decoder.decode(tokens.astype(np.uint8).tobytes())
        else:
            held += "".join([letters[token] for token in tokens])
        if left is not None:
            left -= len(tokens)
        for end in ends:
            if held.endswith(end):
                yield from held.removesuffix(end)
                return
        # the longest end of it that may yet become a stop
        keep = min(longest, len(held))
        while keep and not any(end.startswith(held[-keep:]) for end in ends):
            keep -= 1
        sure = len(held) - keep
        yield from held[:sure]
        held = held[sure:]
    yield from held
