"""Generator: tokens drawn from a network, chunk by chunk."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _c
from ..random import Random

if TYPE_CHECKING:
    import numpy.typing as npt

_lib = _c.lib
_ints = ctypes.POINTER(ctypes.c_int64)
# tokens in one call of the library: between two calls Python handles an interrupt
CHUNK_TOKENS = 256


class Generator:
    """The position in a generated text: the last token, the recent ones, the state and the random numbers.

    Parameters
    ----------
    network : Handle
        The library's network; its input and output are the same tokens.
    prompt : array of int
        At least one token.
    state : array
        The initial state, which is overwritten.
    sampler : Sampler
        The sampling settings; a temperature of 0 takes the likeliest token.
    random : Random or None
        The source of random numbers; None for a temperature of 0.
    end : int
        The token that ends the text, or -1.
    """

    def __init__(
        self,
        network: _c.Handle,
        prompt: npt.NDArray[np.int64],
        state: npt.NDArray[Any],
        sampler: _c.Sampler,
        random: Random | None,
        end: int,
    ) -> None:
        self._network, self._sampler, self._state, self._end = network, sampler, state, end
        self._prompt, self._history = prompt, prompt[:0]
        self.random = random
        sampler.temperature = sampler.temperature or 1.0
        self.has_ended = False

    def generate(self, count: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Returns at most ``count`` further tokens, and ln p of each."""
        tokens, numbers = np.empty(count, np.int64), np.empty(count)
        written = ctypes.c_int64()
        _lib.recurrent_model_sample(
            self._network.value,
            self._sampler,
            self._history.ctypes.data_as(_ints),
            len(self._history),
            self._prompt.ctypes.data_as(_ints),
            len(self._prompt),
            count,
            self._end,
            self._state.ctypes.data,
            self.random._handle.value if self.random else 0,
            tokens.ctypes.data_as(_ints),
            numbers.ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
            ctypes.byref(written),
        )
        self.has_ended = written.value < count
        tokens, numbers = tokens[: written.value], numbers[: written.value]
        # the network has read all tokens but the last
        text = np.concatenate([self._history, self._prompt, tokens])
        self._prompt, window = text[-1:], self._sampler.repetition_window
        self._history = text[:-1][-window:] if window else text[:0]
        return tokens, numbers
