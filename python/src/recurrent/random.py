"""The library's random numbers, and what `rng` arguments become."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Union

import numpy as np

from . import _c
from ._checks import as_float, as_int

if TYPE_CHECKING:
    import numpy.typing as npt


class Random:
    """Philox4x64-10: the same seed gives the same numbers from Python, C and Swift.

    Parameters
    ----------
    seed : int, optional
        0 to 2**64 - 1; fresh from the system where absent. ``numpy.random.Philox(key=seed)`` gives the same words.

    Raises
    ------
    ValueError
        If the seed does not fit 64 bits.
    """

    def __init__(self, seed: int | None = None) -> None:
        if seed is None:
            seed = int.from_bytes(os.urandom(8), "little")
        elif isinstance(seed, (bool, np.bool_)) or not hasattr(seed, "__index__"):
            raise TypeError(f"seed is a {type(seed).__name__}; expected an int")
        seed = int(seed)
        if not 0 <= seed < 2**64:
            raise ValueError(f"seed is {seed}; expected 0 to 2**64 - 1")
        self._handle = _c.new(_c.lib.recurrent_random_create, _c.lib.recurrent_random_free, seed)

    def words(self, count: int) -> npt.NDArray[np.uint64]:
        """The next ``count`` 64-bit words."""
        out = np.empty(_count(count), np.uint64)
        _c.lib.recurrent_random_words(
            self._handle.value, out.ctypes.data_as(ctypes.POINTER(ctypes.c_uint64)), len(out)
        )
        return out

    def uniform(self, low: float = 0.0, high: float = 1.0, count: int = 1) -> npt.NDArray[np.float64]:
        """The next ``count`` numbers in [low, high): ``low + (high - low) * u``."""
        out = np.empty(_count(count), np.float64)
        _c.lib.recurrent_random_uniform(
            self._handle.value,
            as_float(low, "low"),
            as_float(high, "high"),
            out.ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
            len(out),
        )
        return out

    def gaussian(self, mean: float = 0.0, std: float = 1.0, count: int = 1) -> npt.NDArray[np.float64]:
        """The next ``count`` normal numbers."""
        out = np.empty(_count(count), np.float64)
        _c.lib.recurrent_random_gaussian(
            self._handle.value,
            as_float(mean, "mean"),
            as_float(std, "std"),
            out.ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
            len(out),
        )
        return out

    @property
    def state(self) -> tuple[int, ...]:
        """The whole state, 11 words; assign it to go on from there."""
        out = (ctypes.c_uint64 * 11)()
        _c.lib.recurrent_random_get_state(self._handle.value, out)
        return tuple(out)

    @state.setter
    def state(self, words: tuple[int, ...]) -> None:
        words = tuple(words)
        if len(words) != 11 or not all(isinstance(w, int) and 0 <= w < 2**64 for w in words):
            raise ValueError("a state is 11 ints of 64 bits, as Random.state gives them")
        _c.lib.recurrent_random_set_state(self._handle.value, (ctypes.c_uint64 * 11)(*words))

    def __repr__(self) -> str:
        key, *_ = self.state
        return f"<Random seed {key}>"


if TYPE_CHECKING:
    RNG = Union[None, int, np.random.Generator, Random]
else:
    # numpy.random is loaded when somebody uses it: importing it takes as long as half of this package
    RNG = Any


def as_random(rng: Any) -> Random:
    """What an ``rng`` argument means: a seed, a NumPy generator to draw a seed from, ours, or None for fresh."""
    if isinstance(rng, Random):
        return rng
    if "numpy.random" in sys.modules and isinstance(rng, np.random.Generator):
        return Random(int(rng.integers(0, 2**64, dtype=np.uint64)))
    if rng is None:
        return Random()
    if isinstance(rng, (bool, np.bool_)) or not hasattr(rng, "__index__"):
        raise TypeError(
            f"rng is a {type(rng).__name__}; expected an int, a numpy Generator, a Random or None"
        )
    return Random(rng.__index__())


class _Shared(threading.local):
    """One generator a thread, for draws that nobody seeded."""

    random: Random | None = None


_shared = _Shared()


def as_random_or_shared(rng: Any) -> Random:
    """As ``generator``, but None continues this thread's own generator instead of making one."""
    if rng is not None:
        return as_random(rng)
    if _shared.random is None:
        _shared.random = Random()
    return _shared.random


def _count(count: Any) -> int:
    result = as_int(count, "count")
    if result < 0:
        raise ValueError(f"count is {result}; expected 0 or more")
    return result
