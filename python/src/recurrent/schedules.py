"""Learning rates as pure functions of the step: those of ``recurrent.optim.schedules``."""

from .optim.schedules import (
    Constant,
    Cosine,
    Exponential,
    Linear,
    OneCycle,
    Plateau,
    PlateauState,
    Schedule,
    Step,
)

__all__ = [
    "Constant",
    "Cosine",
    "Exponential",
    "Linear",
    "OneCycle",
    "Plateau",
    "PlateauState",
    "Schedule",
    "Step",
]
