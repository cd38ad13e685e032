"""PyTorch's weights: other names, and another order of gates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._arrays import as_array
from .._checks import as_flag
from ..parameters import Parameters
from .torch_source import FIRST, prefix_of, state_dict_of
from .torch_values import EXPECTED, Unknown
from .weights import finite_array, set_weights

if TYPE_CHECKING:
    import numpy.typing as npt

# the gates in the order of PyTorch's rows, by their names here
_GATES = {"rnn_relu": "h", "lstm": "ifco", "rnn_tanh": "h", "gru": "rzn"}
_OF_A_LAYER = re.compile(r"(?:weight|bias)_(ih|hh|hr)_l(\d+)(_reverse)?$")
_OF_A_NORM = {"running_mean", "running_var", "num_batches_tracked"}
_LINEAR, _EXPECTED = "a Linear or an Embedding", "an expected array"
# the names that to_torch writes
_EMBEDDING, _DECODER = "embedding.weight", "decoder.weight"


class Architecture(NamedTuple):
    """The cell and the sizes of a network."""

    cell: str
    input_size: int
    embedding: int | None
    hidden_sizes: tuple[int, ...]
    output_size: int | None
    tied: bool
    options: dict[str, bool]

    @property
    def directions(self) -> int:
        """The directions of each layer."""
        return 2 if self.options["bidirectional"] else 1

    def parts(self) -> list[tuple[int, str, str]]:
        """Returns of each layer and direction the layer and the suffixes of its names here and in PyTorch."""
        ends = (("", ""), ("r", "_reverse"))[: self.directions]
        return [
            (k, f"{k}{own}", f"l{k}{other}") for k in range(len(self.hidden_sizes)) for own, other in ends
        ]


def gate_names(cell: str, gate: str, layer: str) -> tuple[str, str, str]:
    """Returns the names of a gate's input matrix, recurrent matrix and bias."""
    if cell in ("rnn_relu", "rnn_tanh"):
        return f"Wxh{layer}", f"Whh{layer}", f"bhh{layer}"
    return f"W{gate}x{layer}", f"W{gate}h{layer}", f"b{gate}{layer}"


def from_torch(
    net: Architecture, parameters: Parameters, source: Any, strict: bool, key: str | None
) -> list[str]:
    """Sets a network's weights from a module or its state_dict, all of them or none; returns the names ignored."""
    _check_cell(net)
    strict = as_flag(strict, "strict")
    state = _State(state_dict_of(source, key), parameters.flat.dtype)
    prefix = prefix_of(state.values, key)
    _check_nonlinearity(net, source, key)
    found: dict[str, npt.NDArray[np.float64]] = {}
    try:
        _take_layers(net, state, prefix, found)
        _take_ends(net, state, found)
    except ValueError:
        # a projection or a second direction changes the shapes of other arrays: it is the cause
        foreign = [
            name for name in state.leftover() if _reason(name, state, net, prefix) not in (_LINEAR, _EXPECTED)
        ]
        if strict and any(map(_OF_A_LAYER.search, foreign)):
            raise _without_place(foreign, state, net, prefix) from None
        raise
    ignored = state.leftover()
    if ignored and strict:
        raise _without_place(ignored, state, net, prefix)
    set_weights(parameters, found)
    return ignored


def _take_layers(
    net: Architecture, state: _State, prefix: str, found: dict[str, npt.NDArray[np.float64]]
) -> None:
    gates = _GATES[net.cell]
    for k, own, other in net.parts():
        width = net.hidden_sizes[k]
        below = net.hidden_sizes[k - 1] * net.directions if k else net.embedding or net.input_size
        rows = len(gates) * width
        ih = state.take(f"{prefix}weight_ih_{other}", (rows, below))
        hh = state.take(f"{prefix}weight_hh_{other}", (rows, width))
        biases = [f"{prefix}bias_{side}_{other}" for side in ("ih", "hh")]
        # a module made with bias=False has neither
        has_bias = any(name in state.values for name in biases)
        b_ih, b_hh = (state.take(name, (rows,)) if has_bias else np.zeros(rows) for name in biases)
        for g, gate in enumerate(gates):
            mine = slice(g * width, (g + 1) * width)
            Wx, Wh, b = gate_names(net.cell, gate, own)
            found[Wx], found[Wh] = ih[mine], hh[mine]
            if net.cell == "gru" and gate == "n":
                found[b], found[f"bnh{own}"] = b_ih[mine], b_hh[mine]
            else:
                found[b] = b_ih[mine] + b_hh[mine]


