"""Training runs: options, text, batches, history."""

from .history import History, StepReport
from .trainer import Trainer

__all__ = ["History", "StepReport", "Trainer"]
