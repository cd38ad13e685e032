"""Networks as C source: one file and its header, for single steps."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .._checks import as_path, shown
from .._version import __version__
from .c_constants import Constants, array, number
from .c_step import FUNCTIONS, StepWriter, Work, embedded, one_hot
from .exported import Exported
from .step import Step, check_finite, steps_of

_KEYWORDS = frozenset(
    re.findall(
        r"\w+",
        "auto break case char const continue default do double else enum extern float for goto if inline int long main "
        "register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while "
        "alignas alignof asm bool class constexpr delete false namespace new nullptr this thread_local true typeof",
    )
)


class Files(NamedTuple):
    """The two files, by their texts."""

    source: str
    header: str


def as_c_path(path: Any) -> tuple[Path, str]:
    """Returns the path of a C file, and the prefix of its names."""
    as_path(path)
    file = Path(os.fsdecode(path) if isinstance(path, bytes) else path)
    if file.suffix != ".c" or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", file.stem) or file.stem in _KEYWORDS:
        raise ValueError(
            f"path has the wrong name; expected an identifier of C with the suffix .c, got {shown(file.name)}"
        )
    return file, file.stem


def c_files(
    net: Exported, name: str, tokens: bool, quantize: str | None, vocabulary: Sequence[int] | None = None
) -> Files:
    """Returns the source and the header of a network.

    Parameters
    ----------
    net : Exported
        The network, of one direction.
    name : str
        The prefix of all public names.
    tokens : bool
        Whether the input is a token; that of a network without an embedding is one-hot.
    quantize : {"int8"}, optional
        The type of matrices.
    vocabulary : sequence of int, optional
        A number for each token, which the source has as an array.
    """
    if net.bidirectional:
        raise ValueError("the network is bidirectional; expected one direction for single steps, got two")
    check_finite(net)
    return _Writer(net, name, tokens or net.embedding is not None, quantize is not None, vocabulary).files()


class _Writer:
    """The functions of a network and what they need."""

    def __init__(
        self, net: Exported, name: str, tokens: bool, is_quantized: bool, vocabulary: Sequence[int] | None
    ) -> None:
        self._net, self._name, self._tokens, self._vocabulary = net, name, tokens, vocabulary
        self._is_quantized = is_quantized
        self._constants, self._work = Constants(net.dtype, is_quantized), Work()
        self._real = self._constants.real
        self._steps = steps_of(net)
        self._functions: set[str] = set()

    def files(self) -> Files:
        body = self._step()
        reset = self._reset()
        return Files(self._source(body, reset), self._header())

    # ---- functions

    def _reset(self) -> list[str]:
        """Returns the statements that begin a sequence."""
        lines = []
        for step in self._steps:
            for state, rows in step.states.items():
                value = number(0, self._constants.dtype)
                if self._net.learned_initial_state:
                    value = f"{self._constants.vector(f'k_{state}s{step.suffix}', step.initial[state])}[i]"
                lines.append(f"for (int i = 0; i < {rows}; i++) state->{state}{step.suffix}[i] = {value};")
        return lines

    def _step(self) -> list[str]:
        """Returns the statements of a time step."""
        lines, x, held = [], "x", -1
        sums = -1
        for k, step in enumerate(self._steps):
            lines.append(f"/* layer {k}: {self._net.cell} */")
            lines.append("{")
            is_one_hot = False
            if k == 0:
                found, held, is_one_hot = self._input(step)
                lines += [f"  {line}" for line in found]
                x = "x0" if self._tokens else "x"
            writer = StepWriter(step, self._constants, self._work, x, is_one_hot)
            lines += [f"  {line}" for line in writer.write()]
            self._functions |= writer.functions
            if held >= 0:
                self._work.give(held)
                held = -1
            output = f"state->{next(iter(step.states))}{step.suffix}"
            if self._net.residual and k:
                rows = next(iter(step.states.values()))
                if sums < 0:
                    sums = self._work.take(rows)
                target = f"state->work[{sums} + i]"
                lines.append(f"  for (int i = 0; i < {rows}; i++) {target} = {x}[i] + {output}[i];")
                output = f"(state->work + {sums})"
            x = output
            lines.append("}")
        return lines + self._output(x)

    def _input(self, step: Step) -> tuple[list[str], int, bool]:
        """Returns the statements that look up a token, where x lies, and whether x is one-hot and without a place."""
        if not self._tokens:
            return [], -1, False
        if self._net.embedding:
            table = self._net.parameters["Wil"].w
            name, scale = self._constants.matrix("k_Wil", table)
            return (*embedded("x0", name, scale, table.shape[1], self._constants, self._work), False)
        if StepWriter.reads_x(step):
            return (*one_hot("x0", step.inputs, self._constants, self._work), False)
        return [], -1, True

    def _output(self, top: str) -> list[str]:
        net, rows = self._net, self._net._sizes.outputs
        if not net.output_size:
            return [f"for (int i = 0; i < {rows}; i++) y[i] = {top}[i];"]
        own = "Wil" if net.tied else "Whd"
        matrix = net.parameters[own].w
        name, scale = self._constants.matrix(f"k_{own}", matrix)
        bias = self._constants.vector("k_bd", net.parameters["bd"].w)
        function, scales = ("product_int8", f", {scale}") if scale else ("product", "")
        self._functions.add(function)
        return [
            "/* decoder */",
            f"{function}(y, {name}{scales}, {matrix.shape[1]}, {top}, {rows}, {matrix.shape[1]});",
            f"for (int i = 0; i < {rows}; i++) y[i] += {bias}[i];",
        ]

    # ---- texts

    def _source(self, body: Iterable[str], reset: Iterable[str]) -> str:
        name, dtype = self._name, self._constants.dtype
        numbers = {
            key: number(np.array(value, dtype), dtype)
            for key, value in (("zero", 0), ("one", 1), ("half", 0.5), ("root", 0.5**0.5))
        }
        suffix = "f" if self._real == "float" else ""
        helpers = [
            FUNCTIONS[each].format(real=self._real, f=suffix, **numbers) + "\n"
            for each in FUNCTIONS
            if each in self._functions
        ]
        parts = [
            f"/* {name}.c: written by recurrent {__version__}; see {name}.h. */\n",
            f'#include "{name}.h"\n\n#include <math.h>\n',
            *self._constants.text,
            *helpers,
        ]
        if self._vocabulary is not None:
            declaration = f"const long {name}_vocabulary[{len(self._vocabulary)}]"
            parts.append(array(declaration, map(str, self._vocabulary)))
        lines = "\n".join(f"  {line}" for line in reset)
        parts.append(f"void {name}_reset({name}_state *state) {{\n{lines}\n}}\n")
        lines = "\n".join(f"  {line}" for line in body)
        if self._tokens:
            lines = f"  if (token < 0 || token >= {self._net.input_size}) return -1;\n{lines}\n  return 0;"
        parts.append(f"{self._signature()} {{\n{lines}\n}}\n")
        return "\n".join(parts)

    def _signature(self) -> str:
        kind, given = ("int", "int token") if self._tokens else ("void", f"const {self._real} *x")
        return f"{kind} {self._name}_step({self._name}_state *state, {given}, {self._real} *y)"

    def _header(self) -> str:
        net, name, upper, real = self._net, self._name, self._name.upper(), self._real
        fields = [
            f"  {real} {state}{step.suffix}[{rows}];"
            for step in self._steps
            for state, rows in step.states.items()
        ]
        count = net._sizes.state + self._work.size
        if self._work.size:
            fields.append(f"  {real} work[{self._work.size}]; /* values of a step */")
        size = self._constants.dtype.itemsize
        kind = (
            f"int8 matrices with a scale for each row, other numbers {real}" if self._is_quantized else real
        )
        use = [f"/* Computes a time step: reads {upper}_INPUTS elements of x and writes {upper}_OUTPUTS elements to y,",
               "   which is other memory than x. */"]  # fmt: skip
        if self._tokens:
            use = [
                f"/* Computes a time step: reads a token from 0 to {upper}_TOKENS - 1 and writes {upper}_OUTPUTS",
                "   elements to y. Returns 0, or -1 for another token: then nothing has changed. */",
            ]
        vocabulary = ""
        if self._vocabulary is not None:
            vocabulary = (
                "\n/* The character of each token, as a code point or byte. */\n"
                f"extern const long {name}_vocabulary[{upper}_TOKENS];\n"
            )
        return f"""/* {name}.h: {net!r}
   Written by recurrent {__version__}. C99; needs the functions of math.h and nothing else: no heap, no static
   variables. int has at least 32 bits.

   Constants: {self._constants.bytes} bytes, {kind}.
   A state: {count * size} bytes, all the memory of a sequence; threads may use different states at once.

     {name}_state state;
     {name}_reset(&state);
     for each time step: {name}_step(&state, {"token" if self._tokens else "x"}, y);
*/

#ifndef {upper}_H
#define {upper}_H

#ifdef __cplusplus
extern "C" {{
#endif

#define {upper}_{"TOKENS" if self._tokens else "INPUTS"} {net.input_size}
#define {upper}_OUTPUTS {net._sizes.outputs}
{vocabulary}
typedef struct {name}_state {{
{chr(10).join(fields)}
}} {name}_state;

/* Sets a state to that of a sequence that begins. */
void {name}_reset({name}_state *state);

{chr(10).join(use)}
{self._signature()};

#ifdef __cplusplus
}}
#endif

#endif
"""
