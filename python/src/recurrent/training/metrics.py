"""Metrics of ``Network.fit`` and ``evaluate``: what is measured of predictions besides the loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, Union, get_args

import numpy as np

from .._checks import as_list, shown
from .losses import CrossEntropy, Loss

if TYPE_CHECKING:
    import numpy.typing as npt

ClassMetricName = Literal["accuracy", "class_accuracy", "perplexity"]
NumberMetricName = Literal["r2", "mae", "mse", "rmse"]
MetricName = Union[ClassMetricName, NumberMetricName]
MetricLike = Union[MetricName, Callable[[Any, Any], Any]]


class Metrics:
    """Metrics by name, computed from predictions and targets that come in parts.

    Parameters
    ----------
    metrics : iterable of str or callable
        Names; or functions of predictions and targets, (M,) classes or (M, n) numbers, which return a number.
    loss : Loss
        Tells classes from numbers.
    outputs : int
        The outputs of the network: the number of classes.
    """

    def __init__(self, metrics: Iterable[MetricLike], loss: Loss, outputs: int) -> None:
        if isinstance(metrics, str) or callable(metrics):
            metrics = [metrics]
        given = as_list(metrics, "metrics", "a list of names and functions")
        known = known_names(loss)
        self._functions: dict[str, Callable[[Any, Any], Any]] = {}
        self.names: list[str] = []
        for metric in given:
            name = getattr(metric, "__name__", type(metric).__name__) if callable(metric) else metric
            # an array has no truth value of a comparison
            if not callable(metric) and not (isinstance(metric, str) and metric in known):
                raise ValueError(
                    f"metrics has an unknown name; expected one of {', '.join(known)} or a function, got "
                    f"{shown(metric)}"
                )
            if name in ("loss", *self.saved_names):
                raise ValueError(
                    f"metrics has a name twice; expected a name of its own for each, other than loss, got {shown(name)}"
                )
            if callable(metric):
                self._functions[name] = metric
            else:
                self.names.append(metric)
        self._loss, self._outputs = loss, outputs

    @property
    def saved_names(self) -> list[str]:
        """The names; a function's stands for it."""
        return [*self.names, *self._functions]

    def check(self, are_classes: bool) -> None:
        """Checks that the metrics are those of the targets, which a function as loss does not tell."""
        if are_classes and not self._loss.are_classes and self.names:
            raise ValueError(
                f"metrics does not fit the targets; expected functions, as y is ints and loss a function, got "
                f"{self.names[0]}"
            )

    def start(self) -> Measurement:
        """Returns a measurement of no targets."""
        return Measurement(self)


class Measurement:
    """Sums over the targets so far, from which metrics follow."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._count = self._loss = self._weight = 0.0
        self._right = np.zeros(metrics._outputs)
        self._seen = np.zeros(metrics._outputs)
        self._sums = [0.0] * 4
        self._mean: Any = None
        self._kept: list[tuple[Any, Any]] = []

    def add(
        self, scores: npt.NDArray[Any], targets: npt.NDArray[Any], loss: float, weights: npt.NDArray[Any]
    ) -> None:
        """Adds outputs (M, R), their targets, their mean loss and the weights of that mean before they are scaled."""
        weight = float(weights.sum())
        self._loss += loss * weight
        self._weight += weight
        m = self._metrics
        if not (m.names or m._functions):
            return
        predictions = m._loss.predict(scores)
        if m._functions:
            self._kept.append((predictions, targets))
        if m._loss.are_classes:
            self._seen += np.bincount(targets, minlength=m._outputs)
            self._right += np.bincount(targets[predictions == targets], minlength=m._outputs)
        elif "accuracy" in m.names:
            valid = weights > 0
            self._seen[0] += valid.sum()
            self._right[0] += ((predictions == (targets > 0.5)) & valid).sum()
        elif m.names:
            valid = weights > 0
            self._add_numbers(
                _middle(m._loss, predictions)[valid].astype(float), targets[valid].astype(float)
            )

    def _add_numbers(self, y: npt.NDArray[Any], t: npt.NDArray[Any]) -> None:
        error = y - t
        if self._mean is None:
            # deviations from a number among the targets: their squares lose no digits
            self._mean = t.mean() if t.size else 0.0
        deviation = t - self._mean
        for k, value in enumerate(
            (np.abs(error).sum(), (error**2).sum(), deviation.sum(), (deviation**2).sum())
        ):
            self._sums[k] += float(value)
        self._count += t.size

    def parts(self) -> tuple[Any, ...]:
        """Returns the sums, which another process adds to its own with ``add_parts``."""
        sums = (self._count, self._loss, self._weight, *self._sums)
        return sums, self._right, self._seen, self._mean, self._kept

    def add_parts(self, parts: tuple[Any, ...]) -> None:
        """Adds the sums of a measurement of other targets."""
        (count, loss, weight, absolute, squares, total, total_squares), right, seen, mean, kept = parts
        self._loss += loss
        self._weight += weight
        self._right += right
        self._seen += seen
        self._kept += kept
        if mean is None:
            return
        if self._mean is None:
            self._mean = mean
        # deviations from another number
        shift = float(mean - self._mean)
        total_squares += shift * (2 * total + count * shift)
        for k, value in enumerate((absolute, squares, total + count * shift, total_squares)):
            self._sums[k] += value
        self._count += count

    @property
    def loss(self) -> float:
        """The mean loss."""
        return self._loss / self._weight if self._weight else math.nan

    def results(self) -> dict[str, float]:
        """Returns the metrics by name; "class_accuracy" gives one for each class."""
        found: dict[str, float] = {}
        for name in self._metrics.names:
            if name == "class_accuracy":
                with np.errstate(invalid="ignore"):
                    found.update(
                        {f"accuracy_{k}": float(v) for k, v in enumerate(self._right / self._seen) if v == v}
                    )
            else:
                found[name] = self._value(name)
        for name, function in self._metrics._functions.items():
            predictions, targets = (np.concatenate(parts) for parts in zip(*self._kept))
            value = function(predictions, targets)
            try:
                found[name] = float(value)
            except (TypeError, ValueError):
                raise TypeError(
                    f"metric {name} returns the wrong result; expected a number, got {type(value).__name__}"
                ) from None
        return found

    def _value(self, name: str) -> float:
        if name == "accuracy":
            return float(self._right.sum() / max(1.0, self._seen.sum()))
        if name == "perplexity":
            return math.exp(min(700.0, self.loss))
        absolute, squares, total, total_squares = self._sums
        n = max(1.0, self._count)
        if name == "mae":
            return absolute / n
        if name == "r2":
            variance = total_squares - total * total / n
            return 1 - squares / variance if variance > 0 else math.nan
        return squares / n if name == "mse" else math.sqrt(squares / n)


def _middle(loss: Loss, predictions: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Returns numbers (M, n): of quantiles the middle one."""
    if loss.name != "quantile":
        return predictions
    levels: list[float] = loss.levels  # type: ignore[attr-defined]
    middle: npt.NDArray[Any] = predictions[:, min(range(len(levels)), key=lambda k: abs(levels[k] - 0.5))]
    return middle


def known_names(loss: Loss) -> tuple[str, ...]:
    """Returns the names of the metrics of a loss."""
    if loss.name == "binary_cross_entropy":
        return ("accuracy",)
    return get_args(ClassMetricName if loss.are_classes else NumberMetricName)


def default_metrics(loss: Loss) -> tuple[MetricName, ...]:
    """Returns the metrics of ``evaluate`` where none are given."""
    return ("accuracy",) if isinstance(loss, CrossEntropy) else ()
