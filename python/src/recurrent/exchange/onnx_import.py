"""Networks of ONNX models."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .._checks import DTYPES, as_path
from ..nn.cell import as_cell
from ..nn.checkpoint import Checkpoint
from ..nn.network import Network
from .onnx_export import OPERATORS, PEEPHOLES
from .onnx_node import FOLDED, OnnxNode, RefusalError, dtype_of, folded
from .onnx_package import onnx_package
from .onnx_scan_import import ScannedCell, ScannedStep

_EXPECTED = "expected a model of RNN, LSTM, GRU or Scan layers with an embedding and a decoder"
# axes of values: the first two of the input, its elements, directions, the elements of one of two directions
_FIRST, _SECOND, _ELEMENTS, _DIRECTIONS = "0", "1", "elements", "directions"
_SIDES = ("forward", "backward")


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


class Lengths(NamedTuple):
    """The lengths of the sequences: the name of the input; with the axes of steps and elements or without."""

    name: str
    has_axes: bool = False


class Steps(NamedTuple):
    """The numbers of the steps, from 0; with the axes of sequences and elements or without."""

    has_axes: bool = False


class Valid(NamedTuple):
    """Whether a step is within the length of its sequence, (T, B, 1)."""

    name: str


class Size:
    """What follows from the shape of a value."""


def from_onnx(path: str | os.PathLike[str]) -> Network:
    """Returns the network of an ONNX file: layers of RNN, LSTM, GRU or Scan nodes. Needs the package onnx.

    The file may have an embedding (Gather) or one-hot tokens, several layers, both directions, residual connections,
    constant initial states, which become learned ones, and a decoder (MatMul and Add): what ``to_onnx`` writes, and
    PyTorch's exporter of such a module. Names of inputs and outputs are free; final states are ignored. An LSTM with
    peepholes is the cell "lstm_peephole", one with ``input_forget`` "lstm_coupled". The body of a Scan becomes the step
    of a cell of the network's own, whose parameters are the constants that the body reads. Lengths that are an input of
    the model are the argument ``lengths`` of calls; the outputs of padding are 0.

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
    # of each state
    rows: list[int]
    dtype: Any
    # the name of the input with the lengths
    lengths: str | None
    # of a Scan, one for each direction
    steps: list[ScannedStep]
    is_residual: bool = False


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
        # what Scans read in reverse
        self._reversed = {
            node.inputs[-int(node.get("num_scan_inputs", 1))]
            for node in self._nodes
            if node.operator == "Scan" and 1 in node.get("scan_input_directions", [])
        }
        for value in graph.input:
            if value.name not in self._values:
                self._values[value.name] = self._declared(value)

    def _declared(self, value: Any) -> Any:
        """Returns an input: tokens, vectors, or a state."""
        kind = dtype_of(self._onnx, value.type.tensor_type.elem_type)
        rank = len(value.type.tensor_type.shape.dim)
        if kind.kind in "iu" and rank == 2:
            return Tokens((_FIRST, _SECOND))
        if kind.kind in "iu" and rank == 1:
            return Lengths(value.name)
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
            return [node.constant()]
        given = [value for value in inputs if value is not None]
        if operator in FOLDED and given and all(isinstance(value, np.ndarray) for value in given):
            return [folded(node, inputs)]
        if operator in ("Identity", "Dropout"):
            return [inputs[0], None]
        if operator in ("RNN", "LSTM", "GRU"):
            return self._layer(node, inputs)
        if operator == "Scan":
            return self._scan(node, inputs)
        method = getattr(self, f"_{operator.lower()}", None) if operator.isalnum() else None
        result = method(node, *inputs) if method and operator not in ("Layer", "Start") else None
        if result is None and any(isinstance(value, (Size, Start)) for value in given):
            # what computes shapes and states
            result = self._state(node, inputs)
        if result is None:
            raise RefusalError(
                f"node '{node.outputs[0]}' has no place in a network; {_EXPECTED}, got {operator}"
            )
        return [result]

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
        return value if isinstance(value, (Tokens, Values, Lengths)) else None

    # ---- lengths

    def _range(self, node: OnnxNode, start: Any, limit: Any, delta: Any) -> Any:
        numbers = [n.ravel()[0] for n in (start, delta) if isinstance(n, np.ndarray) and n.size == 1]
        return Steps() if numbers == [0, 1] and isinstance(limit, Size) else None

    def _unsqueeze(self, node: OnnxNode, value: Any, axes: Any = None) -> Any:
        if isinstance(value, (Steps, Lengths)) and not value.has_axes:
            expected = [1, 2] if isinstance(value, Steps) else [0, 2]
            return value._replace(has_axes=True) if node.axes(axes) == expected else None
        return None

    def _less(self, node: OnnxNode, a: Any, b: Any) -> Any:
        is_mask = isinstance(a, Steps) and isinstance(b, Lengths) and a.has_axes and b.has_axes
        return Valid(b.name) if is_mask else None

    def _where(self, node: OnnxNode, mask: Any, value: Any, other: Any) -> Any:
        """Returns outputs whose padding is 0: those of a network are."""
        if not isinstance(mask, Valid) or not isinstance(value, Values):
            return None
        is_zero = isinstance(other, np.ndarray) and not other.any()
        layer = self._layers[-1] if self._layers else None
        if layer is None or not is_zero or layer.lengths != mask.name or value.axes[0] != self._time:
            raise node.refusal("has the wrong operands", "the lengths of the layers and 0", "others")
        return value

    # ---- ends and axes

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
        if lengths is not None and (not isinstance(lengths, Lengths) or lengths.has_axes):
            raise node.refusal(
                "has the wrong sequence_lens", "an input of the model, or none", "other lengths"
            )
        self._take_operand(node, x, len(self._layers) - 1)
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
        name = None if lengths is None else lengths.name
        dtype = np.result_type(*parts[0].values())
        self._layers.append(
            _Layer(cell, units, below, directions, parts, starts, [units] * len(starts), dtype, name, [])
        )
        axes = (x.axes[0], _DIRECTIONS, x.axes[1], _ELEMENTS)
        return [Values(len(self._layers) - 1, axes), Size(), Size()]

    def _take_operand(self, node: OnnxNode, x: Any, below: int) -> None:
        """Checks what a layer reads, and keeps the order of its axes."""
        if not isinstance(x, Values) or x.is_decoded or x.layer != below:
            raise node.refusal(
                "has the wrong operand", "the input, or the outputs of the layer below", "another"
            )
        time, expected = self._time or x.axes[0], (_FIRST, _SECOND)
        if x.axes not in ((*expected, _ELEMENTS), (*expected[::-1], _ELEMENTS)) or x.axes[0] != time:
            raise node.refusal("has the wrong operand", "vectors for each step", x.axes)
        self._time = time
        self._take_residual(x)

    def _scan(self, node: OnnxNode, inputs: list[Any]) -> Sequence[Any]:
        """Adds a layer, or the second direction of the last one."""
        arrays = {name: value for name, value in self._values.items() if isinstance(value, np.ndarray)}
        step = ScannedStep(self._onnx, node, arrays)
        count = len(step.rows)
        starts, (x, *masks) = inputs[:count], inputs[count:]
        last = len(self._layers) - 1
        self._take_operand(node, x, last - step.is_reverse)
        lengths = masks[0] if masks else None
        if masks and not isinstance(lengths, Valid):
            raise node.refusal("has the wrong inputs", "vectors and whether a step is valid", "others")
        starts = [self._start(node, start) for start in starts]
        for start, rows in zip(starts, step.rows):
            if start.rows is not None and np.size(start.rows) not in (1, rows):
                raise node.refusal("has the wrong initial state", f"{rows} rows", np.size(start.rows))
        name = None if lengths is None else lengths.name
        if not step.is_reverse:
            if not self._layers and self._table is None and not self._input_size:
                self._input_size = step.inputs
            self._layers.append(
                _Layer("Scan", step.rows[0], step.inputs, 1, [step.weights], starts, step.rows, step.dtype, name,
                       [step])
            )  # fmt: skip
        else:
            layer = self._layers[last]
            if layer.directions != 1 or layer.lengths != name or not step.fits(layer.steps):
                raise node.refusal("has the wrong body", "that of the forward direction", "another")
            both = [_beside(a, b, rows) for a, b, rows in zip(layer.starts, starts, step.rows)]
            self._layers[last] = layer._replace(
                directions=2, weights=[*layer.weights, step.weights], starts=both, steps=[*layer.steps, step]
            )
        is_one = not step.is_reverse and node.inputs[count] not in self._reversed
        side = _ELEMENTS if is_one else _SIDES[step.is_reverse]
        return [*[Size()] * count, Values(len(self._layers) - 1, (x.axes[0], x.axes[1], side))]

    def _concat(self, node: OnnxNode, *values: Any) -> Any:
        """Returns the outputs of both directions of a Scan."""
        if not all(isinstance(value, Values) for value in values):
            return None
        sides = [(value.layer, value.axes[2:]) for value in values]
        layer = len(self._layers) - 1
        if node.get("axis") not in (2, -1) or sides != [(layer, (side,)) for side in _SIDES]:
            raise node.refusal("has the wrong operands", "the outputs of both directions", "others")
        return values[0]._replace(axes=(*values[0].axes[:2], _ELEMENTS))

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
        if len({layer.lengths for layer in self._layers}) > 1:
            raise RefusalError(
                "the layers have different sequence_lens; expected one input for all, got others"
            )
        dtype = np.dtype(first.dtype)
        if dtype not in DTYPES:
            raise RefusalError(f"weights have the wrong type; expected float32 or float64, got {dtype}")
        steps = [layer.steps[0] for layer in self._layers if layer.steps]
        counts = [len(step.rows) for step in steps]
        if len(set(counts)) > 1:
            raise RefusalError(f"the layers have different states; expected as many in all, got {counts}")
        cell: Any = as_cell(ScannedCell(steps) if steps else first.cell)
        # the class of the cell, created without the arguments that only it has
        kind = Checkpoint._by_cell.get(None if steps else first.cell, Network)
        network: Network = kind.__new__(kind)
        network._build(
            cell,
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
                for state, start, count in zip(states, layer.starts, layer.rows) if learned else ():
                    rows = np.zeros(1) if start.rows is None else np.ravel(start.rows)
                    rows = rows.reshape(layer.directions, -1)[d] if rows.size > 1 else rows
                    found[f"{state}s{suffix}"] = np.broadcast_to(rows, count)
        if self._decoder is not None:
            if not self._is_tied:
                found["Whd"] = self._decoder
            outputs = self._decoder.shape[0]
            found["bd"] = (
                np.zeros(outputs) if self._bias is None else np.broadcast_to(np.ravel(self._bias), outputs)
            )
        return found


def _beside(forward: Start, backward: Start, count: int) -> Start:
    """Returns the initial states of both directions."""
    if forward.rows is None and backward.rows is None:
        return Start(None)
    sides = [np.zeros(1) if start.rows is None else np.ravel(start.rows) for start in (forward, backward)]
    return Start(np.stack([np.broadcast_to(side, count) for side in sides]))


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
