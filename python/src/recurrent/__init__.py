"""Recurrent networks and the expression graphs beneath them: small, fast on a CPU, no framework.

Three levels, over the same objects:

- RecurrentJS's names: ``Mat``, ``RandMat``, ``Graph``, ``init_lstm``, ``forward_lstm``, ``Solver``, ``softmax``, …
- expressions: ``loss = ((W @ x + b).tanh() - y).square().sum(); loss.backward()``
- models: ``RNN``, ``LSTM``, ``GRU`` over arrays, ``SentenceModel``, ``TextModel``; and solvers and
  ``schedules`` as torch.optim names them
"""

from ._random import Random
from ._state import State
from .graph import Graph, no_grad
from .history import History, Report
from .mat import Mat, RandMat
from .model import Model, Output, forward_lstm, forward_rnn, init_lstm, init_rnn
from .network import GRU, LSTM, RNN, get_num_threads, set_num_threads
from .page import live
from .rules import SGD, Adagrad, Adam, AdamW, RMSProp
from .sampling import maxi, probabilities, samplei, softmax
from .sentences import SentenceModel
from .solver import Solver
from .text import TextModel

__version__ = "0.1.0"

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Graph",
    "History",
    "Mat",
    "Model",
    "Output",
    "RMSProp",
    "RandMat",
    "Random",
    "Report",
    "SentenceModel",
    "Solver",
    "State",
    "TextModel",
    "forward_lstm",
    "forward_rnn",
    "get_num_threads",
    "init_lstm",
    "init_rnn",
    "live",
    "maxi",
    "no_grad",
    "probabilities",
    "samplei",
    "set_num_threads",
    "softmax",
]
