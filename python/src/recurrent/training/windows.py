"""Windows: what the steps of truncated backpropagation through time read of sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Window(NamedTuple):
    """What one training step reads: a part of sequences, whose targets count, and earlier steps of gradients alone."""

    given: int
    """The steps after which the state is that which the training step before has left; 0: sequences begin."""
    first: int
    """The first step through which gradients pass. Those between ``given`` and it only advance the state."""
    start: int
    """The first step of the part."""
    stop: int
    """The steps up to the end of the part."""
    left: int
    """The steps after which the state is left to the next training step; 0 for none."""


class Windows:
    """Parts of ``seq_length`` steps, each read after the earlier steps up to ``bptt_length`` together.

    Reference: BPTT(h; h′) of Williams and Peng, Neural Computation 2 (1990).

    Parameters
    ----------
    seq_length : int
        The steps of a part: those between two updates of the weights.
    bptt_length : int, optional
        The steps through which gradients pass; those of a part where absent or fewer.
    """

    def __init__(self, seq_length: int, bptt_length: int | None) -> None:
        self.seq_length = seq_length
        self._earlier = max(0, (bptt_length or seq_length) - seq_length)

    def first(self, start: int) -> int:
        """Returns the first step of the window of a part that begins with the step ``start``."""
        return max(0, start - self._earlier)

    def of(self, starts: Sequence[int], k: int) -> Window:
        """Returns the window of a part, of the parts of the same sequences that begin with the steps ``starts``."""
        start, stop = starts[k], starts[k] + self.seq_length
        given = min(self.first(start), starts[k - 1] + self.seq_length) if k else 0
        left = min(self.first(starts[k + 1]), stop) if k + 1 < len(starts) else 0
        return Window(given, self.first(start), start, stop, left)
