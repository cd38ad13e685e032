"""Steps of a network on a batch of arrays: one of training, and one that measures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..graph import Graph
from ..mat import Mat
from ..state import State, StepResult
from .dataset import Batch, Dataset
from .losses import MSE, CrossEntropy, Loss
from .metrics import Measurement, Metrics
from .trainable import TrainableNetwork
from .windows import Window

if TYPE_CHECKING:
    import numpy.typing as npt

# sequences of a batch that is only read
READ_BATCH = 256


def train(
    net: TrainableNetwork,
    batch: Batch,
    loss: Loss,
    graph: Graph,
    rate: float | None,
    clip: float | None,
    state: State | None = None,
    state_after: int | None = None,
) -> StepResult:
    """Makes a training step on a batch. Interrupted, it has changed nothing.

    Parameters
    ----------
    net, batch, loss, graph, rate, clip
        The network, what it learns, and the options of the step.
    state : State, optional
        That before the batch; where absent sequences begin.
    state_after : int, optional
        The steps after which the state of the result is; all where absent.
    """
    optimizer = net.optimizer
    if optimizer is None:
        raise RuntimeError("the network has no optimizer; expected one before a training step")
    x, lengths, targets, weights = batch
    if weights is None and targets.ndim == 1 and type(loss) is CrossEntropy:
        targets = _at_ends(targets, lengths, len(x))
    if state_after is None and is_one_call(batch._replace(targets=targets), loss):
        return net._train(x, targets, optimizer, rate, clip, state, lengths)
    before = net._random.state
    try:
        value, weight, after = _backpropagate(net, batch, loss, graph, state, state_after)
        if not weight:
            return StepResult(0.0, 0.0, 0.0, after)
        done = optimizer.step(net.parameters, rate, clip=clip)
    except BaseException:
        net.flat.zero_gradient()
        net._random.state = before
        raise
    return done._replace(loss=value, state=after)


def advance(
    net: TrainableNetwork,
    data: Dataset,
    chosen: npt.NDArray[np.int64],
    window: Window,
    state: State | None,
    steps: int,
) -> State | None:
    """Returns the state before the first step of a window, computed as in training, some steps at a time."""
    for t in range(window.given, window.first, steps):
        x, lengths = data.sequences.batch(chosen, t, min(t + steps, window.first))
        _, state = net._run(x, state, lengths, training=True)
    return state


def gradient(
    net: TrainableNetwork,
    batch: Batch,
    loss: Loss,
    graph: Graph,
    state: State | None = None,
    state_after: int | None = None,
) -> tuple[float, float, State | None]:
    """Computes the mean loss of a batch and its gradients.

    Returns the loss, the weight of the targets, 0 for none, and the state after ``state_after`` steps.
    """
    x, lengths, targets, weights = batch
    if weights is None and targets.ndim == 1 and type(loss) is CrossEntropy:
        targets = _at_ends(targets, lengths, len(x))
    batch = batch._replace(targets=targets)
    count = float(batch.counted().sum())
    if state_after is not None or not count or not is_one_call(batch, loss):
        return _backpropagate(net, batch, loss, graph, state, state_after)
    value, after = net._gradient(x, targets, state, lengths)
    return value, count, after


def _backpropagate(
    net: TrainableNetwork,
    batch: Batch,
    loss: Loss,
    graph: Graph,
    state: State | None,
    state_after: int | None,
) -> tuple[float, float, State | None]:
    """Computes a loss of the graph and its gradients; returns it, the weight of its targets, and a state."""
    net.flat.zero_gradient()
    y, after = net._run(batch.x, state, batch.lengths, training=True, state_after=state_after)
    value, dy, weight = output_gradient(y, batch, loss, graph)
    if dy is not None:
        net._backward(dy)
    return value, weight, after


def output_gradient(
    y: npt.NDArray[Any], batch: Batch, loss: Loss, graph: Graph
) -> tuple[float, npt.NDArray[Any] | None, float]:
    """Returns the mean loss of outputs (T, B, R), their gradient, None without a target, and the targets' weight."""
    selected = _select(y, batch)
    if selected is None:
        return 0.0, None, 0.0
    scores, result = _record(selected, loss, graph)
    value = float(result.w[0, 0])
    if not math.isfinite(value):
        raise FloatingPointError(
            f"the loss is {value}; no weight has changed, a lower learning rate may help"
        )
    result.backward()
    dy = np.zeros_like(y)
    dy[selected.where] = scores.dw.T
    return value, dy, float(selected.weights.sum())


