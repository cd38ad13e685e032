"""Losses of ``Network.fit``: what a network's outputs are compared with, and how."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Union

import numpy as np

from .._arrays import as_array
from .._checks import as_list, as_single, shown
from ..graph import Graph
from ..mat import Mat
from ..names import LossName

if TYPE_CHECKING:
    import numpy.typing as npt


class Loss:
    """The base of all losses: a mean over M targets of a network's outputs, (R, M), with weights of sum 1.

    Attributes
    ----------
    name : str
        The name in ``fit(loss=...)``.
    """

    name: ClassVar[str] = ""
    _classes: ClassVar[dict[str, type[Loss]]] = {}
    # what a target is: one class in 0 .. R - 1, or numbers
    are_classes: ClassVar[bool] = False

    def __init_subclass__(cls, name: str | None = None) -> None:
        if name is not None:
            cls.name = name
            # a file that names a class of the caller's could not be read without it
            if cls.__module__ == __name__:
                Loss._classes[name] = cls

    @property
    def is_saved(self) -> bool:
        """Whether a file holds all of the loss; of a function, and of a class of the caller's, it holds none."""
        return Loss._classes.get(self.name) is type(self)

    def numbers(self, outputs: int) -> int:
        """Returns the numbers of a target, for a network's outputs."""
        return outputs

    def __call__(
        self, scores: Mat, targets: npt.NDArray[Any], weights: npt.NDArray[Any], graph: Graph
    ) -> Mat:
        """Records the loss, 1 x 1.

        Parameters
        ----------
        scores : Mat
            (R, M), the network's outputs.
        targets, weights : array
            (M, n) numbers and their weights, or (M,) classes and theirs.
        graph : Graph
            Records.
        """
        raise NotImplementedError

    def predict(self, scores: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Returns what outputs (..., R) say of a target: a class, or numbers (..., n)."""
        return scores

    def probabilities(self, scores: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Returns the probabilities of outputs (..., R)."""
        raise ValueError(
            f"loss has no probabilities; expected cross_entropy or binary_cross_entropy, got {self.name}"
        )

    def check(self, targets: npt.NDArray[Any], name: str) -> None:
        """Checks targets that are not missing."""

    def to_dict(self) -> dict[str, Any]:
        """Returns the name and the settings, for JSON."""
        return {"name": self.name, **vars(self)} if self.is_saved else {"name": Custom.name}

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"
        )


class CrossEntropy(Loss, name="cross_entropy"):
    """The cross-entropy of classes, in nats: ``−ln softmax(scores)[class]``.

    Examples
    --------
    >>> import recurrent
    >>> recurrent.losses.CrossEntropy().name
    'cross_entropy'
    """

    are_classes = True

    def __call__(  # noqa: D102
        self, scores: Mat, targets: npt.NDArray[Any], weights: npt.NDArray[Any], graph: Graph
    ) -> Mat:
        chosen = np.zeros((len(targets), scores.n), scores.dtype)
        chosen[np.arange(len(targets)), targets] = -weights
        return graph.dot(graph.log_softmax(scores), Mat.from_array(chosen.T, scores.dtype))

    def predict(self, scores: npt.NDArray[Any]) -> npt.NDArray[Any]:  # noqa: D102
        classes: npt.NDArray[Any] = scores.argmax(-1)
        return classes

    def probabilities(self, scores: npt.NDArray[Any]) -> npt.NDArray[Any]:  # noqa: D102
        p: npt.NDArray[Any] = np.exp(scores - scores.max(-1, keepdims=True))
        p /= p.sum(-1, keepdims=True)
        return p


class _Elementwise(Loss):
    """A mean over numbers, which are compared one by one."""

    def __call__(
        self, scores: Mat, targets: npt.NDArray[Any], weights: npt.NDArray[Any], graph: Graph
    ) -> Mat:
        aims, factors = (Mat.from_array(m.T, scores.dtype) for m in (targets, weights))
        with graph:
            return graph.dot(self._of(scores, aims), factors)

    def _of(self, scores: Mat, targets: Mat) -> Mat:
        raise NotImplementedError


class MSE(_Elementwise, name="mse"):
    """The mean squared error, ``(y − t)²``.

    Examples
    --------
    >>> import recurrent
    >>> recurrent.losses.MSE()
    MSE()
    """

    def _of(self, scores: Mat, targets: Mat) -> Mat:
        return (scores - targets).square()


