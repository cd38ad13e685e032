"""Networks of ONNX models."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .._checks import DTYPES, as_path
from ..nn.cell import as_cell
from ..nn.checkpoint import Checkpoint
from ..nn.network import Network
from .onnx_export import OPERATORS, PEEPHOLES
from .onnx_package import onnx_package

_EXPECTED = "expected a model of RNN, LSTM or GRU layers with an embedding and a decoder"
# axes of values: the first two of the input, its elements, directions
_FIRST, _SECOND, _ELEMENTS, _DIRECTIONS = "0", "1", "elements", "directions"
_FOLDED: dict[str, Callable[..., Any]] = {
    "Identity": lambda node, a: a,
    "Transpose": lambda node, a: np.transpose(a, node.get("perm")),
    "Unsqueeze": lambda node, a, axes=None: np.expand_dims(a, tuple(node.axes(axes))),
    "Squeeze": lambda node, a, axes=None: np.squeeze(a, tuple(node.axes(axes)) or None),
    "Concat": lambda node, *a: np.concatenate(a, node.get("axis")),
    "Cast": lambda node, a: a.astype(node.dtype(node.get("to"))),
    "Reshape": lambda node, a, shape: _reshaped(a, shape),
    "Gather": lambda node, a, i: np.take(a, i, node.get("axis", 0)),
    "Slice": lambda node, a, *bounds: _sliced(a, *bounds),
    "Expand": lambda node, a, shape: a * np.ones(shape, a.dtype),
    "Shape": lambda node, a: np.array(a.shape),
    "ConstantOfShape": lambda node, shape: np.full(
        shape, node.array("value") if node.has("value") else np.float32(0)
    ),
}


class RefusalError(ValueError):
    """A sentence about what a network has no place for."""


class Tokens(NamedTuple):
    """The tokens of the input, with its axes."""

    axes: tuple[str, ...]


class Values(NamedTuple):
    """Vectors: the input of the network or of the layers (-1), or the outputs of a layer; with their axes."""

    layer: int
    axes: tuple[str, ...]
    is_decoded: bool = False
    is_residual: bool = False


class Start(NamedTuple):
    """Initial states: rows that are the same for all sequences, None where they are inputs without a value."""

    rows: Any


class Size:
    """What follows from the shape of a value."""


class OnnxNode:
    """A node with its attributes."""

    def __init__(self, onnx: Any, node: Any) -> None:
        self._onnx, self.operator, self.inputs, self.outputs = (
            onnx,
            node.op_type,
            list(node.input),
            list(node.output),
        )
        self.attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        # the operators of other domains have other meanings
        if node.domain not in ("", "ai.onnx"):
            self.operator = f"{node.domain}.{node.op_type}"

    def has(self, name: str) -> bool:
        """Whether the node has an attribute."""
        return name in self.attributes

    def get(self, name: str, default: Any = None) -> Any:
        """Returns an attribute, of text as a str."""
        value = self.attributes.get(name, default)
        return value.decode() if isinstance(value, bytes) else value

    def array(self, name: str) -> Any:
        """Returns an attribute that is a tensor."""
        return self._onnx.numpy_helper.to_array(self.attributes[name])

    def dtype(self, kind: int) -> Any:
        """Returns the dtype of a type of ONNX."""
        return _dtype(self._onnx, kind)

    def axes(self, given: Any = None) -> list[int]:
        """Returns the axes, an input since opset 13 and an attribute before."""
        return [int(i) for i in np.ravel(self.get("axes", []) if given is None else given)]

    def refusal(self, what: str, expected: str, got: Any) -> RefusalError:
        """Returns the error that names the node."""
        return RefusalError(f"{self.operator} '{self.outputs[0]}' {what}; expected {expected}, got {got}")

    def check(self, name: str, expected: Any) -> None:
        """Refuses an attribute with another value."""
        if self.has(name) and self.get(name) != expected:
            raise self.refusal(f"has the wrong {name}", repr(expected), repr(self.get(name)))


# elements of a constant that a model computes
_MAX_ELEMENTS = 1 << 26


def _folded(node: OnnxNode, inputs: Sequence[Any]) -> Any:
    """Returns the result of a node on constants."""
    if node.operator in ("ConstantOfShape", "Expand"):
        shape = np.ravel(inputs[-1])
        if (shape < 0).any() or np.prod(shape.astype(float)) > _MAX_ELEMENTS:
            raise node.refusal("has the wrong shape", f"at most {_MAX_ELEMENTS} elements", shape.tolist())
    try:
        return _FOLDED[node.operator](node, *inputs)
    except (ValueError, IndexError, TypeError, KeyError) as error:
        raise node.refusal("cannot be computed", "operands that fit", str(error).partition("\n")[0]) from None


def _dtype(onnx: Any, kind: int) -> Any:
    """Returns the dtype of a type of ONNX."""
    try:
        return onnx.helper.tensor_dtype_to_np_dtype(kind)
    except KeyError:
        raise RefusalError(
            f"the model has a value of the wrong type; expected numbers, got type {kind}"
        ) from None


def _reshaped(a: Any, shape: Any) -> Any:
    return np.reshape(a, [a.shape[i] if n == 0 else int(n) for i, n in enumerate(shape)])


def _sliced(a: Any, starts: Any, ends: Any, axes: Any = None, steps: Any = None) -> Any:
    axes = range(len(starts)) if axes is None else axes
    steps = np.ones(len(starts), np.int64) if steps is None else steps
    index = [slice(None)] * a.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps):
        index[int(axis)] = slice(int(start), int(end), int(step))
    return a[tuple(index)]


def from_onnx(path: str | os.PathLike[str]) -> Network:
    """Returns the network of an ONNX file: layers of RNN, LSTM or GRU nodes. Needs the package onnx.

    The file may have an embedding (Gather) or one-hot tokens, several layers, both directions, residual connections,
    constant initial states, which become learned ones, and a decoder (MatMul and Add): what ``to_onnx`` writes of
    float32, and PyTorch's exporter of such a module. Names of inputs and outputs are free; final states are ignored. An
    LSTM with peepholes is the cell "lstm_peephole", one with ``input_forget`` "lstm_coupled".

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    Network
        ``RNN``, ``LSTM``, ``GRU``, or ``Network`` for other cells; with ``batch_first`` where the input has it.

    Raises
    ------
    ImportError
        If the package onnx is not installed.
    OSError
        If the file cannot be read.
    ValueError
        If the file is not a model, or has a node, an attribute or an input without a place in a network, by its name.

    Examples
    --------
    >>> import recurrent
    >>> recurrent.from_onnx("net.onnx")  # doctest: +SKIP
    <LSTM(3, [8], output_size=2) float32, 402 parameters>
    """
    as_path(path)
    onnx, shown = onnx_package("from_onnx"), os.fspath(path)
    try:
        model = onnx.load(shown)
        onnx.checker.check_model(model)
        return _Import(onnx, model).network()
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(error.errno, f"cannot read '{shown}': {reason[:1].lower()}{reason[1:]}") from None
    except RefusalError as error:
        raise ValueError(f"{error}") from None
    except MemoryError:
        raise
    except Exception as error:
        # errors of protobuf, of the checker, and of NumPy for numbers that do not fit their shapes
        words = str(error).strip().partition("\n")[0]
        raise ValueError(f"path is not an ONNX model; expected one, got '{shown}': {words}") from None


class _Layer(NamedTuple):
    cell: str
    units: int
    inputs: int
    directions: int
    weights: list[dict[str, Any]]
    starts: list[Start]
    is_residual: bool


class _Import:
    """Follows the values of a graph from its input to its output."""

    def __init__(self, onnx: Any, model: Any) -> None:
        self._onnx, graph = onnx, model.graph
        to_array = onnx.numpy_helper.to_array
        self._values: dict[str, Any] = {tensor.name: to_array(tensor) for tensor in graph.initializer}
        self._nodes = [OnnxNode(onnx, node) for node in graph.node]
        self._outputs = [value.name for value in graph.output]
        self._layers: list[_Layer] = []
        self._table: Any = None
        self._decoder: Any = None
        self._bias: Any = None
        self._time = ""
        self._input_size = 0
        self._is_tied = False
        for value in graph.input:
            if value.name not in self._values:
                self._values[value.name] = self._declared(value)

    def _declared(self, value: Any) -> Any:
        """Returns an input: tokens, vectors, or a state."""
        kind = _dtype(self._onnx, value.type.tensor_type.elem_type)
        rank = len(value.type.tensor_type.shape.dim)
        if kind.kind in "iu" and rank == 2:
            return Tokens((_FIRST, _SECOND))
        return Values(-1, (_FIRST, _SECOND, _ELEMENTS)) if rank == 3 else Start(None)

    # ---- nodes

    def network(self) -> Network:
        for node in self._nodes:
            inputs = [self._values.get(name) if name else None for name in node.inputs]
            for name, result in zip(node.outputs, self._results(node, inputs)):
                self._values[name] = result
        found = [self._values[name] for name in self._outputs if isinstance(self._values.get(name), Values)]
        if not self._layers or not found:
            raise RefusalError(f"the model has no recurrent layer; {_EXPECTED}, got {self._operators()}")
        y = found[0]
        self._take_residual(y)
        if y.layer != len(self._layers) - 1 or (self._decoder is not None and not y.is_decoded):
            raise RefusalError("the output is not of the last layer; expected it, got another value")
        if y.axes != (_FIRST, _SECOND, _ELEMENTS):
            raise RefusalError(
                "the output has other axes than the input; expected the same order, got another"
            )
        return self._built()

    def _operators(self) -> str:
        return ", ".join(dict.fromkeys(node.operator for node in self._nodes)) or "no node"

    def _results(self, node: OnnxNode, inputs: list[Any]) -> Sequence[Any]:
        operator = node.operator
        if operator == "Constant":
            return [self._constant(node)]
        given = [value for value in inputs if value is not None]
        if operator in _FOLDED and given and all(isinstance(value, np.ndarray) for value in given):
            return [_folded(node, inputs)]
        if operator in ("Identity", "Dropout"):
            return [inputs[0], None]
        if operator in ("RNN", "LSTM", "GRU"):
            return self._layer(node, inputs)
        method = getattr(self, f"_{operator.lower()}", None) if operator.isalnum() else None
        result = method(node, *inputs) if method and operator not in ("Layer", "Constant") else None
        if result is None and any(isinstance(value, (Size, Start)) for value in given):
            # what computes shapes and states
            result = self._state(node, inputs)
        if result is None:
            raise RefusalError(
                f"node '{node.outputs[0]}' has no place in a network; {_EXPECTED}, got {operator}"
            )
        return [result]

    def _constant(self, node: OnnxNode) -> Any:
        if node.has("value"):
            return node.array("value")
        for name, kind in (("value_float", np.float32), ("value_floats", np.float32), ("value_int", np.int64),
                           ("value_ints", np.int64)):  # fmt: skip
            if node.has(name):
                return np.array(node.get(name), kind)
        raise node.refusal("has the wrong value", "numbers", ", ".join(node.attributes))

    def _state(self, node: OnnxNode, inputs: list[Any]) -> Any:
        """Returns a size, or states that are the same for all sequences."""
        if node.operator == "ConstantOfShape":
            fill = node.array("value") if node.has("value") else np.zeros(1, np.float32)
            return Start(np.ravel(fill)[:1])
        if node.operator == "Expand":
            return self._start(node, inputs[0])
        if node.operator in (
            "Concat",
            "Unsqueeze",
            "Squeeze",
            "Slice",
            "Gather",
            "Cast",
            "Transpose",
            "Split",
        ):
            starts = [value for value in inputs if isinstance(value, Start)]
            if not starts:
                return Size()
            if node.operator == "Concat" and len(starts) > 1:
                if all(start.rows is not None for start in starts):
                    return Start(np.stack([np.ravel(start.rows) for start in starts]))
                return Start(None)
            return starts[0]
        return Size() if node.operator in ("Add", "Mul", "Div", "Sub", "Mod", "Equal", "Where") else None

    @staticmethod
    def _start(node: OnnxNode, value: Any) -> Start:
        """Returns the initial states that a layer is given."""
        if value is None or isinstance(value, Start):
            return Start(None) if value is None else value
        if isinstance(value, Values) and value.layer == -1:
            # an input of three axes
            return Start(None)
        if not isinstance(value, np.ndarray):
            raise node.refusal("has the wrong initial state", "a constant or an input", type(value).__name__)
        if value.ndim == 2:
            value = value[None]
        if (value != value[:, :1]).any():
            raise node.refusal("has the wrong initial state", "the same for all sequences", "different ones")
        return Start(value[:, 0])

    # ---- values that the layers read and write

    def _shape(self, node: OnnxNode, value: Any) -> Any:
        return Size()

    def _cast(self, node: OnnxNode, value: Any, *rest: Any) -> Any:
        return value if isinstance(value, (Tokens, Values)) else None

    def _gather(self, node: OnnxNode, table: Any, value: Any) -> Any:
        if not isinstance(value, Tokens) or not isinstance(table, np.ndarray):
            return None
        node.check("axis", 0)
        if self._table is not None or table.ndim != 2:
            raise node.refusal("has the wrong table", "one embedding of two axes", table.shape)
        self._table, self._input_size = table, table.shape[0]
        return Values(-1, (*value.axes, _ELEMENTS))

    def _onehot(self, node: OnnxNode, value: Any, depth: Any, values: Any) -> Any:
        if not isinstance(value, Tokens) or not isinstance(depth, np.ndarray):
            return None
        if node.get("axis", -1) not in (-1, 2) or [float(v) for v in values] != [0, 1]:
            raise node.refusal("has other vectors", "0 and 1 along the last axis", f"{values.tolist()}")
        self._input_size = int(np.ravel(depth)[0])
        return Values(-1, (*value.axes, _ELEMENTS))

    def _transpose(self, node: OnnxNode, value: Any) -> Any:
        if not isinstance(value, (Tokens, Values)):
            return None
        perm = node.get("perm", list(range(len(value.axes)))[::-1])
        return value._replace(axes=tuple(value.axes[i] for i in perm))

    def _squeeze(self, node: OnnxNode, value: Any, axes: Any = None) -> Any:
        if not isinstance(value, Values):
            return None
        gone = [i % len(value.axes) for i in node.axes(axes)]
        if [value.axes[i] for i in gone] != [_DIRECTIONS] or self._layers[-1].directions != 1:
            raise node.refusal("has the wrong axes", "that of one direction", gone)
        return value._replace(axes=tuple(axis for axis in value.axes if axis != _DIRECTIONS))

    def _reshape(self, node: OnnxNode, value: Any, shape: Any) -> Any:
        if not isinstance(value, Values):
            return None
        if value.axes[2:] != (_DIRECTIONS, _ELEMENTS):
            raise node.refusal("has the wrong operand", "the outputs of both directions", value.axes)
        last = self._layers[-1]
        sizes = [-1, last.directions * last.units]
        if isinstance(shape, np.ndarray) and (len(shape) != 3 or int(shape[2]) not in sizes):
            raise node.refusal("has the wrong shape", f"three axes, the last {sizes[1]}", shape.tolist())
        return value._replace(axes=(*value.axes[:2], _ELEMENTS))

    def _matmul(self, node: OnnxNode, value: Any, matrix: Any) -> Any:
        if not isinstance(value, Values) or not isinstance(matrix, np.ndarray):
            return None
        self._take_residual(value)
        if self._decoder is not None or value.layer < 0 or value.layer != len(self._layers) - 1:
            raise node.refusal("has the wrong operand", "the outputs of the last layer", "another value")
        self._decoder = matrix.T
        self._is_tied = self._table is not None and self._table.shape == matrix.T.shape
        self._is_tied = self._is_tied and bool(np.array_equal(self._table, matrix.T))
        return value._replace(is_decoded=True)

    def _add(self, node: OnnxNode, a: Any, b: Any) -> Any:
        if isinstance(b, Values) and isinstance(a, np.ndarray):
            a, b = b, a
        if isinstance(a, Values) and isinstance(b, np.ndarray):
            if not a.is_decoded or self._bias is not None:
                raise node.refusal("has the wrong operand", "the decoder's product", "another value")
            self._bias = b
            return a
        if isinstance(a, Values) and isinstance(b, Values):
            upper, lower = (a, b) if a.layer > b.layer else (b, a)
            is_above = (
                upper.axes == lower.axes and upper.layer == lower.layer + 1 >= 1 and not upper.is_decoded
            )
            if is_above and self._layers[lower.layer].is_residual == lower.is_residual:
                return upper._replace(is_residual=True)
            raise node.refusal("has the wrong operands", "the outputs of a layer and its input", "others")
        return None

    def _take_residual(self, value: Values) -> None:
        """Keeps whether the input of a layer is added to its outputs."""
        if 0 <= value.layer < len(self._layers):
            self._layers[value.layer] = self._layers[value.layer]._replace(is_residual=value.is_residual)

    # ---- layers

    def _layer(self, node: OnnxNode, inputs: list[Any]) -> Sequence[Any]:
        inputs = inputs + [None] * (8 - len(inputs))
        x, W, R, B, lengths = inputs[:5]
        cell, directions = self._cell(node, inputs)
        if lengths is not None:
            raise node.refusal("has the wrong inputs", "sequences of one length", "sequence_lens")
        expected = (_FIRST, _SECOND)
        if not isinstance(x, Values) or x.is_decoded or x.layer != len(self._layers) - 1:
            raise node.refusal(
                "has the wrong operand", "the input, or the outputs of the layer below", "another"
            )
        time = self._time or x.axes[0]
        if x.axes not in ((*expected, _ELEMENTS), (*expected[::-1], _ELEMENTS)) or x.axes[0] != time:
            raise node.refusal("has the wrong operand", "vectors for each step", x.axes)
        self._time = time
        self._take_residual(x)
        if not all(isinstance(array, np.ndarray) for array in (W, R)) or not isinstance(
            B, (np.ndarray, type(None))
        ):
            raise node.refusal("has the wrong weights", "constants", "computed ones")
        units, rows, below = R.shape[2], R.shape[1], W.shape[2]
        B = np.zeros((directions, 2 * rows), R.dtype) if B is None else B
        sizes = (W.shape[:2], R.shape[:2], B.shape)
        if (
            sizes != ((directions, rows),) * 2 + ((directions, 2 * rows),)
            or node.get("hidden_size", units) != units
        ):
            raise node.refusal("has the wrong weights", f"{directions} directions of {units} units", sizes)
        starts = [self._start(node, start) for start in inputs[5 : 7 if node.operator == "LSTM" else 6]]
        if not self._layers and self._table is None and not self._input_size:
            self._input_size = below
        parts = [
            _weights(cell, W[d], R[d], B[d], None if inputs[7] is None else inputs[7][d])
            for d in range(directions)
        ]
        self._layers.append(_Layer(cell, units, below, directions, parts, starts, False))
        axes = (x.axes[0], _DIRECTIONS, x.axes[1], _ELEMENTS)
        return [Values(len(self._layers) - 1, axes), Size(), Size()]

    def _cell(self, node: OnnxNode, inputs: list[Any]) -> tuple[str, int]:
        """Returns the cell and the number of directions of a node."""
        direction = node.get("direction", "forward")
        if direction not in ("forward", "bidirectional"):
            raise node.refusal("has the wrong direction", "'forward' or 'bidirectional'", repr(direction))
        directions = 2 if direction == "bidirectional" else 1
        for name in ("clip", "activation_alpha", "activation_beta"):
            if node.has(name):
                raise node.refusal("has the wrong attributes", f"no {name}", node.get(name))
        node.check("layout", 0)
        usual = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}[
            node.operator
        ]
        names = [name.decode() if isinstance(name, bytes) else name for name in node.get("activations", [])]
        names = [name.capitalize() for name in names or usual * directions]
        allowed = [usual * directions] + ([["Relu"] * directions] if node.operator == "RNN" else [])
        if names not in allowed:
            raise node.refusal("has the wrong activations", " or ".join(map(str, allowed)), names)
        if node.operator == "RNN":
            return f"rnn_{names[0].lower()}", directions
        if node.operator == "GRU":
            return ("gru" if node.get("linear_before_reset", 0) else "gru_reset_before"), directions
        has_peepholes, is_coupled = inputs[7] is not None, bool(node.get("input_forget", 0))
        if has_peepholes and is_coupled:
            raise node.refusal("has the wrong inputs", "peepholes or input_forget", "both")
        return f"lstm{'_peephole' * has_peepholes}{'_coupled' * is_coupled}", directions

    def _built(self) -> Network:
        first = self._layers[0]
        for k, layer in enumerate(self._layers):
            below = self._layers[k - 1]
            inputs = below.units * below.directions if k else self._inputs()
            if (layer.cell, layer.directions) != (first.cell, first.directions) or layer.inputs != inputs:
                raise RefusalError(
                    f"layer {k} does not fit; expected {first.cell} of {first.directions} directions and {inputs} "
                    f"inputs, got {layer.cell} of {layer.directions} and {layer.inputs}"
                )
        residual = {layer.is_residual for layer in self._layers[1:]}
        if len(residual) == 2 or first.is_residual:
            raise RefusalError(
                "residual connections are at some layers; expected them at all above the lowest, got others"
            )
        starts = [start for layer in self._layers for start in layer.starts]
        learned = any(start.rows is not None and np.any(start.rows) for start in starts)
        dtype = np.dtype(first.weights[0][next(iter(first.weights[0]))].dtype)
        if dtype not in DTYPES:
            raise RefusalError(f"weights have the wrong type; expected float32 or float64, got {dtype}")
        # the class of the cell, created without the arguments that only it has
        kind = Checkpoint._by_cell.get(first.cell, Network)
        network: Network = kind.__new__(kind)
        network._build(
            as_cell(first.cell),
            self._input_size,
            [layer.units for layer in self._layers],
            None if self._decoder is None else self._decoder.shape[0],
            None if self._table is None else self._table.shape[1],
            str(dtype),
            0,
            self._is_tied,
            0.0,
            batch_first=self._time == _SECOND,
            learned_initial_state=learned,
            residual=True in residual,
            variational=False,
            bidirectional=first.directions == 2,
        )
        for name, array in self._arrays(learned, network._sizes.states).items():
            mat = network.parameters[name]
            if not np.isfinite(array).all():
                raise RefusalError(
                    f"{name} is not finite; expected finite elements, got {np.ravel(array).tolist()[:3]}"
                )
            mat.w = np.reshape(array, mat.shape)
        return network

    def _inputs(self) -> int:
        return self._input_size if self._table is None else int(self._table.shape[1])

    def _arrays(self, learned: bool, states: Any) -> dict[str, Any]:
        """Returns the parameters by name."""
        found: dict[str, Any] = {} if self._table is None else {"Wil": self._table}
        for k, layer in enumerate(self._layers):
            for d, weights in enumerate(layer.weights):
                suffix = f"{k}{'r' * d}"
                found.update({f"{name}{suffix}": array for name, array in weights.items()})
                for state, start in zip(states, layer.starts) if learned else ():
                    rows = np.zeros(1) if start.rows is None else np.ravel(start.rows)
                    rows = rows.reshape(layer.directions, -1)[d] if rows.size > 1 else rows
                    found[f"{state}s{suffix}"] = np.broadcast_to(rows, layer.units)
        if self._decoder is not None:
            if not self._is_tied:
                found["Whd"] = self._decoder
            outputs = self._decoder.shape[0]
            found["bd"] = (
                np.zeros(outputs) if self._bias is None else np.broadcast_to(np.ravel(self._bias), outputs)
            )
        return found


def _weights(cell: str, W: Any, R: Any, B: Any, P: Any) -> dict[str, Any]:
    """Returns the parameters of a direction by name, without the layer's number."""
    operator, gates = OPERATORS[cell]
    H, found = R.shape[1], {}
    input_bias, recurrent_bias = np.split(B, 2)
    for g, gate in enumerate(gates):
        mine = slice(g * H, (g + 1) * H)
        if not gate:
            continue
        x, h, b = (f"W{gate}x", f"W{gate}h", f"b{gate}") if operator != "RNN" else ("Wxh", "Whh", "bhh")
        found[x], found[h] = W[mine], R[mine]
        if cell == "gru" and gate == "n":
            found[b], found["bnh"] = input_bias[mine], recurrent_bias[mine]
        else:
            found[b] = input_bias[mine] + recurrent_bias[mine]
    for g, gate in enumerate(PEEPHOLES if P is not None else ""):
        found[f"p{gate}"] = P[g * H : (g + 1) * H]
    return found
