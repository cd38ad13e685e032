"""What a learner's network does inside: for the meters, the coloured text, the guesses and the picture."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import Graph
from ..introspection.text_html import colors
from ..mat import Mat
from ..sampling import softmax
from .learners import Learner, Sentences

# a gate is shut below the one and open above the other (Karpathy, Johnson and Fei-Fei, arXiv:1506.02078)
_SHUT, _OPEN = 0.1, 0.9
_GATES = {"i": "input", "f": "forget", "o": "output", "r": "reset", "z": "update", "h": "output"}


def guesses(learner: Learner, prompt: str, k: int = 10) -> list[tuple[str, float]]:
    """The likeliest k tokens after a prompt, with their probabilities; "" is a sentence's end."""
    tokens = learner.spelled(prompt)
    if not tokens:
        return []
    scores, _ = learner.network.forward(np.array(tokens)[:, None])
    p = softmax(Mat.from_array(scores[-1].T)).w[:, 0]
    names = learner.names
    return [(names[at], float(p[at])) for at in np.argsort(-p, kind="stable")[:k].tolist()]


def goes_on(learner: Learner, prompt: str, temperature: float, most: int) -> str:
    """What it writes after a prompt."""
    tokens = learner.spelled(prompt) or learner.spelled("\n" if "\n" in learner.names else learner.names[0])
    end = 0 if isinstance(learner, Sentences) else None
    written = learner.network.generate(most, tokens, temperature, end=end, rng=learner.random)
    names = learner.names
    return "".join(names[token] for token in written.tolist())


def colours(learner: Learner, text: str, tap: str, unit: int) -> dict[str, Any]:
    """How strongly one unit answers to each letter, from -1 to 1, and which taps there are."""
    network = learner.network
    tokens = learner.spelled(text)
    if not tokens:
        raise ValueError("text to colour: expected at least one letter")
    taps = network.activations(np.array(tokens)[:, None])
    if tap not in taps:
        tap = f"h{len(network.hidden_sizes) - 1}"
    units = taps[tap].shape[2]
    values = taps[tap][len(tokens) - len(text) :, 0, min(max(unit, 0), units - 1)].astype(float)
    shaded, ends, made = colors(_cell(learner), tap, values)
    return {
        "letters": [[letter, round(float(shade), 3)] for letter, shade in zip(text, shaded)],
        "values": [round(float(value), 3) for value in values],
        "scale": [*ends, made],
        "tap": tap,
        "unit": min(max(unit, 0), units - 1),
        "taps": {name: array.shape[2] for name, array in taps.items()},
    }


def saturation(learner: Learner, text: str) -> list[dict[str, Any]]:
    """For each gate the shares of its numbers, over a text, that are shut and open; an RNN's outputs likewise."""
    network, tokens = learner.network, learner.spelled(text)
    if not tokens:
        return []
    found = []
    cell = _cell(learner)
    for name, values in network.activations(np.array(tokens)[:, None]).items():
        letter, layer = name[0], int(name[1:])
        if letter not in ("h" if "rnn" in cell else "iforz"):
            continue
        low, high = values < _SHUT, values > _OPEN
        if cell == "rnn_relu":
            low, high = values <= 0, np.zeros_like(values, bool)
        elif letter == "h":
            low, high = values < -_OPEN, values > _OPEN
        share = {"low": round(float(low.mean()), 4), "high": round(float(high.mean()), 4)}
        found.append({"layer": layer + 1, "gate": _GATES[letter], **share})
    return found


def picture(learner: Learner) -> str:
    """The expression graph of one tick, from a letter to what the next one costs, as SVG."""
    weights = learner.network.parameters
    hidden, cell = learner.network.hidden_sizes, _cell(learner)
    names: dict[str, Mat] = dict(weights)
    with Graph() as graph:
        if "Wil" in weights:
            x = graph.row_pluck(weights["Wil"], 1)
        else:
            x = names["letter"] = Mat(learner.network.input_size, 1, learner.network.dtype)
            x.w[1] = 1
        for k, size in enumerate(hidden):
            h = names[f"h{k}"] = Mat(size, 1, learner.network.dtype)

            def gate(letter: str, x: Mat, h: Mat, k: int = k) -> Mat:
                Wx, Wh, b = (weights[f"{name}{k}"] for name in (f"W{letter}x", f"W{letter}h", f"b{letter}"))
                return graph.add(graph.add(graph.mul(Wx, x), graph.mul(Wh, h)), b)

            if cell == "lstm":
                c = names[f"c{k}"] = Mat(size, 1, learner.network.dtype)
                i, f, o = (graph.sigmoid(gate(letter, x, h)) for letter in "ifo")
                c = graph.add(graph.eltmul(f, c), graph.eltmul(i, graph.tanh(gate("c", x, h))))
                x = graph.eltmul(o, graph.tanh(c))
            elif cell in ("gru", "gru_reset_before"):
                x = _gru(graph, weights, k, x, h, gate, cell == "gru")
            else:
                z = _rnn(graph, weights, k, x, h)
                x = graph.relu(z) if cell == "rnn_relu" else graph.tanh(z)
        graph.cross_entropy(graph.add(graph.mul(weights["Whd"], x), weights["bd"]), 0)
        return str(graph.svg(names))


def _gru(graph: Graph, weights: Any, k: int, x: Mat, h: Mat, gate: Any, after: bool) -> Mat:
    """A GRU's tick: r, z = σ(…); n = tanh(Wnx·x + bn + r ⊙ (Wnh·h + bnh)); h′ = n + z ⊙ (h - n)."""
    r, z = (graph.sigmoid(gate(letter, x, h)) for letter in "rz")
    seen = graph.add(graph.mul(weights[f"Wnx{k}"], x), weights[f"bn{k}"])
    if after:
        kept = graph.eltmul(r, graph.add(graph.mul(weights[f"Wnh{k}"], h), weights[f"bnh{k}"]))
    else:
        kept = graph.mul(weights[f"Wnh{k}"], graph.eltmul(r, h))
    n = graph.tanh(graph.add(seen, kept))
    return graph.add(n, graph.eltmul(z, graph.sub(h, n)))


def _rnn(graph: Graph, weights: Any, k: int, x: Mat, h: Mat) -> Mat:
    Wx, Wh, b = (weights[f"{name}{k}"] for name in ("Wxh", "Whh", "bhh"))
    return graph.add(graph.add(graph.mul(Wx, x), graph.mul(Wh, h)), b)


def _cell(learner: Learner) -> str:
    """The name of the cell."""
    return learner.network.cell