def _take_ends(net: Architecture, state: _State, found: dict[str, npt.NDArray[np.float64]]) -> None:
    """Takes the embedding and the decoder, which are found by their shapes."""
    table = ""
    if net.embedding:
        shape = (net.input_size, net.embedding)
        # a table has no bias; a decoder may have none either
        fitting = [name for name in state.fitting(shape) if state.bias_of(name) is None]
        table = _choice(fitting, _EMBEDDING, _DECODER, "an embedding", shape, state, net.tied)
        found["Wil"] = state.take(table, shape)
    if net.output_size:
        shape = (net.output_size, net.hidden_sizes[-1] * net.directions)
        name = _choice(state.fitting(shape), _DECODER, _EMBEDDING, "a decoder", shape, state, False)
        weight, bias = state.take(name, shape), state.bias_of(name)
        found["bd"] = np.zeros(net.output_size) if bias is None else state.take(bias, (net.output_size,))
        if not net.tied:
            found["Whd"] = weight
        elif not np.array_equal(weight, found["Wil"]):
            raise ValueError(
                f"{name} has the wrong values; expected those of {table}, to which the decoder is tied, got others"
            )


def _choice(
    names: list[str], own: str, other: str, what: str, shape: tuple[int, ...], state: _State, are_equal: bool
) -> str:
    """Returns the only name of a shape; of several that of ``to_torch``."""
    if not names:
        for name in state.leftover():
            if name.endswith("weight"):
                _check_known(state.values[name], name)
        matrices = {name: state.shape(name) for name in state.leftover()}
        got = ", ".join(f"{name} {shape}" for name, shape in matrices.items() if shape and len(shape) == 2)
        raise ValueError(f"state_dict lacks {what}; expected an array of shape {shape}, got {got or 'none'}")
    named = [name for name in names if _is_named(name, own)]
    left = named or [name for name in names if not _is_named(name, other)]
    if len(left) == 1 or (left and are_equal):
        return left[0]
    raise ValueError(
        f"state_dict is ambiguous; expected 1 array of shape {shape} for {what}, or one named {own}, "
        f"got {', '.join(names)}"
    )


def _is_named(name: str, own: str) -> bool:
    return name == own or name.endswith(f".{own}")


