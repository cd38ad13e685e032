"""What a trainer needs of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ..mat import Mat
from ..names import ErrorsName
from ..optim.optimizer import Optimizer
from ..outputs import Outputs
from ..parameters import Parameters
from ..random import Random
from ..sizes import Sizes
from ..state import State, StepResult

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Trainable(Protocol):
    """A model that a ``Trainer`` trains: ``Network`` or ``TextModel``."""

    _outputs: Outputs

    @property
    def optimizer(self) -> Optimizer | None:
        """What moves the weights; None before the first run."""

    @optimizer.setter
    def optimizer(self, optimizer: Optimizer) -> None: ...

    @property
    def parameters(self) -> Parameters:
        """The weights by name."""

    @property
    def flat(self) -> Mat:
        """All weights as one column."""

    @property
    def step(self) -> int:
        """Training steps made."""

    @property
    def trainer(self) -> Any:
        """The last training run, or None."""

    @classmethod
    def load(cls, path: str) -> Any:
        """Returns the model of a file."""

    def save(self, path: str, *, overwrite: bool = False) -> None:
        """Writes the model to a file."""


class TrainableNetwork(Trainable, Protocol):
    """A network over arrays."""

    _random: Random

    @property
    def _sizes(self) -> Sizes:
        """The sizes of its buffers."""

    def _train(
        self,
        x: Any,
        targets: Any,
        optimizer: Optimizer,
        learning_rate: float | None,
        clip: float | None,
        state: Any = None,
        lengths: Any = None,
    ) -> StepResult:
        """Makes a training step on time-major sequences."""

    def _gradient(
        self, x: Any, targets: Any, state: Any = None, lengths: Any = None, resets: Any = None
    ) -> tuple[float, Any]:
        """Computes the mean loss of a time-major batch and its gradients."""

    def _run(
        self, x: Any, state: Any, lengths: Any, training: bool = False, state_after: int | None = None
    ) -> tuple[Any, Any]:
        """Computes a time-major pass; returns outputs, and the state after ``state_after`` steps or the last one."""

    def _require_state(self, name: str) -> None:
        """Refuses a network whose state does not hold the past, for an argument that needs it."""

    def _backward(self, dy: npt.ArrayLike, dstate: Any = None) -> Any:
        """Backpropagates a time-major gradient."""

    def _scores(self, x: npt.NDArray[Any], lengths: npt.NDArray[np.int64] | None) -> npt.NDArray[Any]:
        """Returns the outputs of a time-major batch."""


class TrainableText(Trainable, Protocol):
    """A model of text, such as ``TextModel``."""

    tokenizer: str

    @property
    def _mask_random(self) -> Random:
        """Draws the dropout masks."""

    @property
    def network(self) -> TrainableNetwork:
        """The network over tokens."""

    def _carried_state(self) -> State | None:
        """Returns the carried state."""

    def _set_carried_state(self, state: State | None, step: int) -> None:
        """Sets the carried state, and the training steps made."""

    @property
    def is_built(self) -> bool:
        """Whether it has a vocabulary and weights."""

    @property
    def vocabulary(self) -> str | None:
        """Its characters in the order of their tokens; None for bytes."""

    @property
    def vocabulary_size(self) -> int:
        """The number of tokens."""

    def build(self, text: str | bytes) -> Any:
        """Takes the vocabulary from a text and draws the weights."""

    def _new_coder(self, data: bytes) -> Any:
        """Returns the coder of a model that is not built."""

    def _build(self, data: bytes, coder: Any) -> None:
        """Draws the weights of a model over the tokens of a coder."""

    def _coded(self) -> Any:
        """Returns the coder of a model."""

    def encode(
        self, text: str | bytes, errors: ErrorsName = "strict", replacement: str | None = None
    ) -> npt.NDArray[Any]:
        """Returns the tokens of a text."""

    def train_step(
        self,
        tokens: npt.ArrayLike,
        targets: npt.ArrayLike,
        learning_rate: float | None = None,
        clip: float | None = 5.0,
        weight_decay: float = 0.0,
        *,
        resets: npt.ArrayLike | None = None,
        bptt_length: int | None = None,
        overlap: int = 0,
    ) -> StepResult:
        """Makes one training step."""

    def reset_state(self) -> None:
        """Sets the carried state to zero."""

    def _newline(self) -> int:
        """Returns the token of the newline."""

    def _set_metadata(self, key: str, text: bytes) -> None:
        """Sets a text that is saved with the model."""

    def evaluate(
        self, text: npt.ArrayLike, batch_size: int = 1, *, resets: npt.ArrayLike | None = None
    ) -> float:
        """Returns the mean loss over tokens, in nats per token."""
