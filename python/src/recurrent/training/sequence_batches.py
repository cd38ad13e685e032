"""SequenceBatches: batches of whole sequences, in an order that the seed and the epoch decide, and their parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from .dataset import Dataset
from .windows import Window, Windows

if TYPE_CHECKING:
    import numpy.typing as npt

# the epochs whose steps are counted one by one, 30 μs each of few sequences
_MOST_EPOCHS = 100_000


class _Options(Protocol):
    """What decides the batches."""

    batch_size: int
    shuffle: bool
    seed: int
    seq_length: int | None
    bptt_length: int | None


class _Epoch(NamedTuple):
    """The training steps of an epoch."""

    key: tuple[int, int]
    """The seed and the epoch's number."""
    first: int
    """The number of its first step."""
    order: npt.NDArray[np.int64]
    """The sequences, batch after batch."""
    parts: npt.NDArray[np.int64]
    """(steps, 2): the batch and the part of each step."""


class SequenceBatches:
    """Batches of whole sequences or of their parts, a pure function of the number of a training step.

    A batch is cut into parts of ``seq_length`` steps, up to the end of its longest sequence. A part in which no
    sequence has a target is no training step; it advances the state alone.

    Parameters
    ----------
    data : Dataset
        The sequences.
    count : int
        The first ``count`` of them are read.
    options : ArrayOptions
        ``batch_size``, ``shuffle``, ``seed``, ``seq_length`` and ``bptt_length``; without a ``seq_length`` a batch is
        one part, whatever its targets. The seed is read with each batch.
    """

    def __init__(self, data: Dataset, count: int, options: _Options) -> None:
        self._count, self._options = count, options
        seq_length = options.seq_length
        self.windows = Windows(seq_length or data.sequences.steps, options.bptt_length)
        # (count, parts): whether a sequence has a target in a part
        self._targeted = (
            np.ones((count, 1), bool) if seq_length is None else data.targeted_parts(count, seq_length)
        )
        self._epoch: _Epoch | None = None
        # whether every epoch has as many steps as the others
        self._is_even = (
            not options.shuffle
            or count <= options.batch_size
            or bool((self._targeted == self._targeted[0]).all())
        )
        self._even_steps = len(self._parts(np.arange(count))) if self._is_even else 0

    @property
    def epoch_steps(self) -> int:
        """The training steps of the first epoch."""
        return self._even_steps or len(self._make(0, 0).parts)

    def check_epochs(self, epochs: int) -> int:
        """Returns an upper bound of the steps of some epochs; refuses epochs that are too many to count theirs."""
        if self._is_even:
            return epochs * self._even_steps
        if epochs > _MOST_EPOCHS:
            raise ValueError(
                f"epochs is out of range; expected at most {_MOST_EPOCHS:,}, as sequences differ in their parts, got "
                f"{epochs:,}; steps has no such limit"
            )
        batches = -(-self._count // self._options.batch_size)
        return epochs * batches * int(self._targeted.shape[1])

    def count_steps(self, epochs: int) -> int:
        """Returns the training steps of some epochs."""
        if self._is_even:
            return epochs * self._even_steps
        return sum(len(self._parts(self._order(epoch))) for epoch in range(epochs))

    def passes(self, steps: int) -> float:
        """Returns the passes over the data that a number of training steps is."""
        if self._is_even:
            return steps / self._even_steps
        epoch, position = self._at(steps - 1)
        return epoch.key[1] + (position + 1) / len(epoch.parts)

    def step(self, number: int) -> tuple[npt.NDArray[np.int64], Window]:
        """Returns the sequences of a training step and what it reads of them; number 0 is the first."""
        epoch, position = self._at(number)
        batch, size = int(epoch.parts[position, 0]), self._options.batch_size
        # the parts of the batch before, at and after this step
        near = epoch.parts[max(0, position - 1) : position + 2].tolist()
        starts = [part * self.windows.seq_length for other, part in near if other == batch]
        follows = position > 0 and near[0][0] == batch
        return epoch.order[batch * size : (batch + 1) * size], self.windows.of(starts, int(follows))

    def _at(self, number: int) -> tuple[_Epoch, int]:
        """Returns the epoch of a training step, and the position of the step in it."""
        found, seed = self._epoch, self._options.seed
        if self._is_even:
            k = number // self._even_steps
            if found is None or found.key != (seed, k):
                found = self._make(k, k * self._even_steps)
        else:
            if found is None or found.key[0] != seed or number < found.first:
                found = self._make(0, 0)
            while number >= found.first + len(found.parts):
                found = self._make(found.key[1] + 1, found.first + len(found.parts))
        self._epoch = found
        return found, number - found.first

    def _make(self, epoch: int, first: int) -> _Epoch:
        order = self._order(epoch)
        return _Epoch((self._options.seed, epoch), first, order, self._parts(order))

    def _order(self, epoch: int) -> npt.NDArray[np.int64]:
        order = np.arange(self._count)
        if not self._options.shuffle:
            return order
        key = np.array([self._options.seed, epoch], np.uint64)
        return np.random.Generator(np.random.Philox(key=key)).permutation(order)

    def _parts(self, order: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Returns the batch and the part of each training step of an order."""
        begins = np.arange(0, self._count, self._options.batch_size)
        return np.argwhere(np.logical_or.reduceat(self._targeted[order], begins, axis=0))
