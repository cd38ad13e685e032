"""The step of a layer as C statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .c_constants import Constants, number
from .step import Step, StepOperand, StepOperation

# elements of operands a, b and the operation's number c; {f} is the suffix of functions of float
EXPRESSIONS = {
    "tanh": "tanh{f}({a})",
    "sigmoid": "sigmoid({a})",
    "relu": "{zero} > {a} ? {zero} : {a}",
    "leaky_relu": "{a} > {zero} ? {a} : {a} * {c}",
    "gelu": "gelu({a})",
    "silu": "{a} * sigmoid({a})",
    "softplus": "softplus({a})",
    "neg": "-{a}",
    "scale": "{a} * {c}",
    "shift": "{a} + {c}",
    "exp": "exp{f}({a})",
    "log": "log{f}({a})",
    "sqrt": "sqrt{f}({a})",
    "square": "{a} * {a}",
    "abs": "fabs{f}({a})",
    "sin": "sin{f}({a})",
    "cos": "cos{f}({a})",
    "pow": "pow{f}({a}, {c})",
    "dropout": "{a}",
    "variational_dropout": "{a}",
    "add": "{a} + {b}",
    "sub": "{a} - {b}",
    "eltmul": "{a} * {b}",
    "div": "{a} / {b}",
    "zoneout": "{kept} * {a} + {c} * {b}",
}


class Work:
    """The working memory of a step: elements that values take and give back."""

    def __init__(self) -> None:
        self.size = 0
        self._taken: dict[int, int] = {}

    def take(self, count: int) -> int:
        """Returns the first offset with room for a value."""
        start = 0
        for offset in sorted(self._taken):
            if start + count <= offset:
                break
            start = max(start, offset + self._taken[offset])
        self._taken[start] = count
        self.size = max(self.size, start + count)
        return start

    def give(self, offset: int) -> None:
        """Takes back a value's memory."""
        del self._taken[offset]


