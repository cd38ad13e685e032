"""The steps of a network's layers as operations on values, for the programs that run them elsewhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..graph import Graph
from ..mat import Mat
from .exported import Exported

if TYPE_CHECKING:
    import numpy.typing as npt


# operations that do nothing in evaluation
_MASKS = ("dropout", "variational_dropout")


class StepOperand(NamedTuple):
    """Rows of a value, or a part of a constant.

    The source is "x", a state "s0", a result "v0" or a constant "k0"; ``columns`` is None where a column is a sequence.
    """

    source: str
    row: int
    rows: int
    column: int = 0
    columns: int | None = None

    @property
    def is_constant(self) -> bool:
        """Whether the operand is the same for all sequences and steps."""
        return self.source[0] == "k"


class StepOperation(NamedTuple):
    """An operation of a step: its name, its number if it has one, and its operands. Its result is the next value."""

    name: str
    number: float | None
    operands: tuple[StepOperand, ...]
    rows: int


class Step:
    """The step of a layer in one direction, with its weights as constants.

    Operations on weights alone are computed here, by the library.

    Attributes
    ----------
    inputs : int
        Rows of x.
    states : dict of str to int
        The rows of each state by name; the first is the output.
    suffix : str
        What follows the names of the layer's parameters and states.
    constants : list of array
        (n, d) each.
    names : list of str
        The names of the constants.
    operations : list of StepOperation
        Operation i makes the value "v<i>".
    next : list of StepOperand
        The states after the step.
    initial : dict of str to array
        The states of sequences that begin, (rows,).
    """

    def __init__(self, net: Exported, k: int, suffix: str) -> None:
        program = json.loads(net.program(k).json())
        self.suffix, self.inputs = suffix, int(program["inputs"])
        self.states = dict(zip(net._sizes.states, program["states"]))
        self.constants: list[npt.NDArray[Any]] = []
        self.names: list[str] = []
        self.operations: list[StepOperation] = []
        self._graph = Graph(False)
        self._rows = {"x": self.inputs, **{f"s{i}": rows for i, rows in enumerate(program["states"])}}
        self._sources = {name: name for name in self._rows}
        for i, parameter in enumerate(program["parameters"]):
            parts = parameter.get("parts") or [parameter["name"]]
            array = np.concatenate([net.parameters[f"{part}{suffix}"].w for part in parts])
            self._sources[f"p{i}"] = self._constant(f"{parameter['name']}{suffix}", array)
        for i, operation in enumerate(program["operations"]):
            self._sources[f"v{i}"] = self._result(i, *operation)
        self.next = [self._operand(operand) for operand in program["next"]]
        self._prune()
        self.initial = {
            name: (
                np.array(net.parameters[f"{name}s{suffix}"].w[:, 0])
                if net.learned_initial_state
                else np.zeros(rows, net.dtype)
            )
            for name, rows in self.states.items()
        }

    def constant(self, operand: StepOperand) -> npt.NDArray[Any]:
        """Returns the numbers of a constant operand, (rows, columns)."""
        array = self.constants[int(operand.source[1:])]
        columns = operand.column + (operand.columns or 0)
        return array[operand.row : operand.row + operand.rows, operand.column : columns]

    # ---- reading

    def _constant(self, name: str, array: npt.NDArray[Any]) -> str:
        self.constants.append(np.ascontiguousarray(array))
        self.names.append(name)
        return f"k{len(self.constants) - 1}"

    def _operand(self, view: Sequence[Any]) -> StepOperand:
        source = self._sources[view[0]]
        numbers = [int(number) for number in view[1:]]
        if len(numbers) == 2:
            # all columns, of a result of weights alone too
            row, rows = numbers
            columns = self.constants[int(source[1:])].shape[1] if source[0] == "k" else None
            return StepOperand(source, row, rows, 0, columns)
        row, column, rows, columns = numbers
        return StepOperand(source, row, rows, column, columns)

    def _result(self, i: int, name: str, *rest: Any) -> str:
        """Returns the source of an operation's result."""
        number = float(rest[0]) if rest and not isinstance(rest[0], list) else None
        operands = tuple(self._operand(view) for view in rest[number is not None :])
        if name == "attend":
            raise ValueError(
                "the network has the wrong cell; expected one whose state holds all that a step reads, got one that "
                "attends to the past"
            )
        if all(operand.is_constant for operand in operands):
            return self._constant(f"v{i}_{self.suffix}", self._computed(name, number, operands))
        if name in _MASKS and operands[0].row == 0 and operands[0].rows == self._rows[operands[0].source]:
            return operands[0].source
        rows = {
            "concat_rows": sum(operand.rows for operand in operands),
            "sum": 1,
            "mean": 1,
            "mul": operands[0].rows,
        }.get(name, max(operand.rows for operand in operands))
        self.operations.append(StepOperation(name, number, operands, rows))
        source = f"v{len(self.operations) - 1}"
        self._rows[source] = rows
        return source

    def _prune(self) -> None:
        """Leaves out operations that no next state reads."""
        live, pending = set(), [operand.source for operand in self.next]
        while pending:
            source = pending.pop()
            if source[0] == "v" and source not in live:
                live.add(source)
                pending += [operand.source for operand in self.operations[int(source[1:])].operands]
        kept = [i for i in range(len(self.operations)) if f"v{i}" in live]
        names = {f"v{i}": f"v{new}" for new, i in enumerate(kept)}

        def renamed(operand: StepOperand) -> StepOperand:
            return operand._replace(source=names.get(operand.source, operand.source))

        self.next = [renamed(operand) for operand in self.next]
        self.operations = [
            self.operations[i]._replace(operands=tuple(map(renamed, self.operations[i].operands)))
            for i in kept
        ]

    def _computed(self, name: str, number: float | None, operands: Sequence[StepOperand]) -> npt.NDArray[Any]:
        """Returns the result of an operation on constants."""
        arrays = [self.constant(operand) for operand in operands]
        if name in _MASKS:
            return arrays[0]
        if name == "zoneout":
            rate = arrays[0].dtype.type(number or 0)
            return np.asarray(rate * arrays[1] + (1 - rate) * arrays[0])
        mats = [Mat.from_array(array, array.dtype) for array in arrays]
        numbers = () if number is None else (number,)
        if name in ("sum", "mean"):
            result = getattr(self._graph, name)(mats[0], 0)
        elif name == "concat_rows":
            result = self._graph.concat_rows(mats)
        elif name == "layer_norm":
            gain, bias = mats[1:] or (None, None)
            result = self._graph.layer_norm(mats[0], gain, bias, number or 0)
        else:
            result = getattr(self._graph, name)(*mats, *numbers)
        return np.array(result.w)


def steps_of(net: Exported) -> list[Step]:
    """Returns the step of every layer and direction, lowest layer first, of each the forward direction first."""
    sizes = net._sizes
    return [Step(net, i // sizes.directions, suffix) for i, suffix in enumerate(sizes.suffixes())]


def check_finite(net: Exported) -> None:
    """Refuses weights that are infinite or NaN."""
    for name, mat in net.parameters.items():
        bad = ~np.isfinite(mat.w)
        if bad.any():
            index = [int(i) for i in np.argwhere(bad)[0]]
            raise FloatingPointError(
                f"{name} is not finite; expected finite elements, got {mat.w[tuple(index)]} at {index}"
            )
