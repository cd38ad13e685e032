"""Views of a trainer's network: predictions, continuations, colored text and saturated gates."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..introspection.text_html import colors as text_colors
from ..mat import Mat
from ..parameters import CELLS_WITH_GATES
from ..sampling import softmax
from .trainers import LiveTrainer

# a gate is closed below the first and open above the second (Karpathy, Johnson and Fei-Fei, arXiv:1506.02078)
_CLOSED, _OPEN = 0.1, 0.9
_GATES = {"i": "input", "f": "forget", "o": "output", "r": "reset", "z": "update", "h": "output"}
_LABELS = {
    "h": "output", "c": "cell", "i": "input gate", "f": "forget gate", "o": "output gate", "g": "candidate",
    "r": "reset gate", "z": "update gate", "n": "candidate",
}  # fmt: skip


def predictions(trainer: LiveTrainer, prompt: str, k: int = 10) -> list[tuple[str, float]]:
    """Returns the k most probable tokens after a prompt, with their probabilities; "" is the end."""
    tokens = _start(trainer, prompt)
    scores, _ = trainer.network.forward(np.array(tokens)[:, None])
    p = softmax(Mat.from_array(scores[-1].T)).w[:, 0]
    characters = trainer.tokens
    return [(characters[token], float(p[token])) for token in np.argsort(-p, kind="stable")[:k].tolist()]


def continuation(trainer: LiveTrainer, prompt: str, temperature: float, length: int) -> str:
    """Returns the text that the network generates after a prompt."""
    tokens = _start(trainer, prompt)
    generated = trainer.network.generate(length, tokens, temperature, end=trainer.end, rng=trainer.random)
    return trainer.decode(generated.tolist())


def _start(trainer: LiveTrainer, prompt: str) -> list[int]:
    """Returns the tokens of a prompt; without any, a line's end or the first token."""
    labels = trainer.tokens
    return trainer.encode(prompt) or [labels.index("\n") if "\n" in labels else 0]


def colors(trainer: LiveTrainer, text: str, activation: str, unit: int) -> dict[str, Any]:
    """Returns the activation of one unit at each token, as shades from -1 to 1, and the available activations."""
    network = trainer.network
    tokens = trainer.encode(text)
    if not tokens:
        raise ValueError("text to color is empty; expected at least one character")
    activations = network.activations(np.array(tokens)[:, None])
    if activation not in activations:
        activation = f"h{len(network.hidden_sizes) - 1}"
    units = activations[activation].shape[2]
    unit = min(max(unit, 0), units - 1)
    labels = trainer.tokens
    start = 0 if trainer.end is None else 1  # the token that starts a sentence
    values = activations[activation][start:, 0, unit].astype(float)
    shades, ends, transform = text_colors(network.cell, activation, values)
    return {
        "characters": [
            [labels[token], round(float(shade), 3)] for token, shade in zip(tokens[start:], shades)
        ],
        "values": [round(float(value), 3) for value in values],
        "scale": [*ends, transform],
        "activation": activation,
        "unit": unit,
        "activations": {name: array.shape[2] for name, array in activations.items()},
        "labels": {name: _label(name) for name in activations},
    }


def saturation(trainer: LiveTrainer, text: str) -> list[dict[str, Any]]:
    """Returns the fractions of each gate's values, over a text, that are closed and open; of an RNN, its outputs'."""
    network, tokens = trainer.network, trainer.encode(text)
    if not tokens:
        return []
    result: list[dict[str, Any]] = []
    if network.cell not in CELLS_WITH_GATES:
        return result
    for name, values in network.activations(np.array(tokens)[:, None]).items():
        letter, layer = name[0], int(name[1:])
        if letter not in ("h" if "rnn" in network.cell else "iforz"):
            continue
        low, high = values < _CLOSED, values > _OPEN
        if network.cell == "rnn_relu":
            low, high = values <= 0, np.zeros_like(values, bool)
        elif letter == "h":
            low, high = values < -_OPEN, values > _OPEN
        fractions = {"low": round(float(low.mean()), 4), "high": round(float(high.mean()), 4)}
        result.append({"layer": layer + 1, "gate": _GATES[letter], **fractions})
    return result


def _label(activation: str) -> str:
    """Returns what an activation is, in words."""
    name = activation.rstrip("0123456789")
    return f"layer {int(activation[len(name) :]) + 1}, {_LABELS.get(name, name)}"