class StepWriter:
    """Writes the statements of a layer's step.

    Parameters
    ----------
    step : Step
        The step.
    constants : Constants
        Receives the weights.
    work : Work
        The working memory.
    x : str
        The name of x.
    is_one_hot : bool
        Whether x is the one-hot vector of ``token``, which has no name.
    """

    def __init__(self, step: Step, constants: Constants, work: Work, x: str, is_one_hot: bool) -> None:
        self._step, self._constants, self._work, self._is_one_hot = step, constants, work, is_one_hot
        self._names = {"x": x, **{f"s{i}": f"state->{n}{step.suffix}" for i, n in enumerate(step.states)}}
        self._offsets: dict[str, int] = {}
        self._group: list[int] = []
        self.lines: list[str] = []
        # the functions that the statements call
        self.functions: set[str] = set()
        self._last = {
            operand.source: i for i, each in enumerate(step.operations) for operand in each.operands
        }
        self._last |= {operand.source: len(step.operations) for operand in step.next}

    @staticmethod
    def reads_x(step: Step) -> bool:
        """Whether a step reads x other than in products, which look up a column for a token."""
        uses = [each for each in step.operations for operand in each.operands if operand.source == "x"]
        whole = all(each.name == "mul" and each.operands[1].rows == step.inputs for each in uses)
        return not whole or any(operand.source == "x" for operand in step.next)

    def write(self) -> list[str]:
        """Returns the statements, which leave the new states in the state."""
        for i, operation in enumerate(self._step.operations):
            if operation.name not in EXPRESSIONS:
                self._close(i)
                self._array(i)
                self._write_array(i, operation)
                self._release(i)
                continue
            if not self._continues(operation):
                self._close(i)
            self._group.append(i)
        end = len(self._step.operations)
        self._close(end)
        self._store(end)
        return self.lines

    def _write_array(self, i: int, operation: StepOperation) -> None:
        """Writes an operation on whole values."""
        write = getattr(self, f"_{operation.name}", None)
        if write is None:
            raise ValueError(
                f"the step has the wrong operation; expected one that C has, got {operation.name}"
            )
        write(i, operation)

    # ---- groups of element-wise operations, one loop each

    def _continues(self, operation: StepOperation) -> bool:
        """Whether an operation fits the loop of those before it, whose elements it reads at the same index."""
        # as many rows as theirs, so that an operand which they made is a whole value
        return not self._group or operation.rows == self._step.operations[self._group[0]].rows

    def _close(self, at: int) -> None:
        """Writes the loop of a group; values that are read after it go to memory."""
        group, self._group = self._group, []
        if not group:
            return
        outside = [i for i in group if self._last.get(f"v{i}", -1) > group[-1]]
        for i in outside:
            self._array(i)
        rows = self._step.operations[group[0]].rows
        self.lines.append(f"for (int i = 0; i < {rows}; i++) {{")
        for i in group:
            # a value that nothing reads
            if f"v{i}" in self._last:
                self.lines.append(f"  const {self._constants.real} e{i} = {self._expression(i, group)};")
        self.lines += [f"  v{i}[i] = e{i};" for i in outside]
        self.lines.append("}")
        for i in group:
            self._release(i)

    def _expression(self, i: int, group: Sequence[int]) -> str:
        operation, constants = self._step.operations[i], self._constants
        elements = []
        for operand in operation.operands:
            if operand.source in {f"v{j}" for j in group}:
                elements.append(f"e{operand.source[1:]}")
            else:
                elements.append(self._element(operand))
        form = EXPRESSIONS[operation.name]
        self.functions |= {name for name in ("sigmoid", "gelu", "softplus") if f"{name}(" in form}
        c, dtype = constants.dtype.type(operation.number or 0), constants.dtype
        return form.format(
            a=elements[0],
            b=elements[-1],
            c=number(c, dtype),
            kept=number(1 - c, dtype),
            zero=number(0, dtype),
            f="f" if constants.real == "float" else "",
        )

    # ---- memory

    def _array(self, i: int) -> None:
        """Gives a value memory; its name is declared where it is first written."""
        self._offsets[f"v{i}"] = offset = self._work.take(self._step.operations[i].rows)
        self._names[f"v{i}"] = f"v{i}"
        self.lines.append(f"{self._constants.real} *const v{i} = state->work + {offset};")

    def _release(self, at: int) -> None:
        """Gives back the memory of values that no later operation reads."""
        for source in [name for name in self._offsets if self._last.get(name, -1) <= at]:
            self._work.give(self._offsets.pop(source))

    def _pointer(self, operand: StepOperand) -> str:
        """Returns an expression of an operand's first element's address."""
        name, row = self._place(operand)
        return f"({name} + {row})" if row else name

    def _element(self, operand: StepOperand) -> str:
        """Returns an expression of element i of an operand."""
        name, row = self._place(operand)
        return f"{name}[{row} + i]" if row else f"{name}[i]"

    def _place(self, operand: StepOperand) -> tuple[str, int]:
        """Returns an array and the index of an operand's first element."""
        if operand.is_constant:
            k = int(operand.source[1:])
            values = self._step.constants[k]
            if values.shape[1] == 1:
                name, row = self._constants.vector(f"k_{self._step.names[k]}", values), operand.row
            else:
                # a column of a matrix has its own array
                part = f"k_{self._step.names[k]}_{operand.row}_{operand.column}"
                name, row = self._constants.vector(part, self._step.constant(operand)), 0
        else:
            name, row = self._names[operand.source], operand.row
        return name, row

    def _store(self, at: int) -> None:
        """Copies the next states, which may be parts of the old ones, to the state."""
        moved = []
        for (name, rows), operand in zip(self._step.states.items(), self._step.next):
            source = self._element(operand)
            if operand.source[0] in "sx":
                # read before a state is overwritten
                offset = self._work.take(rows)
                copy = f"n_{name}{self._step.suffix}"
                self.lines.append(f"{self._constants.real} *const {copy} = state->work + {offset};")
                self.lines.append(f"for (int i = 0; i < {rows}; i++) {copy}[i] = {source};")
                self._offsets[copy], source = offset, f"{copy}[i]"
            moved.append(f"for (int i = 0; i < {rows}; i++) state->{name}{self._step.suffix}[i] = {source};")
        self.lines += moved
        for offset in self._offsets.values():
            self._work.give(offset)
        self._offsets = {}

    # ---- other operations

    def _mul(self, i: int, operation: StepOperation) -> None:
        W, value = operation.operands
        k = int(W.source[1:])
        matrix = self._step.constants[k]
        name, scale = self._constants.matrix(f"k_{self._step.names[k]}", matrix)
        stride, rows, columns = matrix.shape[1], W.rows, W.columns or matrix.shape[1]
        first = f"{name} + {W.row * stride + W.column}" if W.row * stride + W.column else name
        if self._is_one_hot and value.source == "x":
            element = f"{name}[(long)({W.row} + i) * {stride} + token]"
            factor = f"{scale}[{W.row} + i] * " if scale else ""
            self.lines.append(f"for (int i = 0; i < {rows}; i++) v{i}[i] = {factor}{element};")
            return
        self.functions.add("product_int8" if scale else "product")
        scales = f", {scale} + {W.row}" if scale and W.row else f", {scale}" if scale else ""
        function = "product_int8" if scale else "product"
        self.lines.append(
            f"{function}(v{i}, {first}{scales}, {stride}, {self._pointer(value)}, {rows}, {columns});"
        )

    def _concat_rows(self, i: int, operation: StepOperation) -> None:
        row = 0
        for operand in operation.operands:
            at = f"{row} + i" if row else "i"
            self.lines.append(
                f"for (int i = 0; i < {operand.rows}; i++) v{i}[{at}] = {self._element(operand)};"
            )
            row += operand.rows

    def _sum(self, i: int, operation: StepOperation) -> None:
        (operand,) = operation.operands
        self.lines += [
            f"v{i}[0] = {number(0, self._constants.dtype)};",
            f"for (int i = 0; i < {operand.rows}; i++) v{i}[0] += {self._element(operand)};",
        ]

    def _mean(self, i: int, operation: StepOperation) -> None:
        self._sum(i, operation)
        self.lines.append(f"v{i}[0] /= {number(operation.operands[0].rows, self._constants.dtype)};")

    def _softmax(self, i: int, operation: StepOperation) -> None:
        self.functions.add("softmax")
        self.lines.append(f"softmax(v{i}, {self._pointer(operation.operands[0])}, {operation.rows});")

    def _layer_norm(self, i: int, operation: StepOperation) -> None:
        self.functions.add("layer_norm")
        epsilon = number(self._constants.dtype.type(operation.number or 0), self._constants.dtype)
        pointer = self._pointer(operation.operands[0])
        self.lines.append(f"layer_norm(v{i}, {pointer}, {operation.rows}, {epsilon});")
        if len(operation.operands) == 3:
            gain, bias = map(self._element, operation.operands[1:])
            self.lines.append(
                f"for (int i = 0; i < {operation.rows}; i++) v{i}[i] = v{i}[i] * {gain} + {bias};"
            )


