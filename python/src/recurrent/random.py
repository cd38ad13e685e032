"""Random numbers of the library, and the conversion of ``rng`` arguments."""

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
    """Philox4x64-10 (Salmon et al., SC 2011): equal seeds give equal numbers in Python, C and Swift.

    Parameters
    ----------
    seed : int, optional
        0 to 2**64 - 1; from the operating system where absent. ``numpy.random.Philox(key=seed)`` gives equal words.

    Raises
    ------
    TypeError, ValueError
        If the seed is not an int of 64 bits.

    Examples
    --------
    >>> import recurrent
    >>> recurrent.Random(7).uniform(count=2).round(3).tolist() == recurrent.Random(7).uniform(count=2).round(3).tolist()
    True
    """

    def __init__(self, seed: int | None = None) -> None:
        if seed is None:
            seed = int.from_bytes(os.urandom(8), "little")
        elif isinstance(seed, (bool, np.bool_)) or not hasattr(seed, "__index__"):
            raise TypeError(f"seed has the wrong type; expected an int, got {type(seed).__name__}")
        seed = int(seed)
        if not 0 <= seed < 2**64:
            raise ValueError(f"seed is out of range; expected 0 to 2**64 - 1, got {seed}")
        self._handle = _c.new(_c.lib.recurrent_random_create, _c.lib.recurrent_random_free, seed)

    def words(self, count: int) -> npt.NDArray[np.uint64]:
        """Returns the next 64-bit words.

        Parameters
        ----------
        count : int
            The number of words, at least 0.

        Returns
        -------
        array of uint64
            (count,).

        Raises
        ------
        ValueError
            If ``count`` is negative.
        """
        out = np.empty(_count(count), np.uint64)
        _c.lib.recurrent_random_words(self._handle.value, _c.as_words(out, len(out)), len(out))
        return out

    def uniform(self, low: float = 0.0, high: float = 1.0, count: int = 1) -> npt.NDArray[np.float64]:
        """Returns the next numbers uniform on [low, high): ``low + (high - low) * u``.

        Parameters
        ----------
        low, high : float
            The range, finite.
        count : int
            The number of draws, at least 0.

        Returns
        -------
        array of float64
            (count,).

        Raises
        ------
        ValueError
            If an argument is out of range.
        """
        out = np.empty(_count(count), np.float64)
        _c.lib.recurrent_random_uniform(
            self._handle.value,
            as_float(low, "low"),
            as_float(high, "high"),
            _c.as_doubles(out, len(out)),
            len(out),
        )
        return out

    def gaussian(self, mean: float = 0.0, std: float = 1.0, count: int = 1) -> npt.NDArray[np.float64]:
        """Returns the next normally distributed numbers.

        Parameters
        ----------
        mean, std : float
            The mean, and the standard deviation, at least 0.
        count : int
            The number of draws, at least 0.

        Returns
        -------
        array of float64
            (count,).

        Raises
        ------
        ValueError
            If an argument is out of range.
        """
        out = np.empty(_count(count), np.float64)
        _c.lib.recurrent_random_gaussian(
            self._handle.value,
            as_float(mean, "mean"),
            as_float(std, "std"),
            _c.as_doubles(out, len(out)),
            len(out),
        )
        return out

    @property
    def state(self) -> tuple[int, ...]:
        """The whole state, 11 words; assignable, to continue from it."""
        out = (ctypes.c_uint64 * 11)()
        _c.lib.recurrent_random_get_state(self._handle.value, out)
        return tuple(out)

    @state.setter
    def state(self, words: tuple[int, ...]) -> None:
        words = tuple(words)
        if len(words) != 11 or not all(isinstance(w, int) and 0 <= w < 2**64 for w in words):
            raise ValueError(
                "state has the wrong shape; expected 11 ints of 64 bits, as Random.state returns"
            )
        _c.lib.recurrent_random_set_state(self._handle.value, (ctypes.c_uint64 * 11)(*words))

    def __repr__(self) -> str:
        key, *_ = self.state
        return f"<Random seed {key}>"


if TYPE_CHECKING:
    RNG = Union[None, int, np.random.Generator, Random]
else:
    # importing numpy.random takes half as long as importing this package: leave it to its users
    RNG = Any


def as_random(rng: Any) -> Random:
    """Returns the generator for an ``rng`` argument: a seed, a NumPy generator to draw one from, a Random, None."""
    if isinstance(rng, Random):
        return rng
    if "numpy.random" in sys.modules and isinstance(rng, np.random.Generator):
        return Random(int(rng.integers(0, 2**64, dtype=np.uint64)))
    if rng is None:
        return Random()
    if isinstance(rng, (bool, np.bool_)) or not hasattr(rng, "__index__"):
        raise TypeError(
            f"rng has the wrong type; expected an int, a numpy Generator, a Random or None, got {type(rng).__name__}"
        )
    return Random(rng.__index__())


class _Shared(threading.local):
    """One generator for each thread, for draws without a seed."""

    random: Random | None = None


_shared = _Shared()


def as_random_or_shared(rng: Any) -> Random:
    """Like ``as_random``, but None continues the thread's generator."""
    if rng is not None:
        return as_random(rng)
    if _shared.random is None:
        _shared.random = Random()
    return _shared.random


def _count(count: Any) -> int:
    result = as_int(count, "count")
    if result < 0:
        raise ValueError(f"count is out of range; expected at least 0, got {result}")
    return result
