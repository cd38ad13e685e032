"""Activations, predictions and gradients of a network while it reads tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arrays import as_ints
from .._checks import as_count, as_list
from ..mat import Mat
from ..nn.network import Network
from ..sampling import softmax

if TYPE_CHECKING:
    import numpy.typing as npt

# scores in one call of the library: between two calls Python handles an interrupt
_CHUNK_SCORES = 1 << 22


def activations(
    network: Network, tokens: npt.ArrayLike, names: Sequence[str] | None = None
) -> dict[str, npt.NDArray[Any]]:
    """Computes the activations of all layers over a text.

    Parameters
    ----------
    network : Network
        A network over tokens.
    tokens : array of int
        (T,), at least one.
    names : list of str, optional
        Names as for ``Network.activations``; all where absent.

    Returns
    -------
    dict of str to array
        (T, H) each.

    Raises
    ------
    ValueError, IndexError
        If there are no tokens, or a name is unknown.
    """
    tokens = _checked(network, tokens, 1)
    found = network.activations(network._as_given(tokens[:, None]), names=names)
    return {name: values.reshape(len(tokens), -1) for name, values in found.items()}


def next_characters(
    network: Network, tokens: npt.ArrayLike, characters: Sequence[str], k: int
) -> list[list[tuple[str, float]]]:
    """Returns the ``k`` likeliest next characters after each token; of equal ones the first.

    Parameters
    ----------
    network : Network
        A network over tokens.
    tokens : array of int
        (T,), at least one.
    characters : sequence of str
        The label of each token.
    k : int
        At least 1.

    Returns
    -------
    list of list of (str, float)
        For each token the labels and their probabilities, the likeliest first.

    Raises
    ------
    ValueError, TypeError
        If there are no tokens, or ``k`` is out of range.
    """
    tokens = _checked(network, tokens, 1, in_steps=True)
    labels = as_list(characters, "characters", "a list of str")
    if len(labels) != (network.output_size or 0):
        raise ValueError(
            f"characters has the wrong length; expected {network.output_size}, one for each output, got {len(labels)}"
        )
    for at, label in enumerate(labels):
        if not isinstance(label, str):
            raise TypeError(
                f"characters[{at}] has the wrong type; expected a str, got {type(label).__name__}"
            )
    count = min(as_count(k, "k", 1), len(labels))
    found, state = [], None
    chunk = max(1, _CHUNK_SCORES // len(labels))
    for at in range(0, len(tokens), chunk):
        scores, state = network._run(tokens[at : at + chunk, None], state, None)
        p = softmax(Mat.from_array(scores[:, 0].T)).w.T
        best = np.argsort(-p, axis=1, kind="stable")[:, :count]
        for row, order in zip(p, best):
            found.append([(labels[token], float(row[token])) for token in order])
    return found


def gradient_norms(network: Network, tokens: npt.ArrayLike) -> dict[str, npt.NDArray[Any]]:
    """Returns ‖∂L/∂s‖ of each earlier state s, with L = -ln p of the last token.

    Backpropagates in single steps, each forward recomputed from its state.

    Parameters
    ----------
    network : Network
        A network over tokens.
    tokens : array of int
        (T,), at least three.

    Returns
    -------
    dict of str to array
        (T - 2,) for each layer's h and c.

    Raises
    ------
    ValueError
        If there are fewer than three tokens.
    """
    tokens = _checked(network, tokens, 3, in_steps=True)
    inputs, target, outputs = tokens[:-1, None], tokens[-1], network.output_size or 0
    if not 0 <= target < outputs:
        raise IndexError(
            f"tokens[{len(tokens) - 1}] is out of range; expected 0 to {outputs - 1}, got {target}"
        )
    states, state = [], network.initial_state()
    for t in range(len(inputs)):
        states.append(state)
        scores, state = network.forward(inputs[t : t + 1], state)
    gradient = softmax(Mat.from_array(scores[0].T)).w.T[None].astype(network.dtype)
    gradient[0, 0, target] -= 1
    zero, carried = np.zeros_like(gradient), None
    kinds = state.names
    norms = {
        f"{kind}{k}": np.empty(len(inputs) - 1) for kind in kinds for k in range(len(network.hidden_sizes))
    }
    before = network.flat.dw.copy()
    try:
        for t in range(len(inputs) - 1, 0, -1):
            network.forward(inputs[t : t + 1], states[t])
            _, carried = network.backward(gradient if carried is None else zero, carried)
            for kind in kinds:
                for k, part in enumerate(carried[kind]):
                    norms[f"{kind}{k}"][t - 1] = np.linalg.norm(part)
    finally:
        network.flat.dw = before
    return norms


def _checked(
    network: Network, tokens: npt.ArrayLike, least: int, in_steps: bool = False
) -> npt.NDArray[np.int64]:
    """Returns a copy of the tokens that a network reads."""
    if not isinstance(network, Network):
        raise TypeError(f"network has the wrong type; expected a Network, got {type(network).__name__}")
    if in_steps and network.bidirectional:
        raise ValueError(
            "network is bidirectional; expected one direction for tokens one after the other, got two"
        )
    read = as_ints(tokens, "tokens")
    if len(read) < least:
        raise ValueError(f"text has the wrong length; expected at least {least} tokens, got {len(read)}")
    return read
