"""From scores to probabilities."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _c
from ._arrays import as_ints, as_matrix, as_type, contiguous
from ._checks import DTYPES, as_float, as_int, as_single
from .mat import Mat, expect_mat

if TYPE_CHECKING:
    import numpy.typing as npt

_lib = _c.lib


def softmax(m: Mat) -> Mat:
    """Returns ``exp(x) / Σ exp(x)`` of each column, without recording it on a graph.

    Parity: as in RecurrentJS. For gradients set ``m.dw`` to ``p.w`` minus one at the target, or use
    ``Graph.cross_entropy``.

    Parameters
    ----------
    m : Mat
        (n, d) scores.

    Returns
    -------
    Mat
        (n, d) probabilities.

    Raises
    ------
    TypeError
        If ``m`` is not a Mat.

    Examples
    --------
    >>> import recurrent
    >>> recurrent.softmax(recurrent.Mat.from_array([0.0, 0.0])).w[:, 0].tolist()
    [0.5, 0.5]
    """
    return Mat._from_handle(_c.new(_lib.recurrent_softmax, _lib.recurrent_mat_free, expect_mat(m, "m")))


def probabilities(
    scores: npt.ArrayLike,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    repetition_penalty: float = 1.0,
    repetition_window: int = 64,
    history: npt.ArrayLike = (),
) -> npt.NDArray[Any]:
    """Returns the probability of each token, given its score.

    Applied in order: repetition penalty, temperature, softmax, then top-k, top-p and min-p, each on the tokens that the
    previous filter kept; the result sums to 1.

    Parameters
    ----------
    scores : array of float
        One for each token, of any shape.
    temperature : float
        The divisor of the scores, above 0: below 1 favors likely tokens.
    top_k : int, optional
        Keep the k likeliest tokens, at least 1; of equal ones the first.
    top_p : float, optional
        Keep the likeliest tokens until their probability reaches this, above 0 and at most 1 (arXiv:1904.09751).
    min_p : float, optional
        Keep tokens with p ≥ min_p · max p, 0 to 1 (arXiv:2407.01082).
    repetition_penalty : float
        The divisor of positive scores, and factor of negative ones, of recent tokens (arXiv:1909.05858); 1 for none.
    repetition_window : int
        The number of recent tokens that are penalized.
    history : array of int
        The earlier tokens, the latest last.

    Returns
    -------
    array of float
        The probabilities, one for each token.

    Raises
    ------
    ValueError, TypeError
        If a setting is out of range.
    FloatingPointError
        If a score is NaN or infinite.

    Examples
    --------
    >>> probabilities([1.0, 2.0, 1.0], top_k=2).round(2)
    array([0.27, 0.73, 0.  ])
    """
    code, pointer, count = as_scores(scores, "scores")
    recent = as_ints(history, "history")
    settings = json.dumps(
        sampler_settings(temperature, top_k, top_p, min_p, repetition_penalty, repetition_window)
    ).encode()
    out = np.empty(count, DTYPES[code])
    _lib.recurrent_probabilities(
        code,
        pointer,
        count,
        settings,
        len(settings),
        _c.as_ints(recent, len(recent)),
        len(recent),
        _c.as_values(out, count, DTYPES[code]),
    )
    return out


def sampler_settings(
    temperature: Any, top_k: Any, top_p: Any, min_p: Any, repetition_penalty: Any, repetition_window: Any
) -> dict[str, Any]:
    """Returns a sampler's settings for the library, which checks their ranges."""
    return {
        "temperature": as_single(temperature, "temperature"),
        "top_k": None if top_k is None else as_int(top_k, "top_k"),
        "top_p": 1.0 if top_p is None else as_float(top_p, "top_p"),
        "min_p": 0.0 if min_p is None else as_float(min_p, "min_p"),
        "repetition_penalty": as_single(repetition_penalty, "repetition_penalty"),
        "repetition_window": as_int(repetition_window, "repetition_window"),
    }


def as_scores(w: Any, name: str) -> tuple[int, Any, int]:
    """Returns the code of the dtype, a pointer to the elements in one row, and their number."""
    array = as_matrix(w.w if isinstance(w, Mat) else w, name)
    code = 0 if array.dtype == np.float32 else 1
    row = contiguous(as_type(array, DTYPES[code], name).reshape(-1, order="F"), name)
    return code, _c.as_values(row, row.size, DTYPES[code]), row.size
