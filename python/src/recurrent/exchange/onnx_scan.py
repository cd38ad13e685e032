"""A layer as an ONNX Scan of its step: cells that ONNX has no operator for, and float64."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .onnx_graph import OnnxGraph
from .step import Step, StepOperand, StepOperation

_SAME = {
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "relu": "Relu",
    "softplus": "Softplus",
    "neg": "Neg",
    "exp": "Exp",
    "log": "Log",
    "sqrt": "Sqrt",
    "abs": "Abs",
    "sin": "Sin",
    "cos": "Cos",
    "add": "Add",
    "sub": "Sub",
    "eltmul": "Mul",
    "div": "Div",
    "mul": "MatMul",
    "dropout": "Identity",
    "variational_dropout": "Identity",
}
# with a number beside the operand
_WITH_NUMBER = {"scale": "Mul", "shift": "Add", "pow": "Pow"}


def add_scan(
    graph: OnnxGraph, step: Step, dtype: Any, x: str, initial: Sequence[str], valid: str = ""
) -> list[str]:
    """Adds a layer in one direction; returns the names of its final states, and of its outputs (T, B, rows).

    ``valid`` is the name of whether a step is within the length of its sequence, (T, B, 1): the states do not change in
    others, whose outputs are 0.
    """
    body = _Body(graph, step, dtype, bool(valid))
    scanned = [x, valid] if valid else [x]
    is_reverse = int(step.suffix.endswith("r"))
    return list(
        graph.add(
            "Scan",
            [*initial, *scanned],
            f"layer{step.suffix}",
            len(step.states) + 1,
            body=body.written.graph(f"step{step.suffix}"),
            num_scan_inputs=len(scanned),
            scan_input_directions=[is_reverse] * len(scanned),
            scan_output_directions=[is_reverse],
        )
    )


class _Body:
    """The step as a graph. All values are transposed, a row for each sequence: (B, rows)."""

    def __init__(self, around: OnnxGraph, step: Step, dtype: Any, has_lengths: bool) -> None:
        self.written, self._step, self._dtype = OnnxGraph(around.onnx, around), step, np.dtype(dtype)
        graph, rows = self.written, list(step.states.values())
        self._values = {f"s{i}": graph.name(f"{name}{step.suffix}") for i, name in enumerate(step.states)}
        self._values["x"] = graph.name(f"x{step.suffix}")
        self._rows = {"x": step.inputs, **{f"s{i}": n for i, n in enumerate(rows)}}
        self._parts: dict[StepOperand, str] = {}
        graph.inputs += [graph.value(self._values[f"s{i}"], dtype, [None, n]) for i, n in enumerate(rows)]
        graph.inputs.append(graph.value(self._values["x"], dtype, [None, step.inputs]))
        valid = graph.name(f"valid{step.suffix}") if has_lengths else ""
        if valid:
            graph.inputs.append(graph.value(valid, np.bool_, [None, 1]))
        for i, operation in enumerate(step.operations):
            self._values[f"v{i}"], self._rows[f"v{i}"] = self._result(operation), operation.rows
        after = [self._operand(operand) for operand in step.next]
        y = after[0]
        if valid:
            y = graph.add("Where", [valid, y, self._number(0)], f"valid_y{step.suffix}")
            after = [
                graph.add("Where", [valid, new, self._values[f"s{i}"]], f"after{step.suffix}")
                for i, new in enumerate(after)
            ]
        # a name may occur once among the outputs
        for name, n in zip([*after, y], [*rows, rows[0]]):
            own = graph.add("Identity", [name], f"next{step.suffix}")
            graph.outputs.append(graph.value(own, dtype, [None, n]))

    def _operand(self, operand: StepOperand) -> str:
        if operand not in self._parts:
            if operand.is_constant:
                base = self._step.names[int(operand.source[1:])]
                array = self._step.constant(operand).T
                self._parts[operand] = self.written.constant(array, base, self._dtype)
            elif operand.rows == self._rows[operand.source]:
                self._parts[operand] = self._values[operand.source]
            else:
                self._parts[operand] = self.written.slice(
                    self._values[operand.source], operand.row, operand.rows, 1, "rows"
                )
        return self._parts[operand]

    def _number(self, value: float) -> str:
        return self.written.constant(np.array(value), "number", self._dtype)

    def _result(self, operation: StepOperation) -> str:
        """Adds an operation; returns the name of its result."""
        name, operands = operation.name, [self._operand(operand) for operand in operation.operands]
        add, number = self.written.add, operation.number or 0.0
        if name == "mul":
            # y = W v, transposed
            return str(add("MatMul", operands[::-1], name))
        # runtimes have Softplus in float32 alone
        if name in _SAME and not (name == "softplus" and self._dtype == np.float64):
            return str(add(_SAME[name], operands, name))
        if name in _WITH_NUMBER:
            return str(add(_WITH_NUMBER[name], [*operands, self._number(number)], name))
        method = getattr(self, f"_{name}", None)
        if method is None:
            raise ValueError(f"the step has the wrong operation; expected one that ONNX has, got {name}")
        return str(method(operands, number))

    # ---- operations of several nodes

    def _leaky_relu(self, operands: list[str], number: float) -> Any:
        # as max(x, 0) + slope min(x, 0), since runtimes have LeakyRelu in float32 alone
        add, zero = self.written.add, self._number(0)
        below = add("Mul", [add("Min", [*operands, zero], "below"), self._number(number)], "below")
        return add("Add", [add("Relu", operands, "above"), below], "leaky_relu")

    def _gelu(self, operands: list[str], number: float) -> Any:
        add = self.written.add
        erf = add("Erf", [add("Mul", [*operands, self._number(0.5**0.5)], "gelu")], "gelu")
        half = add("Mul", [*operands, self._number(0.5)], "gelu")
        return add("Mul", [half, add("Add", [erf, self._number(1)], "gelu")], "gelu")

    def _softplus(self, operands: list[str], number: float) -> Any:
        add = self.written.add
        small = add("Exp", [add("Neg", [add("Abs", operands, "softplus")], "softplus")], "softplus")
        small = add("Log", [add("Add", [small, self._number(1)], "softplus")], "softplus")
        return add("Add", [add("Relu", operands, "above"), small], "softplus")

    def _silu(self, operands: list[str], number: float) -> Any:
        return self.written.add("Mul", [*operands, self.written.add("Sigmoid", operands, "silu")], "silu")

    def _square(self, operands: list[str], number: float) -> Any:
        return self.written.add("Mul", [*operands, *operands], "square")

    def _concat_rows(self, operands: list[str], number: float) -> Any:
        return self.written.add("Concat", operands, "concat_rows", axis=1)

    def _sum(self, operands: list[str], number: float) -> Any:
        return self.written.add("ReduceSum", [*operands, self.written.ints(1)], "sum", keepdims=1)

    def _mean(self, operands: list[str], number: float) -> Any:
        return self.written.add("ReduceMean", operands, "mean", axes=[1], keepdims=1)

    def _softmax(self, operands: list[str], number: float) -> Any:
        return self.written.add("Softmax", operands, "softmax", axis=1)

    def _layer_norm(self, operands: list[str], number: float) -> Any:
        add = self.written.add
        centered = add("Sub", [operands[0], self._mean(operands[:1], 0)], "centered")
        variance = self._mean([self._square([centered], 0)], 0)
        deviation = add("Sqrt", [add("Add", [variance, self._number(number)], "variance")], "deviation")
        normal = add("Div", [centered, deviation], "layer_norm")
        if len(operands) == 1:
            return normal
        return add("Add", [add("Mul", [normal, operands[1]], "layer_norm"), operands[2]], "layer_norm")

    def _zoneout(self, operands: list[str], number: float) -> Any:
        add = self.written.add
        new = add("Mul", [operands[0], self._number(1 - number)], "zoneout")
        return add("Add", [new, add("Mul", [operands[1], self._number(number)], "zoneout")], "zoneout")
