"""Decoding of generated tokens: characters as soon as they are complete and no stop string can contain them."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

import numpy as np

from ..nn.generation import Generator


def decode_stream(
    generator: Generator, vocabulary: list[str] | None, count: int | None, stops: list[str], chunk: int
) -> Iterator[str]:
    """Yields the characters of at most ``count`` tokens, up to the first stop string.

    Parameters
    ----------
    generator
        Generates the tokens.
    vocabulary
        The character of each token; None for bytes, of which only complete characters are yielded.
    count
        The largest number of tokens; None for no limit.
    stops
        Strings that end the text; a suffix that may become one is held back.
    chunk
        Tokens in one call of the generator: 1 generates nothing beyond a stop string.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    longest = max((len(stop) for stop in stops), default=1) - 1
    buffer, left = "", count
    while left is None or left > 0:
        tokens, _ = generator.generate(chunk if left is None else min(chunk, left))
        if vocabulary is None:
            buffer += decoder.decode(tokens.astype(np.uint8).tobytes())
        else:
            buffer += "".join([vocabulary[token] for token in tokens])
        if left is not None:
            left -= len(tokens)
        for stop in stops:
            if buffer.endswith(stop):
                yield from buffer.removesuffix(stop)
                return
        # the longest suffix that may yet become a stop string
        keep = min(longest, len(buffer))
        while keep and not any(stop.startswith(buffer[-keep:]) for stop in stops):
            keep -= 1
        ready = len(buffer) - keep
        yield from buffer[:ready]
        buffer = buffer[ready:]
    yield from buffer
