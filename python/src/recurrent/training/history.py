"""Records of a training run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, get_args

from .._checks import as_float, as_int, as_list, shown
from ..names import StopReasonName
from .history_html import page

Curve = list[tuple[int, float]]
# records of a curve, which the header of a checkpoint holds: about 5 MB
MAX_RECORDS = 40_000
# stop reasons
_CURVES = ("train", "validation", "gradient_norms", "learning_rates")
_REASONS = (None, *get_args(StopReasonName))


class StepReport(NamedTuple):
    """The argument of callbacks after a training step.

    ``model`` is the model in training; ``step`` its number of steps; ``loss`` that of the batch before the update, of
    text in nats per token; ``gradient_norm`` √Σg² over all gradients before clipping; ``ratio_clipped`` the fraction of
    their elements that was clipped; ``learning_rate``; ``epoch`` the number of passes over the data, a fraction;
    ``validation`` the validation loss, None unless the step was followed by a validation;
    ``history`` all records so far.
    """

    model: Any
    step: int
    loss: float
    gradient_norm: float
    ratio_clipped: float
    learning_rate: float
    epoch: float
    validation: float | None
    history: History


class History:
    """The records of a run of ``fit``; steps are the model's, losses those that ``fit`` names.

    Parameters
    ----------
    train : list of (int, float)
        The loss, of text in nats per token, each the mean over the steps since the last record.
    validation : list of (int, float)
        The loss of the validation data.
    gradient_norms : list of (int, float)
        √Σg² before clipping, each the mean over the steps since the last record.
    learning_rates : list of (int, float)
        The learning rate of the record's last step.
    metrics : dict of str to list of (int, float)
        What was measured at each validation besides the loss.
    stop_reason : str, optional
        "steps", "patience", "callback" or "interrupted"; None while the run continues, or after an error.

    Examples
    --------
    >>> from recurrent import History
    >>> History(validation=[(100, 1.9), (200, 1.7), (300, 1.8)]).best
    (200, 1.7)
    """

    def __init__(
        self,
        train: Iterable[tuple[int, float]] = (),
        validation: Iterable[tuple[int, float]] = (),
        gradient_norms: Iterable[tuple[int, float]] = (),
        learning_rates: Iterable[tuple[int, float]] = (),
        stop_reason: StopReasonName | None = None,
        metrics: Mapping[str, Iterable[tuple[int, float]]] = MappingProxyType({}),
    ) -> None:
        self.train: Curve = list(train)
        self.validation: Curve = list(validation)
        self.gradient_norms: Curve = list(gradient_norms)
        self.learning_rates: Curve = list(learning_rates)
        self.stop_reason = stop_reason
        self.metrics: dict[str, Curve] = {name: list(curve) for name, curve in metrics.items()}

    @property
    def best(self) -> tuple[int, float] | None:
        """The step of the lowest validation loss, the earliest of equal ones, and the loss."""
        return min(self.validation, key=lambda point: point[1], default=None)

    def curves(self) -> dict[str, Curve]:
        """Returns the curves by name.

        Returns
        -------
        dict
            ``train``, ``validation``, ``gradient_norms`` and ``learning_rates``.
        """
        return {name: getattr(self, name) for name in _CURVES}

    def add(self, step: int, loss: float, gradient_norm: float, learning_rate: float) -> None:
        """Adds a record of training steps.

        Parameters
        ----------
        step : int
            The last of the steps.
        loss, gradient_norm : float
            Their means over the steps.
        learning_rate : float
            That of the last step.
        """
        self.train.append((step, loss))
        self.gradient_norms.append((step, gradient_norm))
        self.learning_rates.append((step, learning_rate))

    def add_validation(
        self, step: int, loss: float, metrics: Mapping[str, float] = MappingProxyType({})
    ) -> None:
        """Adds a validation loss; of more than ``MAX_RECORDS``, every second one and the best remain.

        Parameters
        ----------
        step : int
            The training steps before it.
        loss : float
            In nats per token, or that of ``Network.fit``.
        metrics : mapping of str to float
            Other measures by name; one that is not finite, such as "r2" of equal targets, is left out.
        """
        self.validation.append((step, loss))
        for name, value in metrics.items():
            # a file holds finite numbers
            if math.isfinite(value):
                self.metrics.setdefault(name, []).append((step, value))
        if len(self.validation) > MAX_RECORDS:
            best, last = self.best, len(self.validation) - 1
            kept = {
                point[0] for k, point in enumerate(self.validation) if (last - k) % 2 == 0 or point == best
            }
            for curve in (self.validation, *self.metrics.values()):
                curve[:] = [point for point in curve if point[0] in kept]

    def halve(self) -> None:
        """Makes one record of each two, the mean over twice as many steps; a single one at the end is dropped."""
        self.train, self.gradient_norms = _halved(self.train), _halved(self.gradient_norms)
        self.learning_rates = self.learning_rates[1::2]

    def to_dict(self) -> dict[str, Any]:
        """Returns the history as a dict for JSON.

        Returns
        -------
        dict
            The records.
        """
        return {**self.curves(), "stop_reason": self.stop_reason, "metrics": self.metrics}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> History:
        """Returns the history of a dict that ``to_dict`` returned.

        Parameters
        ----------
        data : mapping
            The records.

        Returns
        -------
        History
            An equal history.

        Raises
        ------
        TypeError, ValueError
            If a record is missing or malformed: steps are ascending ints of at least 0, values are finite numbers.
        """
        if not isinstance(data, Mapping):
            raise TypeError(f"data has the wrong type; expected a dict, got {type(data).__name__}")
        missing = [name for name in (*_CURVES, "stop_reason") if name not in data]
        if missing:
            raise ValueError(
                f"data lacks {missing[0]!r}; expected what to_dict returns, got {', '.join(map(str, data))}"
            )
        reason = data["stop_reason"]
        if reason not in _REASONS:
            raise ValueError(f"stop_reason is unknown; expected one of {_REASONS}, got {shown(reason)}")
        # the history of an earlier version has no metrics
        measured = data.get("metrics", {})
        if not isinstance(measured, Mapping):
            raise TypeError(f"metrics has the wrong type; expected a dict, got {type(measured).__name__}")
        metrics = {str(name): _curve(points, f"metrics.{name}") for name, points in measured.items()}
        curves = {name: _curve(data[name], name) for name in _CURVES}
        return cls(**curves, stop_reason=reason, metrics=metrics)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, History) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        last = [
            f"{name} {curve[-1][1]:.4f}" for name in ("train", "validation") if (curve := getattr(self, name))
        ]
        steps = f"{self.train[-1][0]:,} steps" if self.train else "no steps"
        return f"<History: {', '.join([steps, *last])}, stop_reason: {self.stop_reason}>"

    def _repr_html_(self) -> str:
        return page(self.train, self.validation, repr(self))


def _halved(curve: Curve) -> Curve:
    """Returns the last step and the mean of each two points."""
    return [(step, (a + b) / 2) for (_, a), (step, b) in zip(curve[::2], curve[1::2])]


def _curve(points: Sequence[Any], name: str) -> Curve:
    """Returns the points of a curve after checking them."""
    curve: Curve = []
    for k, point in enumerate(as_list(points, name, "a list of pairs")):
        if not isinstance(point, (list, tuple)) or len(point) != 2:
            raise ValueError(f"{name}[{k}] is no point; expected a step and a value, got {shown(point)}")
        step, value = point
        at = as_int(step, f"{name}[{k}]")
        if at <= (curve[-1][0] if curve else -1):
            raise ValueError(f"{name}[{k}] is out of order; expected ascending steps, got {at}")
        curve.append((at, as_float(value, f"{name}[{k}]")))
    return curve
