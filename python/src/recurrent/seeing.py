"""What a text model does while it reads: the arrays behind pages and figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ._arguments import integer
from .mat import Mat
from .sampling import softmax

if TYPE_CHECKING:
    import numpy.typing as npt

    from .text import TextModel

# scores at a time: between two parts an interrupt is seen
_PART = 1 << 22


def taps(
    model: TextModel, text: str | bytes, names: Sequence[str] | None, unknown: str
) -> dict[str, npt.NDArray[Any]]:
    """``TextModel.taps``."""
    tokens = _tokens(model, text, unknown, 1)
    return {name: values[:, 0] for name, values in model.network.taps(tokens[:, None], names=names).items()}


def next_characters(
    model: TextModel, text: str | bytes, k: int, unknown: str
) -> list[list[tuple[str, float]]]:
    """``TextModel.next_characters``."""
    return guesses(model, _tokens(model, text, unknown, 1), k)


def guesses(model: TextModel, tokens: npt.NDArray[np.int64], k: int) -> list[list[tuple[str, float]]]:
    """The likeliest k after each token; of equals the first."""
    names = letters(model)
    most = min(integer(k, "k"), len(names))
    if most < 1:
        raise ValueError(f"k is {k}; expected at least 1")
    found, state = [], None
    part = max(1, _PART // len(names))
    for at in range(0, len(tokens), part):
        scores, state = model.network.forward(tokens[at : at + part, None], state)
        p = softmax(Mat.of(scores[:, 0].T)).w.T
        best = np.argsort(-p, axis=1, kind="stable")[:, :most]
        for row, order in zip(p, best):
            found.append([(names[token], float(row[token])) for token in order])
    return found


def gradient_norms(model: TextModel, text: str | bytes, unknown: str) -> dict[str, npt.NDArray[Any]]:
    """``TextModel.gradient_norms``: one tick at a time, back from the last, each computed again from its state."""
    tokens, network = _tokens(model, text, unknown, 3), model.network
    read, aim = tokens[:-1, None], tokens[-1]
    states, state = [], network.zero_state()
    for t in range(len(read)):
        states.append(state)
        scores, state = network.forward(read[t : t + 1], state)
    slope = softmax(Mat.of(scores[0].T)).w.T[None].astype(model.dtype)
    slope[0, 0, aim] -= 1
    still, carried = np.zeros_like(slope), None
    kinds = ("h", "c") if state.c else ("h",)
    norms = {f"{kind}{k}": np.empty(len(read) - 1) for kind in kinds for k in range(len(model.hidden_sizes))}
    before = model.flat.dw.copy()
    try:
        for t in range(len(read) - 1, 0, -1):
            network.forward(read[t : t + 1], states[t])
            _, carried = network.backward(slope if carried is None else still, carried)
            for kind, parts in (("h", carried.h), ("c", carried.c)):
                for k, part in enumerate(parts):
                    norms[f"{kind}{k}"][t - 1] = np.linalg.norm(part)
    finally:
        model.flat.dw = before
    return norms


def letters(model: TextModel) -> list[str]:
    """The tokens as one sees them: characters, or bytes."""
    if model.letters is not None:
        return list(model.letters)
    return [chr(token) if token < 128 else f"\\x{token:02X}" for token in range(256)]


def _tokens(model: TextModel, text: str | bytes, unknown: str, least: int) -> npt.NDArray[np.int64]:
    tokens = model.encode(text, unknown)
    if len(tokens) < least:
        raise ValueError(f"text has {len(tokens)} tokens; expected at least {least}")
    return tokens
