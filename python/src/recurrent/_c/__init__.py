"""The C library by ctypes: the one place that loads it and declares signatures."""

from .binding import ShortBufferError, lib, written
from .handle import Handle, new
from .pointers import as_ints, as_values
from .signatures import MatInfo, Operand, StepResult, TextModelInfo

__all__ = [
    "Handle",
    "MatInfo",
    "Operand",
    "ShortBufferError",
    "StepResult",
    "TextModelInfo",
    "as_ints",
    "as_values",
    "lib",
    "new",
    "written",
]
