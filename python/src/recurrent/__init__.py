"""Recurrent networks and the expression graphs beneath them: small, fast on a CPU, no framework.

Three levels, over the same objects:

- expressions: ``loss = ((W @ x + b).tanh() - y).square().sum(); loss.backward()``
- networks: ``RNN``, ``LSTM``, ``GRU`` over arrays; optimizers and ``schedules`` as torch.optim names them
- models of text: ``TextModel``, ``SentenceModel``

``recurrentjs`` has RecurrentJS's names for the same objects.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Callable

from . import distributed, introspection, losses, names, recurrentjs, schedules
from ._version import __version__
from .config import show_config
from .exchange.keras_import import from_keras
from .exchange.onnx_import import from_onnx
from .files import load
from .gradients import GradientCheck, GradientError, check_gradients
from .graph import Graph, no_grad
from .introspection.document import HTML, Drawing
from .mat import Mat
from .names import *  # noqa: F403 (the types of names, by their own list)
from .nn.cell import Cell
from .nn.cells import GRUCell, LSTMCell, RNNCell
from .nn.layers import GRU, LSTM, RNN
from .nn.network import Network
from .nn.padding import pad_sequence
from .nn.reservoir import EchoStateNetwork
from .nn.summary import LayerSummary, Summary
from .nn.threads import get_num_threads, set_num_threads
from .operation import Operand, Operation
from .optim import optimizers
from .optim.optimizer import Optimizer
from .optim.optimizers import *  # noqa: F403 (the optimizers, by their own list)
from .optim.optimizers import OptimizerName
from .parameters import CellName, Parameters
from .program import Program
from .random import Random
from .recurrentjs import SentenceModel
from .sampling import probabilities, softmax
from .state import State, StepResult
from .text.model import TextModel
from .training.history import History, StepReport

live: Callable[..., Any]

__all__ = [
    "GRU",
    "HTML",
    "LSTM",
    "RNN",
    "Cell",
    "CellName",
    "Drawing",
    "EchoStateNetwork",
    "GRUCell",
    "GradientCheck",
    "GradientError",
    "Graph",
    "History",
    "LSTMCell",
    "LayerSummary",
    "Mat",
    "Network",
    "Operand",
    "Operation",
    "Optimizer",
    "OptimizerName",
    "Parameters",
    "Program",
    "RNNCell",
    "Random",
    "SentenceModel",
    "State",
    "StepReport",
    "StepResult",
    "Summary",
    "TextModel",
    "__version__",
    "check_gradients",
    "distributed",
    "from_keras",
    "from_onnx",
    "get_num_threads",
    "introspection",
    "live",
    "load",
    "losses",
    "names",
    "no_grad",
    "pad_sequence",
    "probabilities",
    "recurrentjs",
    "schedules",
    "set_num_threads",
    "show_config",
    "softmax",
]
__all__ += optimizers.__all__
__all__ += names.__all__

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        # the page, with its HTTP server, is imported on first use, as is what needs scikit-learn
        if name == "live":
            return importlib.import_module(".web", __name__).live
        if name == "sklearn":
            return importlib.import_module(".sklearn", __name__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
