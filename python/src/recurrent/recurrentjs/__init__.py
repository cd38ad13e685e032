"""RecurrentJS's names: ``Mat``, ``RandMat``, ``Graph``, ``Solver``, ``init_lstm``, ``forward_lstm``."""

from ..graph import Graph
from ..mat import Mat
from ..sampling import softmax
from .functions import Model, Output, RandMat, forward_lstm, forward_rnn, init_lstm, init_rnn, maxi, samplei
from .sentence_model import Cost, SentenceModel, Tick
from .solver import Solver

__all__ = [
    "Cost",
    "Graph",
    "Mat",
    "Model",
    "Output",
    "RandMat",
    "SentenceModel",
    "Solver",
    "Tick",
    "forward_lstm",
    "forward_rnn",
    "init_lstm",
    "init_rnn",
    "maxi",
    "samplei",
    "softmax",
]
