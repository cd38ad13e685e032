"""A text cut into streams that are read side by side, chunk after chunk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt


class Streams:
    """Chunks of ``seq_length`` steps of ``batch_size`` streams, a pure function of their number.

    Stream b is the b-th part of the text, all of one length; a chunk goes on in every stream where the one before
    ended. An epoch is as many chunks as fit; what is left at the streams' ends is not always the same, because epoch k
    begins k characters further in, as far as there is room.

    Parameters
    ----------
    tokens
        All of the text.
    """

    def __init__(self, tokens: npt.NDArray[Any], batch_size: int, seq_length: int) -> None:
        length = (len(tokens) - 1) // batch_size
        self.seq_length = seq_length
        self.chunks = length // seq_length
        self._spare = length - self.chunks * seq_length
        used = batch_size * length
        self._read = tokens[:used].reshape(batch_size, length)
        self._aims = tokens[1 : used + 1].reshape(batch_size, length)

    def chunk(self, number: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The tokens of a chunk and those that follow them, (T, B) each; number 0 is the first of the first epoch."""
        epoch, place = divmod(number, self.chunks)
        start = epoch % (self._spare + 1) + place * self.seq_length
        read, aims = (part[:, start : start + self.seq_length].T for part in (self._read, self._aims))
        return np.ascontiguousarray(read, np.int64), np.ascontiguousarray(aims, np.int64)

    def begins(self, number: int) -> bool:
        """Whether a chunk is the first of its epoch: what was read before does not lead to it."""
        return number % self.chunks == 0