def measure(
    net: TrainableNetwork, data: Dataset, chosen: npt.NDArray[np.int64], loss: Loss, metrics: Metrics
) -> Measurement:
    """Returns a measurement of some sequences: the mean loss, and metrics by name."""
    found, graph = metrics.start(), Graph(needs_backprop=False)
    for first in range(0, len(chosen), READ_BATCH):
        batch = data.batch(chosen[first : first + READ_BATCH])
        selected = _select(net._scores(batch.x, batch.lengths), batch)
        if selected is not None:
            _, result = _record(selected, loss, graph)
            found.add(selected.outputs, selected.targets, float(result.w[0, 0]), selected.weights)
    return found


def is_one_call(batch: Batch, loss: Loss) -> bool:
    """Whether a call of the library makes the whole step."""
    _, _, targets, weights = batch
    if weights is not None or type(loss) not in (CrossEntropy, MSE):
        return False
    if not loss.are_classes:
        return targets.ndim == 3
    # the library refuses a batch without a target; targets beyond lengths are -1
    return targets.ndim == 2 and bool((targets >= 0).any())


def _ends(lengths: npt.NDArray[np.int64] | None, T: int, chosen: npt.NDArray[np.int64]) -> Any:
    """Returns the indices of the last valid steps of some sequences of a batch."""
    return (np.full(len(chosen), T) if lengths is None else lengths[chosen]) - 1, chosen


def _at_ends(
    classes: npt.NDArray[Any], lengths: npt.NDArray[np.int64] | None, T: int
) -> npt.NDArray[np.int64]:
    """Returns one class for each sequence as targets (T, B) of its last step."""
    targets = np.full((T, len(classes)), -1)
    chosen = np.arange(len(classes)) if lengths is None else np.flatnonzero(lengths)
    targets[_ends(lengths, T, chosen)] = classes[chosen]
    return targets


class _Selected(NamedTuple):
    """The M outputs with a target, (M, R), and where they are; the targets, (M,) or (M, n), and their weights."""

    where: Any
    outputs: npt.NDArray[Any]
    targets: npt.NDArray[Any]
    weights: npt.NDArray[Any]


def _select(y: npt.NDArray[Any], batch: Batch) -> _Selected | None:
    """Returns what of the outputs (T, B, R) has a target; None if nothing has one."""
    lengths, targets, weights = batch.lengths, batch.targets, batch.counted()
    are_classes = targets.dtype.kind in "iu"
    chosen: Any = weights > 0 if are_classes else (weights > 0).any(-1)
    where = chosen
    if chosen.ndim == 1:
        # one target for each sequence
        chosen = np.flatnonzero(chosen if lengths is None else chosen & (lengths > 0))
        where = _ends(lengths, len(y), chosen)
    if not weights[chosen].sum() > 0:
        return None
    aims = targets[chosen]
    # a number that is missing has weight 0
    aims = aims if are_classes else np.nan_to_num(aims, nan=0.0)
    return _Selected(where, y[where], aims, weights[chosen])


def _record(selected: _Selected, loss: Loss, graph: Graph) -> tuple[Mat, Mat]:
    """Records the mean loss; returns the outputs as a Mat, and the loss."""
    graph.reset()
    outputs, weights = selected.outputs, selected.weights
    scores = Mat.from_array(outputs.T, outputs.dtype)
    return scores, loss(scores, selected.targets, (weights / weights.sum()).astype(outputs.dtype), graph)
