"""Networks as ONNX models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._version import __version__
from .exported import Exported
from .onnx_graph import OnnxGraph
from .onnx_package import onnx_package
from .onnx_scan import add_scan
from .step import Step, check_finite, steps_of

if TYPE_CHECKING:
    import numpy.typing as npt


# of 2022: onnxruntime 1.12 and newer run them
OPSET, IR_VERSION = 17, 8
# a file of protobuf has at most 2 GiB
_MAX_BYTES = 2**31 - 2**24
# the operator of a cell, and its gates in the operator's order; an empty one has no weights
OPERATORS: dict[str, tuple[str, Sequence[str]]] = {
    "rnn_tanh": ("RNN", "h"),
    "rnn_relu": ("RNN", "h"),
    "lstm": ("LSTM", "iofc"),
    "lstm_peephole": ("LSTM", "iofc"),
    "lstm_coupled": ("LSTM", ["i", "o", "", "c"]),
    "gru": ("GRU", "zrn"),
    "gru_reset_before": ("GRU", "zrn"),
}
PEEPHOLES = "iof"


def onnx_bytes(
    net: Exported, tokens: bool, states: bool, lengths: bool, dtype: Any, metadata: Mapping[str, str]
) -> bytes:
    """Returns the file of a network.

    Parameters
    ----------
    net : Exported
        The network.
    tokens : bool
        Whether the input is tokens; those of a network without an embedding are one-hot.
    states : bool
        Whether the initial states are inputs.
    lengths : bool
        Whether the lengths of the sequences are an input.
    dtype : dtype
        The type of the numbers.
    metadata : mapping of str to str
        The texts in the file.
    """
    onnx = onnx_package("to_onnx")
    check_finite(net)
    count = net.flat.n * np.dtype(dtype).itemsize
    if count > _MAX_BYTES:
        raise ValueError(
            f"the network is too large; expected at most {_MAX_BYTES} bytes of weights, got {count}"
        )
    model = _Export(onnx, net, tokens, states, lengths, dtype).model()
    for key, text in metadata.items():
        model.metadata_props.add(key=key, value=text)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


class _Export:
    """The graph of a network, part by part from the input to the outputs."""

    def __init__(
        self, onnx: Any, net: Exported, tokens: bool, states: bool, lengths: bool, dtype: Any
    ) -> None:
        self._onnx, self._net, self._dtype = onnx, net, np.dtype(dtype)
        self._sizes, self._graph = net._sizes, OnnxGraph(onnx)
        self._takes_tokens = tokens or net.embedding is not None
        self._takes_states, self._steps = states, steps_of(net)
        # the names of the lengths, and of whether a step is within them, (T, B, 1)
        self._lengths, self._valid = "lengths" if lengths else "", ""
        self._table = ""
        self._finals: dict[str, str] = {}

    def model(self) -> Any:
        graph, net = self._graph, self._net
        value = self._input()
        shape = graph.add("Shape", [value], "shape")
        self._sequences = graph.slice(shape, 1, 1, 0, "sequences_of_x")
        if self._lengths:
            self._valid = self._mask(shape)
        for k in range(len(net.hidden_sizes)):
            below, value = value, self._layer(k, value)
            if net.residual and k:
                value = graph.add("Add", [value, below], f"residual{k}")
        value = self._decoder(value)
        if self._lengths and net.output_size:
            # the decoder's bias is added to padding too
            zero = graph.constant(np.array(0), "zero", self._dtype)
            value = graph.add("Where", [self._valid, value, zero], "valid_y")
        if net.batch_first:
            graph.append("Transpose", [value], ["y"], perm=[1, 0, 2])
        else:
            graph.append("Identity", [value], ["y"])
        steps = ["sequences", "steps"] if net.batch_first else ["steps", "sequences"]
        graph.outputs.append(graph.value("y", self._dtype, [*steps, self._sizes.outputs]))
        for step in self._steps:
            for name, rows in step.states.items():
                final = f"final_{name}{step.suffix}"
                graph.append("Identity", [self._finals[f"{name}{step.suffix}"]], [final])
                graph.outputs.append(graph.value(final, self._dtype, ["sequences", rows]))
        helper = self._onnx.helper
        written = helper.make_graph(
            graph.nodes, "recurrent", graph.inputs, graph.outputs, list(graph.constants.values())
        )
        return helper.make_model(
            written,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="recurrent",
            producer_version=__version__,
        )

    # ---- ends

    def _input(self) -> str:
        """Declares x; returns vectors for each step, (T, B, n)."""
        graph, net = self._graph, self._net
        steps = ["sequences", "steps"] if net.batch_first else ["steps", "sequences"]
        name = graph.name("x")
        if not self._takes_tokens:
            graph.inputs.append(graph.value(name, self._dtype, [*steps, net.input_size]))
            return str(graph.add("Transpose", [name], "x", perm=[1, 0, 2])) if net.batch_first else name
        graph.inputs.append(graph.value(name, np.int64, steps))
        if net.batch_first:
            name = graph.add("Transpose", [name], "x", perm=[1, 0])
        if net.embedding:
            self._table = graph.constant(net.parameters["Wil"].w, "Wil", self._dtype)
            return str(graph.add("Gather", [self._table, name], "embedded", axis=0))
        depth = graph.constant(np.array(net.input_size, np.int64), "tokens")
        # runtimes make one-hot vectors of float32
        values = graph.constant(np.array([0, 1]), "one_hot_values", np.float32)
        vectors = graph.add("OneHot", [name, depth, values], "one_hot")
        if self._dtype == np.float32:
            return str(vectors)
        return str(graph.add("Cast", [vectors], "one_hot", to=self._onnx.TensorProto.DOUBLE))

    def _mask(self, shape: str) -> str:
        """Declares the lengths; returns whether a step is within them, (T, B, 1)."""
        graph = self._graph
        graph.inputs.append(graph.value(graph.name(self._lengths), np.int32, ["sequences"]))
        zero, one = (graph.constant(np.array(n, np.int64), name) for n, name in ((0, "first"), (1, "one")))
        count = graph.add("Squeeze", [graph.slice(shape, 0, 1, 0, "steps_of_x"), graph.ints(0)], "steps_of_x")
        steps = graph.add(
            "Unsqueeze", [graph.add("Range", [zero, count, one], "step"), graph.ints(1, 2)], "step"
        )
        limits = graph.add("Cast", [self._lengths], "limits", to=self._onnx.TensorProto.INT64)
        return str(
            graph.add("Less", [steps, graph.add("Unsqueeze", [limits, graph.ints(0, 2)], "limits")], "valid")
        )

    def _decoder(self, value: str) -> str:
        net, graph = self._net, self._graph
        if not net.output_size:
            return value
        if net.tied:
            matrix = graph.add("Transpose", [self._table], "Wil_transposed", perm=[1, 0])
        else:
            matrix = graph.constant(net.parameters["Whd"].w.T, "Whd", self._dtype)
        product = graph.add("MatMul", [value, matrix], "decoded")
        bias = graph.constant(net.parameters["bd"].w[:, 0], "bd", self._dtype)
        return str(graph.add("Add", [product, bias], "decoded"))

    # ---- layers

    def _initial(self, step: Step) -> list[str]:
        """Returns the initial states of a direction, (B, rows): inputs, or the same for all sequences."""
        graph, found = self._graph, []
        for name, rows in step.states.items():
            if self._takes_states:
                found.append(graph.name(f"initial_{name}{step.suffix}"))
                graph.inputs.append(graph.value(found[-1], self._dtype, ["sequences", rows]))
                continue
            given = graph.constant(step.initial[name][None], f"{name}s{step.suffix}", self._dtype)
            shape = graph.add("Concat", [self._sequences, graph.ints(rows)], "state_shape", axis=0)
            found.append(str(graph.add("Expand", [given, shape], f"{name}{step.suffix}")))
        return found

    def _layer(self, k: int, x: str) -> str:
        """Adds a layer; returns its outputs, (T, B, rows) of all directions."""
        directions = self._sizes.directions
        steps = self._steps[k * directions : (k + 1) * directions]
        initial = [self._initial(step) for step in steps]
        # runtimes have the operators in float32 alone
        if self._net.cell in OPERATORS and self._dtype == np.float32 and self._net._is_of_library(k):
            return self._operator(steps, x, initial)
        outputs = []
        for step, start in zip(steps, initial):
            *finals, y = add_scan(self._graph, step, self._dtype, x, start, self._valid)
            self._keep(step, finals)
            outputs.append(y)
        if len(outputs) == 1:
            return outputs[0]
        return str(self._graph.add("Concat", outputs, f"layer{k}", axis=2))

    def _keep(self, step: Step, finals: Sequence[str]) -> None:
        self._finals.update({f"{name}{step.suffix}": final for name, final in zip(step.states, finals)})

    def _operator(self, steps: Sequence[Step], x: str, initial: Sequence[Sequence[str]]) -> str:
        """Adds a layer as RNN, LSTM or GRU."""
        graph, cell, k = self._graph, self._net.cell, steps[0].suffix
        operator = OPERATORS[cell][0]
        arrays = [operator_weights(self._net, step.suffix) for step in steps]
        names = [
            graph.constant(np.stack(parts), f"{name}{k}", self._dtype)
            for name, parts in zip("WRB", zip(*arrays))
        ]
        inputs = [x, *names, self._lengths]
        for s in range(len(steps[0].states)):
            rows = [graph.add("Unsqueeze", [start[s], graph.ints(0)], "state") for start in initial]
            inputs.append(rows[0] if len(rows) == 1 else graph.add("Concat", rows, "state", axis=0))
        attributes: dict[str, Any] = {"hidden_size": self._net.hidden_sizes[int(k)]}
        attributes["direction"] = "bidirectional" if len(steps) == 2 else "forward"
        if operator == "GRU":
            attributes["linear_before_reset"] = int(cell == "gru")
        if operator == "RNN":
            attributes["activations"] = ["Relu" if cell == "rnn_relu" else "Tanh"] * len(steps)
        if cell == "lstm_coupled":
            attributes["input_forget"] = 1
        if cell == "lstm_peephole":
            peepholes = [_stacked(self._net, "p{}", PEEPHOLES, step.suffix)[:, 0] for step in steps]
            inputs.append(graph.constant(np.stack(peepholes), f"P{k}", self._dtype))
        y, *finals = graph.add(operator, inputs, f"layer{k}", 1 + len(steps[0].states), **attributes)
        for d, step in enumerate(steps):
            parts = [
                graph.add(
                    "Squeeze", [graph.slice(final, d, 1, 0, "state"), graph.ints(0)], f"last{step.suffix}"
                )
                for final in finals
            ]
            self._keep(step, parts)
        if len(steps) == 1:
            return str(graph.add("Squeeze", [y, graph.ints(1)], f"y{k}"))
        # (T, directions, B, H) as (T, B, directions H)
        sides = graph.add("Transpose", [y], f"y{k}", perm=[0, 2, 1, 3])
        return str(graph.add("Reshape", [sides, graph.ints(0, 0, -1)], f"y{k}"))


def _stacked(net: Exported, form: str, gates: Sequence[str], suffix: str) -> npt.NDArray[Any]:
    """Returns parameters of the gates on top of each other; zeros of a gate without."""
    return np.concatenate([
        net.parameters[f"{form.format(gate)}{suffix}"].w if gate
        else np.zeros_like(net.parameters[f"{form.format(gates[0])}{suffix}"].w)
        for gate in gates
    ])  # fmt: skip


def operator_weights(net: Exported, suffix: str) -> list[npt.NDArray[Any]]:
    """Returns W, R and B of a direction, in the operator's order of the gates."""
    operator, gates = OPERATORS[net.cell]
    # the bias of a plain layer is bhh
    b = _stacked(net, "bh{}" if operator == "RNN" else "b{}", gates, suffix)[:, 0]
    recurrent = np.zeros_like(b)
    if net.cell == "gru":
        bnh = net.parameters[f"bnh{suffix}"].w[:, 0]
        recurrent[-len(bnh) :] = bnh
    return [
        _stacked(net, "W{}x" if operator != "RNN" else "Wx{}", gates, suffix),
        _stacked(net, "W{}h" if operator != "RNN" else "Wh{}", gates, suffix),
        np.concatenate([b, recurrent]),
    ]
