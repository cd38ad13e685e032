"""From scores to a choice."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _abi
from ._arguments import DTYPES, real_array
from ._random import RNG, generator_or_shared
from .mat import Mat, expect_mat

_lib = _abi.lib


def softmax(m: Mat) -> Mat:
    """exp(x) / Σ exp(x) of each column, as a Mat of its own.

    Parity: as in RecurrentJS no graph records it; set ``m.dw`` to ``p.w`` minus one at the target yourself, or use
    ``Graph.cross_entropy``.
    """
    return Mat._of(_abi.new(_lib.recurrent_softmax, _lib.recurrent_mat_free, expect_mat(m, "m")))


def maxi(w: npt.ArrayLike | Mat) -> int:
    """The place of the largest number; of the first one where several are equal.

    Raises
    ------
    ValueError
        If there are no numbers, or one is NaN.
    """
    code, array = _numbers(w)
    index = ctypes.c_int64()
    _lib.recurrent_argmax(code, array.ctypes.data, array.size, ctypes.byref(index))
    return index.value


def samplei(w: npt.ArrayLike | Mat, rng: RNG = None) -> int:
    """An index drawn with the probability that ``w`` gives it.

    The draw is in proportion, so ``w`` need not sum to exactly 1; it never runs off the end.

    Parameters
    ----------
    w : array_like or Mat
        Finite numbers of at least 0, not all 0.
    rng : int, numpy.random.Generator, Random, optional
        An int draws the same index every time; pass a ``Random`` to go on drawing.
    """
    code, array = _numbers(w)
    random, index = generator_or_shared(rng), ctypes.c_int64()
    _lib.recurrent_sample(code, array.ctypes.data, array.size, random._handle.value, ctypes.byref(index))
    return index.value


def _numbers(w: Any) -> tuple[int, npt.NDArray[Any]]:
    array = real_array(w.w if isinstance(w, Mat) else w, "w")
    code = 0 if array.dtype == np.float32 else 1
    return code, np.ascontiguousarray(array.reshape(-1, order="F"), dtype=DTYPES[code])
