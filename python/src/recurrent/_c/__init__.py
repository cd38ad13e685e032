"""The C library by ctypes: the one place that loads it and declares signatures."""

from .binding import ShortBufferError, lib, loaded, written, written_bytes
from .handle import Handle, new
from .pointers import as_doubles, as_ints, as_values, as_words, outputs
from .signatures import (
    GraphHandle,
    MatHandle,
    MatInfo,
    NetworkHandle,
    Operand,
    OptimizerHandle,
    RandomHandle,
    StepHandle,
    StepResult,
    TextModelInfo,
)

__all__ = [
    "GraphHandle",
    "Handle",
    "MatHandle",
    "MatInfo",
    "NetworkHandle",
    "Operand",
    "OptimizerHandle",
    "RandomHandle",
    "ShortBufferError",
    "StepHandle",
    "StepResult",
    "TextModelInfo",
    "as_doubles",
    "as_ints",
    "as_values",
    "as_words",
    "lib",
    "loaded",
    "new",
    "outputs",
    "written",
    "written_bytes",
]
