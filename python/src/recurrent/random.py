"""Random numbers of the library, and the conversion of ``rng`` arguments."""

from __future__ import annotations

import contextlib
import ctypes
import operator
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Union

import numpy as np

from . import _c
from ._checks import as_count, as_float, as_list, shown
from ._pickles import as_class, reduced

if TYPE_CHECKING:
    import numpy.typing as npt

_OWN = frozenset(("_handle",))


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
        word = _seed(seed, "seed", "an int")
        self._handle = _c.new(_c.lib.recurrent_random_create, _c.lib.recurrent_random_free, word)

    @classmethod
    def _from_handle(cls, handle: _c.Handle) -> Random:
        """A generator for a handle that the library gave out."""
        random = cls.__new__(cls)
        random._handle = handle
        return random

    def words(self, count: int) -> npt.NDArray[np.uint64]:
        """Returns the next 64-bit words.

        Parameters
        ----------
        count : int
            The number of words, 0 to 2**31 - 1.

        Returns
        -------
        array of uint64
            (count,).

        Raises
        ------
        ValueError
            If ``count`` is out of range.
        """
        out = np.empty(as_count(count, "count"), np.uint64)
        _c.lib.recurrent_random_words(self._handle.value, _c.as_words(out, len(out)), len(out))
        return out

    def uniform(self, low: float = 0.0, high: float = 1.0, count: int = 1) -> npt.NDArray[np.float64]:
        """Returns the next numbers uniform on [low, high): ``low + (high - low) * u``.

        Parameters
        ----------
        low, high : float
            The range, finite.
        count : int
            The number of draws, 0 to 2**31 - 1.

        Returns
        -------
        array of float64
            (count,).

        Raises
        ------
        ValueError
            If an argument is out of range.
        """
        out = np.empty(as_count(count, "count"), np.float64)
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
            The number of draws, 0 to 2**31 - 1.

        Returns
        -------
        array of float64
            (count,).

        Raises
        ------
        ValueError
            If an argument is out of range.
        """
        out = np.empty(as_count(count, "count"), np.float64)
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
        known = as_list(words, "state", "11 ints of 64 bits, as Random.state returns")
        if len(known) != 11 or not all(type(w) is int and 0 <= w < 2**64 for w in known):
            raise ValueError(
                "state has the wrong elements; expected 11 ints of 64 bits, as Random.state returns, "
                f"got {shown(words)}"
            )
        _c.lib.recurrent_random_set_state(self._handle.value, (ctypes.c_uint64 * 11)(*known))

    def __reduce__(self) -> tuple[Any, ...]:
        return reduced(self, random_of_state, type(self), self.state, own=_OWN)

    def __repr__(self) -> str:
        key, *_ = self.state
        return f"<Random seed {key}>"


def random_of_state(kind: Any, state: Any) -> Any:
    """Returns the generator of a pickle, which holds its state."""
    random = as_class(kind, Random)._from_handle(
        _c.new(_c.lib.recurrent_random_create, _c.lib.recurrent_random_free, 0)
    )
    random.state = state
    return random


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
    return Random(_seed(rng, "rng", "an int, a numpy Generator, a Random or None"))


def seed_of(rng: Any, name: str) -> int:
    """Returns the seed of an ``rng`` argument: an int itself, of a generator a number that it draws."""
    if isinstance(rng, Random) or ("numpy.random" in sys.modules and isinstance(rng, np.random.Generator)):
        return int(as_random(rng).words(1)[0])
    return _seed(rng, name, "an int, a numpy Generator, a Random or None")


def spawned(random: Random | None, count: int) -> list[Random | None]:
    """Returns ``count`` generators whose seeds are the next words of one; None for each where it is None."""
    return [None] * count if random is None else [Random(int(word)) for word in random.words(count)]


class restoring:  # noqa: N801
    """Sets a generator back if the body of ``with`` fails."""

    __slots__ = ("_before", "_random")

    def __init__(self, random: Random | None) -> None:
        self._random, self._before = random, random.state if random else None

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and self._random and self._before:
            self._random.state = self._before


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


def _seed(value: Any, name: str, expected: str) -> int:
    """Returns an int of 64 bits without a sign; one of the operating system for None."""
    if value is None:
        return int.from_bytes(os.urandom(8), "little")
    seed = None
    if not isinstance(value, (bool, np.bool_)):
        with contextlib.suppress(TypeError):
            seed = operator.index(value)
    if seed is None:
        raise TypeError(f"{name} has the wrong type; expected {expected}, got {type(value).__name__}")
    if not 0 <= seed < 2**64:
        raise ValueError(f"{name} is out of range; expected 0 to 2**64 - 1, got {shown(seed)}")
    return seed
