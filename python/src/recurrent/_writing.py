"""A text being written by a network, some tokens at a time."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _abi
from ._random import RNG, generator_or_shared

if TYPE_CHECKING:
    import numpy.typing as npt

if TYPE_CHECKING:
    from .network import Network

_lib = _abi.lib
_ints = ctypes.POINTER(ctypes.c_int64)
# tokens at a time: between two parts an interrupt is seen
PART = 256


class Writer:
    """Where a text stands: what was written last, what came before, the state and the generator.

    Parameters
    ----------
    network
        Reads and scores the same tokens.
    prime
        At least one token.
    state
        Numbers to go on from, which are overwritten.
    sampler
        How tokens are chosen; a temperature of 0 takes the likeliest each time.
    rng
        Draws them.
    end
        A token that ends the text, or -1.
    """

    def __init__(
        self,
        network: Network,
        prime: npt.NDArray[np.int64],
        state: npt.NDArray[Any],
        sampler: _abi.Sampler,
        rng: RNG,
        end: int,
    ) -> None:
        self._network, self._sampler, self._state, self._end = network, sampler, state, end
        self._prime, self._history = prime, prime[:0]
        self._random = generator_or_shared(rng) if sampler.temperature != 0 else None
        sampler.temperature = sampler.temperature or 1.0
        self.has_ended = False

    def write(self, count: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """At most ``count`` more tokens, and the logarithms of their probabilities."""
        tokens, numbers = np.empty(count, np.int64), np.empty(count)
        written = ctypes.c_int64()
        _lib.recurrent_model_sample(
            self._network._handle.value,
            self._sampler,
            self._history.ctypes.data_as(_ints),
            len(self._history),
            self._prime.ctypes.data_as(_ints),
            len(self._prime),
            count,
            self._end,
            self._state.ctypes.data,
            self._random._handle.value if self._random else 0,
            tokens.ctypes.data_as(_ints),
            numbers.ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
            ctypes.byref(written),
        )
        self.has_ended = written.value < count
        tokens, numbers = tokens[: written.value], numbers[: written.value]
        # all but the last token has been read
        text = np.concatenate([self._history, self._prime, tokens])
        self._prime, window = text[-1:], self._sampler.repetition_window
        self._history = text[:-1][-window:] if window else text[:0]
        return tokens, numbers
