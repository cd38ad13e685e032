"""The library's generator of tokens and of text."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _c
from ..random import Random

if TYPE_CHECKING:
    import numpy.typing as npt

_lib = _c.lib
# tokens in one call of the library: between two calls Python handles an interrupt
CHUNK_TOKENS = 256
# sequences that are computed together
MAX_SAMPLES = 4096


class Generator:
    """Produces a sequence, a part at a time; holds prompt, state, sampler, stop strings and the random generator.

    Parameters
    ----------
    handle
        The library's generator.
    random
        Draws the tokens; None selects the largest score each time.
    """

    def __init__(self, handle: _c.Handle, random: Random | None) -> None:
        self._handle, self.random = handle, random
        self.has_ended = False

    @classmethod
    def of_tokens(
        cls,
        network: _c.Handle,
        prompt: npt.NDArray[np.int64],
        state: Any,
        settings: dict[str, Any],
        random: Random | None,
    ) -> Generator:
        """Creates a generator of a network's tokens."""
        words = json.dumps(settings).encode()
        handle = _c.new(
            _lib.recurrent_generator_create,
            _lib.recurrent_generator_free,
            network.value,
            words,
            len(words),
            _c.as_ints(prompt, len(prompt)),
            len(prompt),
            None,
            0,
            state,
            random._handle.value if random else 0,
        )
        return cls(handle, random)

    @classmethod
    def of_text(
        cls, model: _c.Handle, prompt: bytes, settings: dict[str, Any], random: Random | None
    ) -> Generator:
        """Creates a generator of a text model's text."""
        words = json.dumps(settings).encode()
        handle = _c.new(
            _lib.recurrent_generator_create_text,
            _lib.recurrent_generator_free,
            model.value,
            words,
            len(words),
            prompt,
            len(prompt),
            random._handle.value if random else 0,
        )
        return cls(handle, random)

    def next(self, count: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Produces at most ``count`` tokens; returns them and their log probabilities."""
        tokens, values, length = np.empty(count, np.int64), np.empty(count), ctypes.c_int64()
        _lib.recurrent_generator_next(
            self._handle.value,
            count,
            _c.as_ints(tokens, count),
            _c.as_doubles(values, count),
            ctypes.byref(length),
        )
        self.has_ended = length.value < count
        return tokens[: length.value], values[: length.value]

    def tokens(self) -> npt.NDArray[np.int64]:
        """Produces the whole sequence."""
        parts = []
        while not self.has_ended:
            parts.append(self.next(CHUNK_TOKENS)[0])
        return np.concatenate(parts)

    def next_bytes(self, count: int) -> bytes:
        """Produces at most ``count`` tokens; returns the text that is certain: UTF-8, or bytes as they are."""
        capacity = 4 * (count + 64)
        length, has_ended = ctypes.c_int64(), ctypes.c_int32()
        while True:
            buffer = ctypes.create_string_buffer(capacity)
            try:
                _lib.recurrent_generator_next_text(
                    self._handle.value, count, buffer, capacity, ctypes.byref(length), ctypes.byref(has_ended)
                )
                break
            except _c.ShortBufferError:
                # a long stop string holds more text back
                capacity *= 4
        self.has_ended = bool(has_ended.value)
        return buffer.raw[: length.value]


def tokens_of(generators: Sequence[Generator]) -> list[npt.NDArray[np.int64]]:
    """Returns the sequences of several generators of one network, computed together."""
    parts: list[list[npt.NDArray[np.int64]]] = [[] for _ in generators]

    def produce(active: list[int], handles: Any) -> list[bool]:
        tokens, lengths = np.empty((len(active), CHUNK_TOKENS), np.int64), np.empty(len(active), np.int64)
        _lib.recurrent_generators_next(
            handles,
            len(active),
            CHUNK_TOKENS,
            _c.as_ints(tokens, tokens.size),
            None,
            _c.as_ints(lengths, len(active)),
        )
        for i, row, length in zip(active, tokens, lengths):
            parts[i].append(row[:length].copy())
        return [bool(length < CHUNK_TOKENS) for length in lengths]

    _complete(generators, produce)
    return [np.concatenate(part) for part in parts]


def bytes_of(generators: Sequence[Generator]) -> list[bytes]:
    """Returns the texts of several generators of one model, computed together."""
    parts: list[list[bytes]] = [[] for _ in generators]
    capacity = 4 * (CHUNK_TOKENS + 64)

    def produce(active: list[int], handles: Any) -> list[bool]:
        nonlocal capacity
        count = len(active)
        lengths, have_ended = np.empty(count, np.int64), (ctypes.c_int32 * count)()
        while True:
            buffer = ctypes.create_string_buffer(count * capacity)
            try:
                _lib.recurrent_generators_next_text(
                    handles, count, CHUNK_TOKENS, buffer, capacity, _c.as_ints(lengths, count), have_ended
                )
                break
            except _c.ShortBufferError:
                # a long stop string holds more text back
                capacity *= 4
        texts = memoryview(buffer)
        for row, (i, length) in enumerate(zip(active, lengths)):
            parts[i].append(bytes(texts[row * capacity : row * capacity + length]))
        return list(map(bool, have_ended))

    _complete(generators, produce)
    return [b"".join(part) for part in parts]


def _complete(generators: Sequence[Generator], produce: Callable[[list[int], Any], list[bool]]) -> None:
    """Calls ``produce`` with the generators that have not ended, by index and as handles, until all have."""
    active = list(range(len(generators)))
    while active:
        handles = (ctypes.c_uint64 * len(active))(*(generators[i]._handle.value for i in active))
        active = [i for i, has_ended in zip(active, produce(active, handles)) if not has_ended]