class MAE(_Elementwise, name="mae"):
    """The mean absolute error, ``|y − t|``.

    Examples
    --------
    >>> import recurrent
    >>> recurrent.losses.MAE()
    MAE()
    """

    def _of(self, scores: Mat, targets: Mat) -> Mat:
        return (scores - targets).abs()


class Huber(_Elementwise, name="huber"):
    """The Huber loss: ``e²/2`` where ``e = |y − t|`` is at most δ, ``δ (e − δ/2)`` beyond.

    Parameters
    ----------
    delta : float
        δ, above 0.

    Raises
    ------
    ValueError
        If ``delta`` is not above 0.

    Examples
    --------
    >>> import recurrent
    >>> recurrent.losses.Huber(0.5)
    Huber(delta=0.5)
    """

    def __init__(self, delta: float = 1.0) -> None:
        self.delta = as_single(delta, "delta")
        if self.delta <= 0:
            raise ValueError(f"delta is out of range; expected above 0, got {delta}")

    def _of(self, scores: Mat, targets: Mat) -> Mat:
        error = (scores - targets).abs()
        near = error.clip(0, self.delta)
        return near * (error - near * 0.5)


class BinaryCrossEntropy(_Elementwise, name="binary_cross_entropy"):
    """The cross-entropy of numbers between 0 and 1 with ``σ(y)``, in nats: ``softplus(y) − t y``.

    Examples
    --------
    >>> import recurrent
    >>> recurrent.losses.BinaryCrossEntropy()
    BinaryCrossEntropy()
    """

    def _of(self, scores: Mat, targets: Mat) -> Mat:
        return scores.softplus() - targets * scores

    def predict(self, scores: npt.NDArray[Any]) -> npt.NDArray[Any]:  # noqa: D102
        return (scores > 0).astype(np.int64)

    def probabilities(self, scores: npt.NDArray[Any]) -> npt.NDArray[Any]:  # noqa: D102
        return 0.5 + 0.5 * np.tanh(0.5 * scores)

    def check(self, targets: npt.NDArray[Any], name: str) -> None:  # noqa: D102
        wrong = (targets < 0) | (targets > 1)
        if wrong.any():
            raise ValueError(f"{name} is out of range; expected 0 to 1, got {targets[wrong][0]}")


