"""OnnxGraph: nodes and constants of an ONNX graph while it is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


class OnnxGraph:
    """A graph, or the body of a Scan, whose constants are those of the graph around it.

    Parameters
    ----------
    onnx : module
        The onnx package.
    around : OnnxGraph, optional
        The graph around a body.
    """

    def __init__(self, onnx: Any, around: OnnxGraph | None = None) -> None:
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self.constants: dict[str, Any] = {} if around is None else around.constants
        self._used: dict[str, int] = {} if around is None else around._used

    def name(self, base: str) -> str:
        """Returns a name that is new in the file: the base, or with a number behind it."""
        count = self._used[base] = self._used.get(base, 0) + 1
        return base if count == 1 else f"{base}_{count}"

    def constant(self, array: Any, base: str, dtype: Any = None) -> str:
        """Adds numbers; returns their name."""
        name = self.name(base)
        # np.ascontiguousarray would make a vector of a number
        values = np.array(array, dtype, order="C")
        self.constants[name] = self.onnx.numpy_helper.from_array(values, name)
        return name

    def ints(self, *values: int) -> str:
        """Adds a constant list of int64, once for each list."""
        name = "ints_" + "_".join(map(str, values)).replace("-", "m")
        if name not in self.constants:
            self.constants[name] = self.onnx.numpy_helper.from_array(np.array(values, np.int64), name)
        return name

    def add(
        self, operator: str, inputs: Sequence[str], base: str, outputs: int = 1, **attributes: Any
    ) -> Any:
        """Adds a node; returns the name of its output, or a list of names of several."""
        names = [self.name(base if outputs == 1 else f"{base}_{i}") for i in range(outputs)]
        self.append(operator, inputs, names, **attributes)
        return names[0] if outputs == 1 else names

    def append(self, operator: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> None:
        """Adds a node with outputs of these names."""
        self.nodes.append(
            self.onnx.helper.make_node(operator, list(inputs), list(outputs), outputs[0], **attributes)
        )

    def value(self, name: str, dtype: Any, shape: Sequence[int | str | None]) -> Any:
        """Returns the declaration of an input or output."""
        kind = self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.onnx.helper.make_tensor_value_info(name, kind, list(shape))

    def slice(self, name: str, start: int, count: int, axis: int, base: str) -> str:
        """Adds a slice of an axis."""
        bounds = [self.ints(number) for number in (start, start + count, axis)]
        return str(self.add("Slice", [name, *bounds], base))

    def graph(self, name: str) -> Any:
        """Returns the graph of a body, without constants."""
        return self.onnx.helper.make_graph(self.nodes, name, self.inputs, self.outputs)
