"""PyTorch's weights: other names, and another order of gates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

import numpy as np

from ..parameters import Parameters

if TYPE_CHECKING:
    import numpy.typing as npt

# the gates in the order of PyTorch's rows, by their names here
_GATES = {"rnn_relu": "h", "lstm": "ifco", "rnn_tanh": "h", "gru": "rzn"}


class Architecture(NamedTuple):
    """The cell and the sizes of a network."""

    cell: str
    input_size: int
    embedding: int | None
    hidden_sizes: list[int]
    output_size: int | None
    tied: bool


def _names(cell: str, gate: str, layer: int) -> tuple[str, str, str]:
    if cell in ("rnn_relu", "rnn_tanh"):
        return f"Wxh{layer}", f"Whh{layer}", f"bhh{layer}"
    return f"W{gate}x{layer}", f"W{gate}h{layer}", f"b{gate}{layer}"


def from_torch(net: Architecture, parameters: Parameters, state_dict: Mapping[str, Any]) -> None:
    """Sets a network's weights from a state_dict; all of them or none."""
    if net.cell not in _GATES:
        raise ValueError(
            "the network has the wrong cell; expected one that torch.nn has, got gru_reset_before"
        )
    arrays = {name: np.asarray(value) for name, value in state_dict.items()}
    firsts = [name for name in arrays if name.endswith("weight_ih_l0")]
    if len(firsts) != 1:
        raise ValueError(
            f"state_dict is ambiguous; expected 1 name that ends in weight_ih_l0, got {len(firsts)}"
        )
    prefix = firsts[0][: -len("weight_ih_l0")]
    found: dict[str, npt.NDArray[Any]] = {}
    used = set()

    def take(name: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        if name not in arrays:
            raise ValueError(f"state_dict is incomplete; expected {name!r}, got {sorted(arrays)}")
        if arrays[name].shape != shape:
            raise ValueError(f"{name} has the wrong shape; expected {shape}, got {arrays[name].shape}")
        used.add(name)
        return arrays[name]

    gates = _GATES[net.cell]
    below = net.embedding or net.input_size
    for k, width in enumerate(net.hidden_sizes):
        rows = len(gates) * width
        ih = take(f"{prefix}weight_ih_l{k}", (rows, below))
        hh = take(f"{prefix}weight_hh_l{k}", (rows, width))
        # a module made with bias=False has none
        has_bias = f"{prefix}bias_ih_l{k}" in arrays
        b_ih = take(f"{prefix}bias_ih_l{k}", (rows,)) if has_bias else np.zeros(rows)
        b_hh = take(f"{prefix}bias_hh_l{k}", (rows,)) if has_bias else np.zeros(rows)
        for g, gate in enumerate(gates):
            mine = slice(g * width, (g + 1) * width)
            Wx, Wh, b = _names(net.cell, gate, k)
            found[Wx], found[Wh] = ih[mine], hh[mine]
            if net.cell == "gru" and gate == "n":
                found[b], found[f"bnh{k}"] = b_ih[mine], b_hh[mine]
            else:
                found[b] = b_ih[mine] + b_hh[mine]
        below = width
    others = {name: array for name, array in arrays.items() if name not in used}
    if net.embedding:
        shape = (net.input_size, net.embedding)
        # an embedding has a weight, and a decoder a bias too
        found["Wil"] = others[
            _name_by_shape(others, shape, "an embedding", lambda n: _bias_of(n) not in others)
        ]
    if net.output_size:
        shape = (net.output_size, net.hidden_sizes[-1])
        name = _name_by_shape(others, shape, "a decoder", lambda n: _bias_of(n) in others)
        found["bd"] = others[_bias_of(name)]
        if not net.tied:
            found["Whd"] = others[name]
        elif not np.array_equal(others[name], found["Wil"]):
            raise ValueError(
                f"{name} has the wrong values; expected the embedding's, to which the decoder is tied"
            )
    for name, array in found.items():
        mat = parameters[name]
        if array.size != mat.w.size:
            raise ValueError(f"{name} has the wrong size; expected {mat.w.size} elements, got {array.size}")
    for name, array in found.items():
        parameters[name].w = array.reshape(parameters[name].shape)


def _bias_of(weight: str) -> str:
    return weight[: -len("weight")] + "bias" if weight.endswith("weight") else ""


def _name_by_shape(
    arrays: Mapping[str, Any], shape: tuple[int, ...], what: str, fits: Callable[[str], bool]
) -> str:
    names = [name for name, array in arrays.items() if array.shape == shape and fits(name)]
    if len(names) != 1:
        raise ValueError(
            f"state_dict is ambiguous; expected 1 array of shape {shape} for {what}, "
            f"got {len(names)} of {sorted(arrays)}"
        )
    return names[0]


def to_torch(net: Architecture, parameters: Parameters) -> dict[str, npt.NDArray[Any]]:
    """Returns a network's weights as a state_dict of arrays."""
    if net.cell not in _GATES:
        raise ValueError(
            "the network has the wrong cell; expected one that torch.nn has, got gru_reset_before"
        )
    weights = {name: np.array(mat.w) for name, mat in parameters.items()}
    out = {}
    if net.embedding:
        out["embedding.weight"] = weights["Wil"]
    for k in range(len(net.hidden_sizes)):
        names = [_names(net.cell, gate, k) for gate in _GATES[net.cell]]
        out[f"rnn.weight_ih_l{k}"] = np.concatenate([weights[Wx] for Wx, _, _ in names])
        out[f"rnn.weight_hh_l{k}"] = np.concatenate([weights[Wh] for _, Wh, _ in names])
        out[f"rnn.bias_ih_l{k}"] = np.concatenate([weights[b][:, 0] for _, _, b in names])
        second = np.zeros_like(out[f"rnn.bias_ih_l{k}"])
        if net.cell == "gru":
            second[-net.hidden_sizes[k] :] = weights[f"bnh{k}"][:, 0]
        out[f"rnn.bias_hh_l{k}"] = second
    if net.output_size:
        out["decoder.weight"] = weights["Wil" if net.tied else "Whd"]
        out["decoder.bias"] = weights["bd"][:, 0]
    return out