def _without_place(names: list[str], state: _State, net: Architecture, prefix: str) -> ValueError:
    """Returns the error for arrays that a network has no place for, grouped by kind."""
    directions = "two directions" if net.directions == 2 else "one direction"
    expected = f"{_count(len(net.hidden_sizes), 'layer')} of {directions}"
    expected += ", an embedding" if net.embedding else ""
    expected += ", a decoder" if net.output_size else ""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_reason(name, state, net, prefix), []).append(name)
    got = "; ".join(f"{reason}: {', '.join(group)}" for reason, group in groups.items())
    return ValueError(
        f"state_dict has {_count(len(names), 'array')} without a place in the network; "
        f"expected {expected}, got {got}"
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _reason(name: str, state: _State, net: Architecture, prefix: str) -> str:
    """Returns what an array is that the network has no place for."""
    found = _OF_A_LAYER.search(name)
    if found and found[3] and net.directions == 1:
        return "a reverse direction"
    if found and found[1] == "hr":
        return "a projection"
    if found:
        if name[: found.start()] != prefix:
            return "another recurrent layer"
        return _EXPECTED if int(found[2]) < len(net.hidden_sizes) else f"layer {found[2]}"
    if type(state.values[name]) is Unknown:
        return repr(state.values[name])
    owner, _, last = name.rpartition(".")
    rank = len(state.shape(f"{owner}.weight" if owner else "weight") or ())
    if last in _OF_A_NORM or (last in ("weight", "bias") and rank == 1):
        return "a norm or an activation"
    return _LINEAR if last in ("weight", "bias") and rank == 2 else "an unknown array"


class _State:
    """A state_dict and the names that were taken from it."""

    def __init__(self, values: Mapping[str, Any], dtype: np.dtype[Any]) -> None:
        self.values, self._dtype = values, dtype
        self._taken: set[str] = set()

    def take(self, name: str, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
        """Returns an array of finite numbers that the network's dtype can hold."""
        if name not in self.values:
            raise ValueError(f"state_dict is incomplete; expected {name!r}, got {sorted(self.values)}")
        array = finite_array(_array(self.values[name], name), name, shape, self._dtype)
        self._taken.add(name)
        return array

    def leftover(self) -> list[str]:
        return [name for name in self.values if name not in self._taken]

    def fitting(self, shape: tuple[int, ...]) -> list[str]:
        return [name for name in self.leftover() if self.shape(name) == shape]

    def bias_of(self, weight: str) -> str | None:
        """Returns the name of the bias beside a weight."""
        name = weight[: -len("weight")] + "bias" if weight.endswith("weight") else ""
        return name if name in self.values else None

    def shape(self, name: str) -> tuple[int, ...] | None:
        """Returns an array's shape; None for a name or a value without one."""
        shape = getattr(self.values.get(name), "shape", None)
        if shape is None and isinstance(self.values.get(name), (list, tuple)):
            return np.shape(_array(self.values[name], name))
        return None if shape is None else tuple(shape)


def _array(value: Any, name: str) -> npt.NDArray[Any]:
    """Returns an array or a tensor, on any device, as an array of real numbers."""
    _check_known(value, name)
    try:
        array = np.asarray(value.detach().cpu()) if hasattr(value, "detach") else value
    except (TypeError, RuntimeError):
        raise TypeError(
            f"{name} has the wrong type; expected real numbers of NumPy, got elements of type {value.dtype}"
        ) from None
    return as_array(array, name)


def _check_known(value: Any, name: str) -> None:
    if type(value) is Unknown:
        raise ValueError(f"{name} is not a tensor; expected {EXPECTED}, got {value!r}")


def _check_cell(net: Architecture) -> None:
    if net.cell not in _GATES:
        raise ValueError(f"the network has the wrong cell; expected one that torch.nn has, got {net.cell}")
    own = [
        name for name, is_on in net.options.items() if is_on and name not in ("variational", "bidirectional")
    ]
    if own:
        raise ValueError(
            f"the network has the wrong options; expected those that torch.nn has, got {', '.join(own)}"
        )


def _check_nonlinearity(net: Architecture, source: Any, key: str | None) -> None:
    """Compares the cell with that of a module, which the arrays do not tell."""
    if isinstance(source, Mapping) or not hasattr(source, "modules"):
        return
    modules = source.modules()
    if key is not None:
        named = source.named_modules()
        modules = (module for name, module in named if f"{name}.".startswith(f"{key}."))
    for module in modules:
        mode = getattr(module, "mode", None)
        if hasattr(module, FIRST) and isinstance(mode, str) and mode.lower() != net.cell:
            raise ValueError(f"the module has the wrong cell; expected {net.cell}, got {mode.lower()}")


def to_torch(net: Architecture, parameters: Parameters) -> dict[str, npt.NDArray[Any]]:
    """Returns a network's weights as a state_dict of arrays."""
    _check_cell(net)
    weights = {name: np.array(mat.w) for name, mat in parameters.items()}
    out = {}
    if net.embedding:
        out[_EMBEDDING] = weights["Wil"]
    for k, own, other in net.parts():
        names = [gate_names(net.cell, gate, own) for gate in _GATES[net.cell]]
        out[f"rnn.weight_ih_{other}"] = np.concatenate([weights[Wx] for Wx, _, _ in names])
        out[f"rnn.weight_hh_{other}"] = np.concatenate([weights[Wh] for _, Wh, _ in names])
        out[f"rnn.bias_ih_{other}"] = np.concatenate([weights[b][:, 0] for _, _, b in names])
        second = np.zeros_like(out[f"rnn.bias_ih_{other}"])
        if net.cell == "gru":
            second[-net.hidden_sizes[k] :] = weights[f"bnh{own}"][:, 0]
        out[f"rnn.bias_hh_{other}"] = second
    if net.output_size:
        out[_DECODER] = weights["Wil" if net.tied else "Whd"]
        out["decoder.bias"] = weights["bd"][:, 0]
    return out
