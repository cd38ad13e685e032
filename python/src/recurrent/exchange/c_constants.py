"""Constants in C source: numbers, and matrices of float or int8 elements."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

_WIDTH = 118


def number(value: Any, dtype: Any) -> str:
    """Returns a floating constant of exactly this value."""
    text = f"{float(value):.9g}" if dtype == np.float32 else repr(float(value))
    if not any(sign in text for sign in ".en"):
        text += ".0"
    return text + ("f" if dtype == np.float32 else "")


def array(declaration: str, words: Iterable[str]) -> str:
    """Returns the definition of a constant array: its declaration with elements."""
    lines, line = [f"{declaration} = {{"], " "
    for word in words:
        if len(line) + len(word) + 2 > _WIDTH:
            lines.append(line)
            line = " "
        line += f" {word},"
    lines.append(line)
    return "\n".join([*lines, "};\n"])


def quantized(matrix: Any) -> tuple[Any, Any]:
    """Returns a matrix as int8 and the scale of each row: W[i][j] is about scale[i] q[i][j], with |q| at most 127."""
    scales = np.abs(matrix).max(axis=1) / 127
    safe = np.where(scales > 0, scales, 1)
    return np.rint(matrix / safe[:, None]).astype(np.int8), scales


class Constants:
    """The constants that a network's source uses, each written once.

    Parameters
    ----------
    dtype : dtype
        The type of the numbers.
    is_quantized : bool
        Whether matrices are int8.
    """

    def __init__(self, dtype: Any, is_quantized: bool) -> None:
        self.dtype, self._is_quantized = np.dtype(dtype), is_quantized
        self.real = "float" if self.dtype == np.float32 else "double"
        self.text: list[str] = []
        self.bytes = 0
        self._known: set[str] = set()

    def vector(self, name: str, values: Any) -> str:
        """Returns the name of numbers."""
        if name not in self._known:
            self._known.add(name)
            flat = np.ravel(values)
            self.bytes += flat.size * self.dtype.itemsize
            words = (number(value, self.dtype) for value in flat.tolist())
            self.text.append(array(f"static const {self.real} {name}[{flat.size}]", words))
        return name

    def matrix(self, name: str, values: Any) -> tuple[str, str]:
        """Returns the names of a matrix, row by row, and of the scales of its rows; "" where it has none."""
        if not self._is_quantized:
            return self.vector(name, values), ""
        q_name, scale_name = f"{name}_int8", f"{name}_scale"
        if q_name not in self._known:
            self._known.add(q_name)
            q, scales = quantized(values)
            self.bytes += q.size
            self.text.append(
                array(f"static const signed char {q_name}[{q.size}]", map(str, np.ravel(q).tolist()))
            )
            self.vector(scale_name, scales)
        return q_name, scale_name
