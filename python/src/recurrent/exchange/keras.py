"""Keras's weights: lists of arrays, other matrices and another order of gates."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arrays import as_array
from ..parameters import Parameters
from .keras_files import SUFFIXES, arrays_of_file
from .torch import Architecture, gate_names
from .weights import finite_array, set_weights

if TYPE_CHECKING:
    import numpy.typing as npt

# the gates in the order of Keras's columns, by their names here
_GATES = {"lstm": "ifco", "gru": "zrn", "gru_reset_before": "zrn", "rnn_tanh": "h", "rnn_relu": "h"}


def from_keras_weights(net: Architecture, parameters: Parameters, weights: Any) -> None:
    """Sets a network's weights from those of Keras, all of them or none."""
    _check(net)
    arrays = _arrays(weights)
    shapes = _fitting(net, arrays)
    dtype = parameters.flat.dtype
    checked = iter([
        finite_array(array, f"weights[{i}]", shape, dtype)
        for i, (array, shape) in enumerate(zip(arrays, shapes))
    ])  # fmt: skip
    # biases that the layers do not have are 0
    has_bias, dense_has_bias = _have_biases(net, shapes)
    found: dict[str, npt.NDArray[np.float64]] = {}
    if net.embedding:
        found["Wil"] = next(checked)
    gates = _GATES[net.cell]
    for k, own, _ in net.parts():
        H = net.hidden_sizes[k]
        kernel, recurrent = next(checked), next(checked)
        b = np.atleast_2d(next(checked) if has_bias else np.zeros(len(gates) * H))
        for g, gate in enumerate(gates):
            mine = slice(g * H, (g + 1) * H)
            Wx, Wh, bias = gate_names(net.cell, gate, own)
            found[Wx], found[Wh] = kernel[:, mine].T, recurrent[:, mine].T
            if net.cell == "gru" and gate == "n":
                found[bias], found[f"bnh{own}"] = b[0, mine], b[-1, mine] if has_bias else b[0, mine]
            else:
                found[bias] = b[:, mine].sum(axis=0)
    if net.output_size:
        matrix = next(checked).T
        if not net.tied:
            found["Whd"] = matrix
        elif not np.array_equal(matrix, found["Wil"]):
            raise ValueError(
                f"weights[{len(shapes) - 1 - dense_has_bias}] has the wrong values; expected those of the embedding, "
                "to which the decoder is tied, got others"
            )
        found["bd"] = next(checked) if dense_has_bias else np.zeros(net.output_size)
    set_weights(parameters, found)


def to_keras_weights(net: Architecture, parameters: Parameters) -> list[npt.NDArray[Any]]:
    """Returns a network's weights in Keras's order."""
    _check(net)
    weights = {name: np.array(mat.w) for name, mat in parameters.items()}
    out = [weights["Wil"]] if net.embedding else []
    gates = _GATES[net.cell]
    for _, own, _ in net.parts():
        names = [gate_names(net.cell, gate, own) for gate in gates]
        out.append(np.concatenate([weights[Wx].T for Wx, _, _ in names], axis=1))
        out.append(np.concatenate([weights[Wh].T for _, Wh, _ in names], axis=1))
        bias = np.concatenate([weights[b][:, 0] for _, _, b in names])
        if net.cell == "gru":
            second = np.zeros_like(bias)
            own_bias = weights[f"bnh{own}"][:, 0]
            second[-len(own_bias) :] = own_bias
            bias = np.stack([bias, second])
        out.append(bias)
    if net.output_size:
        out += [weights["Wil" if net.tied else "Whd"].T.copy(), weights["bd"][:, 0]]
    return out


def _check(net: Architecture) -> None:
    if net.cell not in _GATES:
        raise ValueError(f"the network has the wrong cell; expected one that Keras has, got {net.cell}")
    own = [name for name, on in net.options.items() if on and name not in ("variational", "bidirectional")]
    if own:
        raise ValueError(
            f"the network has the wrong options; expected those that Keras has, got {', '.join(own)}"
        )


def _arrays(weights: Any) -> list[npt.NDArray[Any]]:
    """Returns the arrays of a list, a file or an object with get_weights."""
    if isinstance(weights, os.PathLike) or (isinstance(weights, str) and weights.endswith(SUFFIXES)):
        weights = arrays_of_file(Path(weights))
    elif hasattr(weights, "get_weights"):
        weights = weights.get_weights()
    if isinstance(weights, (str, bytes)) or not isinstance(weights, Sequence):
        raise TypeError(
            "weights has the wrong type; expected a list of arrays, a file or a model of Keras, "
            f"got {type(weights).__name__}"
        )
    return [as_array(array, f"weights[{i}]") for i, array in enumerate(weights)]


def _shapes(net: Architecture, has_bias: bool, dense_has_bias: bool) -> list[tuple[int, ...]]:
    """Returns the shapes of Keras's arrays."""
    out: list[tuple[int, ...]] = [(net.input_size, net.embedding)] if net.embedding else []
    gates = len(_GATES[net.cell])
    for k, _, _ in net.parts():
        H = net.hidden_sizes[k]
        below = net.hidden_sizes[k - 1] * net.directions if k else net.embedding or net.input_size
        out += [(below, gates * H), (H, gates * H)]
        if has_bias:
            out.append((2, gates * H) if net.cell == "gru" else (gates * H,))
    if net.output_size:
        out.append((net.hidden_sizes[-1] * net.directions, net.output_size))
        if dense_has_bias:
            out.append((net.output_size,))
    return out


def _have_biases(net: Architecture, shapes: Sequence[tuple[int, ...]]) -> tuple[bool, bool]:
    """Returns whether the layers have biases, and whether the decoder has."""
    for has_bias, dense_has_bias in itertools.product((True, False), repeat=2):
        if _shapes(net, has_bias, dense_has_bias) == list(shapes):
            return has_bias, dense_has_bias
    raise RuntimeError("internal error: no such shapes")


def _fitting(net: Architecture, arrays: Sequence[npt.NDArray[Any]]) -> list[tuple[int, ...]]:
    """Returns the shapes of the network that arrays have, with or without biases."""
    got = [array.shape for array in arrays]
    for each in itertools.product((True, False), repeat=2):
        if _shapes(net, *each) == got:
            return got
    expected = _shapes(net, True, True)
    if len(got) != len(expected):
        raise ValueError(
            f"weights has the wrong length; expected {len(expected)} arrays of the shapes "
            f"{', '.join(map(str, expected))}, got {len(got)}: {', '.join(map(str, got)) or 'none'}"
        )
    i = next(i for i, (a, b) in enumerate(zip(got, expected)) if a != b)
    raise ValueError(f"weights[{i}] has the wrong shape; expected {expected[i]}, got {got[i]}")
