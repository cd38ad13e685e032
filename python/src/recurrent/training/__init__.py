"""Training runs: options, text, batches, history."""

from .array_trainer import ArrayTrainer
from .corpus_trainer import CorpusTrainer
from .history import History, StepReport
from .trainer import Trainer

__all__ = ["ArrayTrainer", "CorpusTrainer", "History", "StepReport", "Trainer"]
