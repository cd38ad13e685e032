"""Contiguous batches: a text cut into parallel sequences that are read chunk by chunk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .windows import Windows

if TYPE_CHECKING:
    import numpy.typing as npt


class ContiguousBatches:
    """Chunks of ``seq_length`` steps of ``batch_size`` sequences, a pure function of their index.

    Sequence b is the b-th part of the text, all of one length; a chunk continues every sequence where the chunk before
    it ended. An epoch is the number of whole chunks in a sequence. Epoch k begins k tokens later, as far as the
    remainder allows, so that the tokens left out at the end vary.

    Parameters
    ----------
    tokens
        The whole text.
    batch_size : int
        The number of sequences.
    seq_length : int
        The steps of a chunk.
    starts : array of bool, optional
        For each token whether a document begins with it; None for a text of one.
    bptt_length : int, optional
        The steps of a window: those of a chunk and, where there are more, earlier ones of the same epoch.
    """

    def __init__(
        self,
        tokens: npt.NDArray[Any],
        batch_size: int,
        seq_length: int,
        starts: npt.NDArray[np.bool_] | None = None,
        bptt_length: int | None = None,
    ) -> None:
        length = (len(tokens) - 1) // batch_size
        self.seq_length = seq_length
        self._windows = Windows(seq_length, bptt_length)
        self.chunks = self.count_chunks(len(tokens), batch_size, seq_length)
        self._remainder = length - self.chunks * seq_length
        used = batch_size * length
        self._inputs = tokens[:used].reshape(batch_size, length)
        self._targets = tokens[1 : used + 1].reshape(batch_size, length)
        self._starts = None if starts is None else starts[:used].reshape(batch_size, length)

    @staticmethod
    def count_chunks(length: int, batch_size: int, seq_length: int) -> int:
        """Returns the chunks of an epoch over a text of ``length`` tokens."""
        return (length - 1) // batch_size // seq_length

    def chunk(self, index: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Returns the tokens of a chunk and the tokens that follow them, (T, B) each; index 0 opens the first epoch."""
        return self._read(index, 0)

    def window(self, index: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
        """Returns a chunk after earlier steps, whose targets are -1, and the steps that the next window reads again."""
        position = index % self.chunks
        inputs, targets = self._read(index, self._steps_before(position))
        targets[: len(targets) - self.seq_length] = -1
        return inputs, targets, self._steps_before(position + 1)

    def _steps_before(self, position: int) -> int:
        """Returns the earlier steps of a window by the position of its chunk in the epoch."""
        start = position * self.seq_length
        return start - self._windows.first(start)

    def _read(self, index: int, earlier: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        start = self._start(index)
        inputs, targets = (
            part[:, start - earlier : start + self.seq_length].T for part in (self._inputs, self._targets)
        )
        return np.array(inputs, np.int64, order="C"), np.array(targets, np.int64, order="C")

    def resets(self, index: int, steps: int | None = None) -> npt.NDArray[np.int64] | None:
        """Returns where in a chunk, or a window of ``steps``, documents begin, (T, B); None for a text of one."""
        if self._starts is None:
            return None
        end = self._start(index) + self.seq_length
        return np.ascontiguousarray(self._starts[:, end - (steps or self.seq_length) : end].T, np.int64)

    def _start(self, index: int) -> int:
        epoch, position = divmod(index, self.chunks)
        return epoch % (self._remainder + 1) + position * self.seq_length

    def begins_epoch(self, index: int) -> bool:
        """Whether a chunk is the first of its epoch, which does not continue the chunk before it."""
        return index % self.chunks == 0
