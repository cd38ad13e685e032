"""OnnxNode: a node of a model that is read, with its attributes; and what nodes compute of constants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

FOLDED: dict[str, Callable[..., Any]] = {
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

    def constant(self) -> Any:
        """Returns the value of a node Constant."""
        if self.has("value"):
            return self.array("value")
        for name, kind in (("value_float", np.float32), ("value_floats", np.float32), ("value_int", np.int64),
                           ("value_ints", np.int64)):  # fmt: skip
            if self.has(name):
                return np.array(self.get(name), kind)
        raise self.refusal("has the wrong value", "numbers", ", ".join(self.attributes))

    def dtype(self, kind: int) -> Any:
        """Returns the dtype of a type of ONNX."""
        return dtype_of(self._onnx, kind)

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


def folded(node: OnnxNode, inputs: Sequence[Any]) -> Any:
    """Returns the result of a node on constants."""
    if node.operator in ("ConstantOfShape", "Expand"):
        shape = np.ravel(inputs[-1])
        if (shape < 0).any() or np.prod(shape.astype(float)) > _MAX_ELEMENTS:
            raise node.refusal("has the wrong shape", f"at most {_MAX_ELEMENTS} elements", shape.tolist())
    try:
        return FOLDED[node.operator](node, *inputs)
    except (ValueError, IndexError, TypeError, KeyError) as error:
        raise node.refusal("cannot be computed", "operands that fit", str(error).partition("\n")[0]) from None


def dtype_of(onnx: Any, kind: int) -> Any:
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