def one_hot(x: str, rows: int, constants: Constants, work: Work) -> tuple[list[str], int]:
    """Returns the statements that make x the one-hot vector of ``token``, and where it lies."""
    offset = work.take(rows)
    zero, one = (number(np.array(value), constants.dtype) for value in (0, 1))
    return [
        f"{constants.real} *const {x} = state->work + {offset};",
        f"for (int i = 0; i < {rows}; i++) {x}[i] = i == token ? {one} : {zero};",
    ], offset


def embedded(
    x: str, name: str, scale: str, width: int, constants: Constants, work: Work
) -> tuple[list[str], int]:
    """Returns the statements that look up the row of ``token``, and where it lies; -1 for a row of the table."""
    if not scale:
        return [f"const {constants.real} *const {x} = {name} + (long)token * {width};"], -1
    offset = work.take(width)
    return [
        f"{constants.real} *const {x} = state->work + {offset};",
        f"for (int i = 0; i < {width}; i++) {x}[i] = {scale}[token] * {name}[(long)token * {width} + i];",
    ], offset


FUNCTIONS: dict[str, Any] = {
    "sigmoid": "static {real} sigmoid({real} x) {{ return {one} / ({one} + exp{f}(-x)); }}",
    "gelu": "static {real} gelu({real} x) {{ return {half} * x * ({one} + erf{f}(x * {root})); }}",
    "softplus": (
        "static {real} softplus({real} x) {{ return (x > {zero} ? x : {zero}) + log1p{f}(exp{f}(-fabs{f}(x))); }}"
    ),
    "product": """/* y = W x, of rows that are `stride` elements apart. */
static void product({real} *y, const {real} *W, int stride, const {real} *x, int rows, int columns) {{
  for (int i = 0; i < rows; i++, W += stride) {{
    {real} sum = {zero};
    for (int j = 0; j < columns; j++) sum += W[j] * x[j];
    y[i] = sum;
  }}
}}""",
    "product_int8": """/* y = W x, W[i][j] = scale[i] q[i][j]. */
static void product_int8({real} *y, const signed char *q, const {real} *scale, int stride, const {real} *x, int rows,
                         int columns) {{
  for (int i = 0; i < rows; i++, q += stride) {{
    {real} sum = {zero};
    for (int j = 0; j < columns; j++) sum += ({real})q[j] * x[j];
    y[i] = scale[i] * sum;
  }}
}}""",
    "softmax": """static void softmax({real} *y, const {real} *x, int rows) {{
  {real} most = x[0], sum = {zero};
  for (int i = 1; i < rows; i++) most = x[i] > most ? x[i] : most;
  for (int i = 0; i < rows; i++) sum += y[i] = exp{f}(x[i] - most);
  for (int i = 0; i < rows; i++) y[i] /= sum;
}}""",
    "layer_norm": """static void layer_norm({real} *y, const {real} *x, int rows, {real} epsilon) {{
  {real} mean = {zero}, variance = {zero};
  for (int i = 0; i < rows; i++) mean += x[i];
  mean /= ({real})rows;
  for (int i = 0; i < rows; i++) variance += (x[i] - mean) * (x[i] - mean);
  const {real} factor = {one} / sqrt{f}(variance / ({real})rows + epsilon);
  for (int i = 0; i < rows; i++) y[i] = (x[i] - mean) * factor;
}}""",
}
