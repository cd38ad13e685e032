"""What a training run recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

Curve = list[tuple[int, float]]


class StepReport(NamedTuple):
    """What callbacks are told after a training step.

    ``model``, the TextModel that learns; ``step``, how many it has made; ``loss``, nats per token over the chunk
    before the update; ``gradient_norm``, √Σg² over all gradients before clipping; ``ratio_clipped``, the share of them
    that was clipped; ``learning_rate``; ``epoch``, how often the text has been read, 1 being once; ``validation``,
    nats per token of the part held out, None where the step was not followed by a look at it; ``history``, everything
    so far.
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
    """What a run of ``TextModel.fit`` recorded; steps are the model's, counted from its first.

    Parameters
    ----------
    train : list of (int, float)
        Nats per token, each the mean of the steps since the last record.
    validation : list of (int, float)
        Nats per token of the part held out.
    gradient_norms : list of (int, float)
        √Σg² before clipping, means likewise.
    learning_rates : list of (int, float)
        The rate of the record's last step.
    stop_reason : str, optional
        Why: all "steps" were made, "patience" was lost, a "callback" said so, or the run was "interrupted". It is
        None where ``stop_reason`` was not reached: the run goes on, or an error was raised.

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
        stop_reason: str | None = None,
    ) -> None:
        self.train: Curve = list(train)
        self.validation: Curve = list(validation)
        self.gradient_norms: Curve = list(gradient_norms)
        self.learning_rates: Curve = list(learning_rates)
        self.stop_reason = stop_reason

    @property
    def best(self) -> tuple[int, float] | None:
        """The step of the lowest validation loss, the earliest of equals, and that loss."""
        return min(self.validation, key=lambda point: point[1], default=None)

    def to_dict(self) -> dict[str, Any]:
        """The history as a dict that JSON can hold."""
        return dict(vars(self))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> History:
        """The history that ``to_dict`` wrote."""
        curves = ("train", "validation", "gradient_norms", "learning_rates")
        points = {name: [(int(step), float(value)) for step, value in data[name]] for name in curves}
        return cls(**points, stop_reason=data["stop_reason"] if "stop_reason" in data else data["ended"])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, History) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        last = [
            f"{name} {curve[-1][1]:.4f}" for name in ("train", "validation") if (curve := getattr(self, name))
        ]
        steps = f"{self.train[-1][0]:,} steps" if self.train else "no steps"
        return f"<History: {', '.join([steps, *last])}, stop_reason: {self.stop_reason}>"
