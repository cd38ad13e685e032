"""The body of an ONNX Scan as the step of a cell: operations on rows, and the constants that it reads as parameters."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import tape
from .._checks import DTYPES
from ..mat import Mat
from ..nn.cell import Cell
from ..program import Program
from .onnx_node import OnnxNode, RefusalError, dtype_of

_UNARY = {
    "Tanh": "tanh",
    "Sigmoid": "sigmoid",
    "Relu": "relu",
    "Softplus": "softplus",
    "Exp": "exp",
    "Log": "log",
    "Sqrt": "sqrt",
    "Abs": "abs",
    "Sin": "sin",
    "Cos": "cos",
}
_EXPECTED = "expected an operation that a step has"


class _Part(NamedTuple):
    """A value in the middle of a layer normalization or a GELU, which steps have as one operation."""

    kind: str
    source: Mat
    number: float = 0.0


class _Masked(NamedTuple):
    """A value of valid steps, and what stands for it in others: a state, or None for 0."""

    value: Mat
    other: Mat | None


_VALID = object()


class ScannedStep:
    """The step of a layer in one direction.

    Attributes
    ----------
    inputs : int
        Rows of x.
    rows : list of int
        Rows of each state.
    states : list of str
        The names of the states.
    weights : dict of str to array
        The parameters by name, (n, d).
    dtype : dtype
        The type of all numbers.
    is_reverse : bool
        Whether the layer runs from the last step to the first.
    program : str
        The step as JSON.
    """

    def __init__(self, onnx: Any, node: OnnxNode, arrays: Mapping[str, Any]) -> None:
        self._node, body = node, node.get("body")
        scanned = int(node.get("num_scan_inputs", 1))
        count = len(body.input) - scanned
        if (
            scanned not in (1, 2)
            or count < 1
            or len(body.output) != count + 1
            or len(node.inputs) != count + scanned
        ):
            raise node.refusal(
                "has the wrong inputs", "states and one value for each step", f"{len(body.input)}"
            )
        self._inputs = [value.name for value in body.input]
        self._outputs = [value.name for value in body.output]
        self._has_mask = scanned == 2
        self.rows = [self._width(value) for value in body.input[:count]]
        self.inputs = self._width(body.input[count])
        self.dtype = dtype_of(onnx, body.input[count].type.tensor_type.elem_type)
        if self.dtype not in DTYPES:
            raise node.refusal("has the wrong type", "float32 or float64", self.dtype)
        self.is_reverse = self._direction(node, scanned)
        names = [re.fullmatch(r"([A-Za-z]+?)\d+r?(?:_\d+)?", name) for name in self._inputs[:count]]
        found = [name[1] for name in names if name]
        self.states = found if len(set(found)) == count else [f"s{'_' * i}" for i in range(count)]
        self._nodes = [OnnxNode(onnx, each) for each in body.node]
        self._constants = dict(arrays)
        for tensor in body.initializer:
            self._constants[tensor.name] = onnx.numpy_helper.to_array(tensor)
        for each in self._nodes:
            if each.operator == "Constant":
                self._constants[each.outputs[0]] = each.constant()
        self._names = self._parameter_names()
        # while the step is recorded: the values by name, and of those that are a mean or a multiple the other value
        self._values: dict[str, Any] = {}
        self._means: dict[int, Mat] = {}
        self._multiples: dict[int, tuple[Mat, float]] = {}
        self._parameters: Any = None
        self.weights = {
            name: np.ascontiguousarray(np.atleast_2d(self._constants[constant]).T, self.dtype)
            for constant, name in self._names.items()
        }
        self.program = self._recorded()

    def _width(self, value: Any) -> int:
        """Returns the elements of a vector, (B, n)."""
        dims = value.type.tensor_type.shape.dim
        if len(dims) != 2 or dims[1].dim_value < 1:
            raise self._node.refusal(
                "has the wrong body", f"the size of {value.name}, (sequences, n)", "none"
            )
        return int(dims[1].dim_value)

    @staticmethod
    def _direction(node: OnnxNode, scanned: int) -> bool:
        directions = list(node.get("scan_input_directions", [])) or [0] * scanned
        outputs = list(node.get("scan_output_directions", [])) or [0]
        if len({*directions, *outputs}) != 1 or any(
            node.get(f"scan_{side}_axes", [0] * count) != [0] * count
            for side, count in (("input", scanned), ("output", 1))
        ):
            raise node.refusal("has the wrong directions", "one direction, of the first axis", directions)
        return bool(directions[0] == 1)

    def _parameter_names(self) -> dict[str, str]:
        """Returns a name for each constant that is a parameter, without the number of the layer."""
        names: dict[str, str] = {}
        for node in self._nodes:
            operands = {"MatMul": [1], "Gemm": [1, 2]}.get(node.operator, range(len(node.inputs)))
            if node.operator not in ("MatMul", "Gemm", "Add", "Sub", "Mul", "Div"):
                continue
            for i in operands:
                name = node.inputs[i] if i < len(node.inputs) else ""
                array = self._constants.get(name)
                if array is None or _is_number(array) or name in names:
                    continue
                if np.ndim(array) > 2 or not np.issubdtype(array.dtype, np.floating):
                    raise node.refusal("has the wrong constant", "a matrix or a vector", f"{np.shape(array)}")
                found = re.match(r"[A-Za-z_]*[A-Za-z]", name)
                base, number = found[0] if found else "W", 1
                used = set(names.values())
                while base + "b" * (number - 1) in used:
                    number += 1
                names[name] = base + "b" * (number - 1)
        return names

    def fits(self, others: Sequence[ScannedStep]) -> bool:
        """Whether the step is that of a layer's other direction, with other weights."""
        other = others[0]
        if list(self.weights) != list(other.weights) and len(self.weights) == len(other.weights):
            # the names of one direction are those of both
            self.weights = dict(zip(other.weights, self.weights.values()))
            self._names = dict(zip(self._names, other.weights))
            self.program = self._recorded()
        return (self.program, self.states) == (other.program, other.states)

    # ---- recording

    def _recorded(self) -> str:
        shapes = {name: array.shape for name, array in self.weights.items()}
        try:
            return Program(self._step, self.inputs, self.rows, shapes, self.dtype).json()
        except RefusalError:
            raise
        except (ValueError, TypeError, RuntimeError, IndexError) as error:
            raise self._node.refusal("has the wrong body", "the operations of a step", str(error)) from None
        finally:
            # the Mats of the recording
            self._values, self._means, self._multiples, self._parameters = {}, {}, {}, None

    def _step(self, x: Mat, *rest: Any) -> list[Any]:
        *states, self._parameters = rest
        self._values = dict(zip(self._inputs, [*states, x, _VALID]))
        for node in self._nodes:
            results = self._results(node)
            self._values.update(zip(node.outputs, results))
        *after, y = [self._values.get(name) for name in self._outputs]
        expected = states if self._has_mask else []
        for i, state in enumerate(expected):
            value = after[i]
            if not isinstance(value, _Masked) or value.other is not state:
                raise self._node.refusal(
                    "has the wrong body", f"state {i} unchanged by padding", "another value"
                )
            after[i] = value.value
        if self._has_mask:
            is_zero = isinstance(y, _Masked) and y.other is None
            y = y.value if isinstance(y, _Masked) and is_zero else None
        if y is not after[0] or not all(isinstance(value, Mat) for value in after):
            raise self._node.refusal("has the wrong outputs", "its first state", "another value")
        return after

    def _refusal(self, node: OnnxNode) -> RefusalError:
        return RefusalError(
            f"node '{node.outputs[0]}' of {self._node.operator} '{self._node.outputs[0]}' has no place in a step; "
            f"{_EXPECTED}, got {node.operator}"
        )

    def _operand(self, name: str) -> Any:
        """Returns a value, a parameter, or a number."""
        if name in self._values:
            return self._values[name]
        if name in self._names:
            return self._parameters[self._names[name]]
        array = self._constants.get(name)
        return float(np.ravel(array)[0]) if array is not None and _is_number(array) else array

    def _results(self, node: OnnxNode) -> list[Any]:
        if node.operator == "Constant":
            return []
        operands = [self._operand(name) for name in node.inputs]
        if node.operator == "Identity":
            return operands[:1]
        if node.operator in _UNARY and isinstance(operands[0], Mat):
            return [getattr(operands[0], _UNARY[node.operator])()]
        method = getattr(self, f"_{node.operator.lower()}", None) if node.operator in _OPERATORS else None
        result = None if method is None else method(node, *operands)
        if result is None:
            raise self._refusal(node)
        return result if isinstance(result, list) else [result]

    def _matmul(self, node: OnnxNode, value: Any, matrix: Any) -> Any:
        is_product = isinstance(value, Mat) and node.inputs[1] in self._names
        return matrix @ value if is_product else None

    def _gemm(self, node: OnnxNode, value: Any, matrix: Any, bias: Any = None) -> Any:
        for name, expected in (("alpha", 1.0), ("beta", 1.0), ("transA", 0), ("transB", 0)):
            node.check(name, expected)
        product = self._matmul(node, value, matrix)
        return product if bias is None or product is None else product + bias

    def _neg(self, node: OnnxNode, a: Any) -> Any:
        return -a if isinstance(a, Mat) else None

    def _add(self, node: OnnxNode, a: Any, b: Any) -> Any:
        a, b = (b, a) if isinstance(a, float) else (a, b)
        if isinstance(a, _Part) and isinstance(b, float):
            if a.kind == "variance":
                return a._replace(kind="shifted", number=b)
            return a._replace(kind="erf + 1") if (a.kind, b) == ("erf", 1.0) else None
        return a + b if isinstance(a, Mat) and isinstance(b, (Mat, float)) else None

    def _sub(self, node: OnnxNode, a: Any, b: Any) -> Any:
        if isinstance(a, Mat) and isinstance(b, Mat) and self._means.get(id(b)) is a:
            return _Part("centered", a)
        are_values = all(isinstance(value, (Mat, float)) for value in (a, b))
        return a - b if are_values and not (isinstance(a, float) and isinstance(b, float)) else None

    def _mul(self, node: OnnxNode, a: Any, b: Any) -> Any:
        a, b = (b, a) if isinstance(a, float) else (a, b)
        if isinstance(a, _Part) and isinstance(b, _Part):
            return a._replace(kind="squared") if a is b and a.kind == "centered" else None
        if isinstance(a, _Part):
            a, b = b, a
        if isinstance(b, _Part):
            source, factor = self._multiples.get(id(a), (None, 0.0))
            is_gelu = b.kind == "erf + 1" and source is b.source and factor == 0.5
            return b.source.gelu() if is_gelu else None
        if not isinstance(a, Mat) or not isinstance(b, (Mat, float)):
            return None
        result = a * b
        if isinstance(b, float):
            self._multiples[id(result)] = (a, b)
        return result

    def _div(self, node: OnnxNode, a: Any, b: Any) -> Any:
        if isinstance(a, _Part) and isinstance(b, _Part):
            is_norm = (a.kind, b.kind) == ("centered", "deviation") and a.source is b.source
            return a.source.layer_norm(None, None, b.number) if is_norm else None
        if isinstance(a, float) and isinstance(b, Mat):
            return b.pow(-1.0) * a
        return a / b if isinstance(a, Mat) and isinstance(b, (Mat, float)) else None

    def _sqrt(self, node: OnnxNode, a: Any) -> Any:
        return a._replace(kind="deviation") if isinstance(a, _Part) and a.kind == "shifted" else None

    def _erf(self, node: OnnxNode, a: Any) -> Any:
        source, factor = self._multiples.get(id(a), (None, 0.0))
        is_part = source is not None and math.isclose(factor, 0.5**0.5, rel_tol=1e-6)
        return _Part("erf", source) if is_part and source is not None else None

    def _pow(self, node: OnnxNode, a: Any, b: Any) -> Any:
        return a.pow(b) if isinstance(a, Mat) and isinstance(b, float) else None

    def _min(self, node: OnnxNode, a: Any, b: Any) -> Any:
        return -((-a).relu()) if isinstance(a, Mat) and isinstance(b, float) and b == 0 else None

    def _leakyrelu(self, node: OnnxNode, a: Any) -> Any:
        return a.leaky_relu(float(node.get("alpha", 0.01))) if isinstance(a, Mat) else None

    def _reducesum(self, node: OnnxNode, a: Any, axes: Any = None) -> Any:
        return a.sum(axis=0) if isinstance(a, Mat) and self._is_of_rows(node, axes) else None

    def _reducemean(self, node: OnnxNode, a: Any, axes: Any = None) -> Any:
        if not self._is_of_rows(node, axes):
            return None
        if isinstance(a, _Part):
            return a._replace(kind="variance") if a.kind == "squared" else None
        if not isinstance(a, Mat):
            return None
        mean = a.mean(axis=0)
        self._means[id(mean)] = a
        return mean

    @staticmethod
    def _is_of_rows(node: OnnxNode, axes: Any) -> bool:
        return node.axes(axes) in ([1], [-1]) and bool(node.get("keepdims", 1))

    def _softmax(self, node: OnnxNode, a: Any) -> Any:
        return a.softmax() if isinstance(a, Mat) and node.get("axis", -1) in (1, -1) else None

    def _concat(self, node: OnnxNode, *values: Any) -> Any:
        if node.get("axis") not in (1, -1) or not all(isinstance(value, Mat) for value in values):
            return None
        return tape.graph_for(*values).concat_rows(list(values))

    def _slice(
        self, node: OnnxNode, a: Any, starts: Any, ends: Any, axes: Any = None, steps: Any = None
    ) -> Any:
        bounds = [np.ravel(value).tolist() for value in (starts, ends, axes, steps) if value is not None]
        if not isinstance(a, Mat) or [len(bound) for bound in bounds] != [1] * len(bounds) or len(bounds) < 3:
            return None
        if bounds[2][0] not in (1, -1) or (len(bounds) == 4 and bounds[3] != [1]):
            return None
        start, end, _ = slice(int(bounds[0][0]), int(bounds[1][0])).indices(a.n)
        return a[start:end]

    def _split(self, node: OnnxNode, a: Any, sizes: Any = None) -> Any:
        if not isinstance(a, Mat) or node.get("axis", 0) not in (1, -1):
            return None
        count = len(node.outputs)
        given = [-(-a.n // count)] * count if sizes is None else [int(n) for n in np.ravel(sizes)]
        ends = np.minimum(np.cumsum(given), a.n).tolist()
        return [a[start:end] for start, end in zip([0, *ends[:-1]], ends)]

    def _where(self, node: OnnxNode, mask: Any, a: Any, b: Any) -> Any:
        if mask is not _VALID or not isinstance(a, Mat):
            return None
        if isinstance(b, float):
            return _Masked(a, None) if b == 0 else None
        return _Masked(a, b) if isinstance(b, Mat) else None


_OPERATORS = (
    "MatMul", "Gemm", "Neg", "Add", "Sub", "Mul", "Div", "Sqrt", "Erf", "Pow", "Min", "LeakyRelu", "ReduceSum",
    "ReduceMean", "Softmax", "Concat", "Slice", "Split", "Where",
)  # fmt: skip


def _is_number(array: Any) -> bool:
    """Whether a constant is a number beside a value; a parameter of one row is (1, 1)."""
    return np.shape(array) in ((), (1,)) and np.issubdtype(np.asarray(array).dtype, np.floating)


class ScannedCell(Cell):
    """The cell of layers whose steps are the bodies of Scans, the lowest first."""

    def __init__(self, steps: Sequence[ScannedStep]) -> None:
        self.states = steps[0].states
        layers = [json.loads(step.program) for step in steps]
        self._settings = {"name": "Scan", "states": self.states, "layers": layers}