class GaussianNLL(Loss, name="gaussian_nll"):
    """The negative logarithm of a normal density, in nats: ``(ln 2π + s + (t − μ)² e^−s) / 2``.

    A network has 2 n outputs for n numbers: the means μ, then the logarithms s of the variances.

    Examples
    --------
    >>> import recurrent
    >>> recurrent.losses.GaussianNLL().numbers(4)
    2
    """

    def numbers(self, outputs: int) -> int:  # noqa: D102
        if outputs % 2:
            raise ValueError(
                f"output_size is odd; expected a mean and a variance for each number, got {outputs}"
            )
        return outputs // 2

    def __call__(  # noqa: D102
        self, scores: Mat, targets: npt.NDArray[Any], weights: npt.NDArray[Any], graph: Graph
    ) -> Mat:
        aims, factors = (Mat.from_array(m.T, scores.dtype) for m in (targets, weights))
        with graph:
            mean, log_variance = scores.split(2)
            error = (mean - aims).square() * (-log_variance).exp()
            return graph.dot((error + log_variance) * 0.5 + 0.5 * math.log(2 * math.pi), factors)

    def predict(self, scores: npt.NDArray[Any]) -> npt.NDArray[Any]:  # noqa: D102
        return scores[..., : scores.shape[-1] // 2]


class Quantile(Loss, name="quantile"):
    """The pinball loss of quantiles q: ``max(q e, (q − 1) e)`` with ``e = t − y``.

    A network has n outputs for each quantile of n numbers: all of the first quantile, then those of the second.

    Parameters
    ----------
    levels : list of float
        The quantiles, above 0 and below 1.

    Raises
    ------
    ValueError
        If there is no level, or one is out of range.

    Examples
    --------
    >>> import recurrent
    >>> recurrent.losses.Quantile([0.1, 0.5, 0.9]).numbers(3)
    1
    """

    def __init__(self, levels: Sequence[float] = (0.1, 0.5, 0.9)) -> None:
        self.levels = [as_single(q, "levels") for q in as_list(levels, "levels", "a list of numbers")]
        if not self.levels or not all(0 < q < 1 for q in self.levels):
            raise ValueError(f"levels is out of range; expected numbers above 0 and below 1, got {levels}")

    def numbers(self, outputs: int) -> int:  # noqa: D102
        if outputs % len(self.levels):
            raise ValueError(
                f"output_size does not fit the quantiles; expected a multiple of {len(self.levels)}, got {outputs}"
            )
        return outputs // len(self.levels)

    def __call__(  # noqa: D102
        self, scores: Mat, targets: npt.NDArray[Any], weights: npt.NDArray[Any], graph: Graph
    ) -> Mat:
        aims, factors = (Mat.from_array(m.T, scores.dtype) for m in (targets, weights))
        losses = []
        with graph:
            for q, y in zip(self.levels, scores.split(len(self.levels))):
                error = aims - y
                losses.append(graph.dot((error * q).maximum(error * (q - 1)), factors))
            return sum(losses[1:], losses[0]) * (1 / len(losses))

    def predict(self, scores: npt.NDArray[Any]) -> npt.NDArray[Any]:  # noqa: D102
        n = scores.shape[-1] // len(self.levels)
        return scores.reshape(*scores.shape[:-1], len(self.levels), n)


class Custom(Loss, name="custom"):
    """A loss of the caller's own: a function that records it.

    Parameters
    ----------
    function : callable
        Called with the outputs, a Mat (R, M), and the targets, a Mat (n, M) of numbers or an array (M,) of classes;
        returns a Mat 1 x 1.
    """

    is_saved = False

    def __init__(self, function: Callable[[Mat, Any], Mat]) -> None:
        self._function = function

    @property
    def is_missing(self) -> bool:
        """Whether the function was left out of a file."""
        return self._function is _missing

    def __call__(  # noqa: D102
        self, scores: Mat, targets: npt.NDArray[Any], weights: npt.NDArray[Any], graph: Graph
    ) -> Mat:
        aims = targets if targets.dtype.kind in "iu" else Mat.from_array(targets.T, scores.dtype)
        with graph:
            loss = self._function(scores, aims)
        if not isinstance(loss, Mat) or loss.shape != (1, 1):
            got = f"a Mat {loss.shape}" if isinstance(loss, Mat) else type(loss).__name__
            raise TypeError(f"loss returns the wrong result; expected a Mat (1, 1), got {got}")
        return loss


LossLike = Union[LossName, Loss, Callable[[Mat, Any], Mat]]


def as_loss(value: Any) -> Loss:
    """Returns the loss of a name, of an object or of a function."""
    if isinstance(value, Loss):
        return value
    names = [name for name in Loss._classes if name != Custom.name]
    if isinstance(value, str):
        if value not in names:
            raise ValueError(f"loss is unknown; expected one of {', '.join(names)}, got {shown(value)}")
        return Loss._classes[value]()
    if isinstance(value, type) and issubclass(value, Loss):
        raise TypeError(
            f"loss has the wrong type; expected an object, {value.__name__}(), got the class {value.__name__}"
        )
    if not callable(value):
        raise TypeError(
            f"loss has the wrong type; expected a name, a loss or a function, got {type(value).__name__}"
        )
    return Custom(value)


def loss_of_dict(data: Any) -> Loss:
    """Returns the loss of a dict that ``to_dict`` returned; that of a function cannot be computed."""
    if not isinstance(data, Mapping) or data.get("name") not in Loss._classes:
        raise ValueError(f"loss is unknown; expected one of {', '.join(Loss._classes)}, got {shown(data)}")
    settings = {key: value for key, value in data.items() if key != "name"}
    if data["name"] == Custom.name:
        return Custom(_missing)
    return Loss._classes[data["name"]](**settings)


def _missing(*_: Any) -> Mat:
    raise ValueError("loss is missing; expected the function of the run again, as a file has none")


def loss_for(y: Any, outputs: int) -> Loss:
    """Returns the loss for targets: of ints the cross-entropy, of other numbers the mean squared error."""
    first = y[0] if isinstance(y, (list, tuple)) and len(y) else y
    if as_array(first, "y").dtype.kind not in "iu":
        return as_loss("mse")
    if outputs == 1:
        raise ValueError(
            "loss is needed for ints and one output; expected mse or binary_cross_entropy, or an output for each "
            "class, got None"
        )
    return as_loss("cross_entropy")
