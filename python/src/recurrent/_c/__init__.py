"""The C library by ctypes: the one place that loads it and declares signatures."""

from .binding import lib
from .handle import Handle, new
from .structs import (
    Cost,
    MatInfo,
    Place,
    Sampler,
    SentenceModelInfo,
    Step,
    TextModelInfo,
    TickResult,
    TrainResult,
)

__all__ = [
    "Cost",
    "Handle",
    "MatInfo",
    "Place",
    "Sampler",
    "SentenceModelInfo",
    "Step",
    "TextModelInfo",
    "TickResult",
    "TrainResult",
    "lib",
    "new",
]
