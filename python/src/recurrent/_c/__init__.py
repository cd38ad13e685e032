"""The C library by ctypes: the one place that loads it and declares signatures."""

from .binding import ShortBufferError, lib, written
from .handle import Handle, handles_of, new
from .pointers import as_doubles, as_ints, as_values, as_words, outputs
from .signatures import MatInfo, Operand, StepResult, TextModelInfo

__all__ = [
    "Handle",
    "MatInfo",
    "Operand",
    "ShortBufferError",
    "StepResult",
    "TextModelInfo",
    "as_doubles",
    "as_ints",
    "as_values",
    "as_words",
    "handles_of",
    "lib",
    "new",
    "outputs",
    "written",
]
