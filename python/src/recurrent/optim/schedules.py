"""Learning rates as pure functions of the step, which a resumed run reproduces.

>>> from recurrent.optim.schedules import Cosine, Schedule
>>> schedule = Cosine(learning_rate=0.1, total_steps=100, warmup_steps=10)
>>> round(schedule(0), 6), schedule(10), schedule(100)
(0.009091, 0.1, 0.0)

A schedule is saved as a dict:

>>> Schedule.from_dict(schedule.to_dict()) == schedule
True
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, ClassVar, NamedTuple, get_args

import numpy as np

from .._checks import as_choice, as_count, as_flag, as_float, as_list, as_rate, as_single, shown
from ..names import AnnealName, PlateauModeName, ThresholdModeName

History = Sequence[tuple[int, float]]
# settings in files of version 0.1.0
_RENAMED = {"lr": "learning_rate", "max_lr": "max_learning_rate", "min_lr": "min_learning_rate"}


class Schedule:
    """The base of all schedules: called with a step, they return its learning rate.

    Steps count from 0. Arguments are named as in torch.optim.lr_scheduler.
    """

    _name: ClassVar[str]
    _classes: ClassVar[dict[str, type[Schedule]]] = {}

    def __init_subclass__(cls, name: str) -> None:
        cls._name = name
        Schedule._classes[name] = cls

    def __call__(self, step: int, validation: History = ()) -> float:
        """Returns the learning rate of a step.

        Parameters
        ----------
        step : int
            The number of earlier steps, at least 0.
        validation : sequence of (int, float)
            Validation losses so far, each with the number of steps before it; only Plateau uses them.

        Returns
        -------
        float
            The learning rate.

        Raises
        ------
        ValueError
            If ``step`` is negative.
        """
        return self._rate(_steps(step, "step", 0), validation)

    def _rate(self, step: int, validation: History) -> float:
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """Returns the schedule as a dict for JSON.

        Returns
        -------
        dict
            The name under ``"schedule"``, and the settings.
        """
        return {"schedule": self._name, **asdict(self)}  # type: ignore[call-overload]

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Schedule:
        """Returns the schedule of a dict that ``to_dict`` returned.

        Parameters
        ----------
        data : mapping
            The name and the settings.

        Returns
        -------
        Schedule
            An equal schedule.

        Raises
        ------
        ValueError, TypeError
            If a setting is unknown, missing or out of range.
        """
        if not isinstance(data, Mapping):
            raise TypeError(f"data has the wrong type; expected a dict, got {type(data).__name__}")
        settings = dict(data)
        name = settings.pop("schedule", None)
        for old, new in _RENAMED.items():
            if old in settings:
                settings[new] = settings.pop(old)
        kind = Schedule._classes.get(name) if isinstance(name, str) else None
        if kind is None:
            raise ValueError(
                f"schedule is unknown; expected one of {', '.join(Schedule._classes)}, got {shown(name)}"
            )
        known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
        for key in settings:
            if key not in known:
                raise ValueError(
                    f"{name} has an unknown setting; expected one of {', '.join(known)}, got {shown(key)}"
                )
        required = [field.name for field in fields(kind) if field.default is MISSING]  # type: ignore[arg-type]
        missing = [key for key in required if key not in settings]
        if missing:
            raise ValueError(
                f"{name} lacks {missing[0]}; expected {', '.join(required)}, got {', '.join(settings) or 'none'}"
            )
        return kind(**settings)

    def _check(self, **values: Any) -> None:
        """Replaces arguments by their checked values."""
        for name, value in values.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class Constant(Schedule, name="constant"):
    """A constant learning rate.

    Parameters
    ----------
    learning_rate : float
        At least 0.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of range.
    """

    learning_rate: float

    def __post_init__(self) -> None:
        self._check(learning_rate=as_rate(self.learning_rate, "learning_rate"))

    def _rate(self, step: int, validation: History) -> float:
        return self.learning_rate


@dataclass(frozen=True)
class Step(Schedule, name="step"):
    """``learning_rate · gamma^⌊(step - after) / step_size⌋``, and ``learning_rate`` before ``after``.

    Parameters
    ----------
    learning_rate : float
        At least 0.
    step_size : int
        Steps between two reductions, at least 1.
    gamma : float
        The factor of each reduction, above 0 and at most 1.
    after : int
        The start of the first interval, at least 0.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of range.
    """

    learning_rate: float
    step_size: int
    gamma: float = 0.1
    after: int = 0

    def __post_init__(self) -> None:
        self._check(
            learning_rate=as_rate(self.learning_rate, "learning_rate"),
            step_size=_steps(self.step_size, "step_size", 1),
            gamma=_factor(self.gamma, "gamma"),
            after=_steps(self.after, "after", 0),
        )

    def _rate(self, step: int, validation: History) -> float:
        return float(self.learning_rate * self.gamma ** (max(0, step - self.after) // self.step_size))


@dataclass(frozen=True)
class Exponential(Schedule, name="exponential"):
    """``learning_rate · gamma^step``.

    Parameters
    ----------
    learning_rate : float
        At least 0.
    gamma : float
        Above 0 and at most 1.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of range.
    """

    learning_rate: float
    gamma: float

    def __post_init__(self) -> None:
        self._check(
            learning_rate=as_rate(self.learning_rate, "learning_rate"), gamma=_factor(self.gamma, "gamma")
        )

    def _rate(self, step: int, validation: History) -> float:
        return float(self.learning_rate * self.gamma**step)


@dataclass(frozen=True)
class Cosine(Schedule, name="cosine"):
    """Half a cosine from ``learning_rate`` to ``eta_min``, after a linear warm-up (Loshchilov and Hutter, ICLR 2017).

    ::

        learning_rate (step + 1) / (warmup_steps + 1)                     for step < warmup_steps
        eta_min + (learning_rate - eta_min) (1 + cos(π p)) / 2            after that,
        p = (step - warmup_steps) / (total_steps - warmup_steps), at most 1

    Parameters
    ----------
    learning_rate : float
        At least 0.
    total_steps : int
        The step of the last value, above ``warmup_steps``.
    warmup_steps : int
        At least 0.
    eta_min : float
        At least 0.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of range.
    """

    learning_rate: float
    total_steps: int
    warmup_steps: int = 0
    eta_min: float = 0.0

    def __post_init__(self) -> None:
        warmup = _steps(self.warmup_steps, "warmup_steps", 0)
        self._check(
            learning_rate=as_rate(self.learning_rate, "learning_rate"),
            total_steps=_steps(self.total_steps, "total_steps", warmup + 1),
            warmup_steps=warmup,
            eta_min=as_rate(self.eta_min, "eta_min"),
        )

    def _rate(self, step: int, validation: History) -> float:
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / (self.warmup_steps + 1)
        done = min(step, self.total_steps) - self.warmup_steps
        return _cosine(self.learning_rate, self.eta_min, done / (self.total_steps - self.warmup_steps))


@dataclass(frozen=True)
class Linear(Schedule, name="linear"):
    """A linear fall to ``end_factor · learning_rate`` in the last ``decay_steps``, after a linear warm-up.

    ::

        learning_rate (step + 1) / (warmup_steps + 1)                     for step < warmup_steps
        learning_rate (1 - (1 - end_factor) p)                            after that,
        p = (step - (total_steps - decay_steps)) / decay_steps, at least 0 and at most 1

    Parameters
    ----------
    learning_rate : float
        At least 0.
    total_steps : int
        The step of the last value, above ``warmup_steps``.
    decay_steps : int, optional
        The steps of the fall, at least 1 and at most ``total_steps - warmup_steps``; where absent all of those.
    warmup_steps : int
        At least 0.
    end_factor : float
        The last value as a fraction of ``learning_rate``, 0 to 1.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of range.

    Examples
    --------
    >>> from recurrent.optim.schedules import Linear
    >>> schedule = Linear(0.1, total_steps=100, decay_steps=50)
    >>> schedule(50), schedule(75), schedule(100)
    (0.1, 0.05, 0.0)
    """

    learning_rate: float
    total_steps: int
    decay_steps: int | None = None
    warmup_steps: int = 0
    end_factor: float = 0.0

    def __post_init__(self) -> None:
        warmup = _steps(self.warmup_steps, "warmup_steps", 0)
        total = _steps(self.total_steps, "total_steps", warmup + 1)
        end = as_single(self.end_factor, "end_factor")
        if not 0 <= end <= 1:
            raise ValueError(f"end_factor is out of range; expected 0 to 1, got {end}")
        decay = None
        if self.decay_steps is not None:
            decay = as_count(self.decay_steps, "decay_steps", 1, total - warmup)
        self._check(
            learning_rate=as_rate(self.learning_rate, "learning_rate"),
            total_steps=total,
            decay_steps=decay,
            warmup_steps=warmup,
            end_factor=end,
        )

    def _rate(self, step: int, validation: History) -> float:
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / (self.warmup_steps + 1)
        fall = self.decay_steps or self.total_steps - self.warmup_steps
        done = min(1.0, max(0.0, (step - self.total_steps + fall) / fall))
        return self.learning_rate * (1 - (1 - self.end_factor) * done)


@dataclass(frozen=True)
class OneCycle(Schedule, name="one_cycle"):
    """Rises from ``max_learning_rate / div_factor``, then falls (Smith and Topin, arXiv:1708.07120).

    Parameters
    ----------
    max_learning_rate : float
        At least 0.
    total_steps : int
        The length of the cycle, at least 2; the last rate holds after it.
    pct_start : float
        The fraction of the steps that rise, 0 to 1, with three phases at most 0.5.
    anneal_strategy : {"cos", "linear"}
        The interpolation between two rates.
    div_factor : float
        The maximum divided by the initial rate, above 0.
    final_div_factor : float
        The initial rate divided by the last, above 0.
    three_phase : bool
        Return to the initial rate in as many steps as the rise, then fall to the last.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of range.
    """

    max_learning_rate: float
    total_steps: int
    pct_start: float = 0.3
    anneal_strategy: AnnealName = "cos"
    div_factor: float = 25.0
    final_div_factor: float = 1e4
    three_phase: bool = False

    def __post_init__(self) -> None:
        three, most = as_flag(self.three_phase, "three_phase"), 0.5 if self.three_phase else 1.0
        share = as_single(self.pct_start, "pct_start")
        if not 0 <= share <= most:
            raise ValueError(f"pct_start is out of range; expected 0 to {most}, got {share}")
        self._check(
            max_learning_rate=as_rate(self.max_learning_rate, "max_learning_rate"),
            total_steps=_steps(self.total_steps, "total_steps", 2),
            pct_start=share,
            anneal_strategy=as_choice(self.anneal_strategy, "anneal_strategy", get_args(AnnealName)),
            div_factor=_above_0(self.div_factor, "div_factor"),
            final_div_factor=_above_0(self.final_div_factor, "final_div_factor"),
            three_phase=three,
        )

    def _rate(self, step: int, validation: History) -> float:
        start, up = self.max_learning_rate / self.div_factor, self.pct_start * self.total_steps - 1
        lowest, last = start / self.final_div_factor, self.total_steps - 1
        # the end of each phase, and its rate
        ends = [(up, self.max_learning_rate), (2 * up, start), (last, lowest)] if self.three_phase else None
        begin, rate = 0.0, start
        for end, goal in ends or [(up, self.max_learning_rate), (last, lowest)]:
            if step <= end or end == last:
                break
            begin, rate = end, goal
        return self._between(rate, goal, min(1.0, (step - begin) / (end - begin)) if end > begin else 1.0)

    def _between(self, start: float, end: float, done: float) -> float:
        if self.anneal_strategy == "linear":
            return start + (end - start) * done
        return _cosine(start, end, done)


class PlateauState(NamedTuple):
    """What a ``Plateau`` knows of the losses so far: the rate, the best loss, None for infinity, and two counts."""

    rate: float
    best: float | None = None
    bad: int = 0
    cooling: int = 0


@dataclass(frozen=True)
class Plateau(Schedule, name="plateau"):
    """``learning_rate``, times ``factor`` whenever the validation loss has not improved for ``patience`` evaluations.

    A pure function of the step and the history: the losses up to the step are read from the first each time.

    Parameters
    ----------
    learning_rate : float
        At least 0.
    mode : {"min", "max"}
        Whether low or high values are better.
    factor : float
        Above 0 and below 1.
    patience : int
        Evaluations without improvement that are allowed, at least 0.
    threshold : float
        The smallest improvement, at least 0.
    threshold_mode : {"rel", "abs"}
        Whether ``threshold`` is a fraction of the best value or a difference.
    cooldown : int
        Evaluations after a reduction that do not count, at least 0.
    min_learning_rate : float
        At least 0.
    eps : float
        The smallest reduction, at least 0.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of range.
    """

    learning_rate: float
    mode: PlateauModeName = "min"
    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    threshold_mode: ThresholdModeName = "rel"
    cooldown: int = 0
    min_learning_rate: float = 0.0
    eps: float = 1e-8

    def __post_init__(self) -> None:
        factor = _factor(self.factor, "factor")
        if factor == 1:
            raise ValueError("factor is out of range; expected above 0 and below 1, got 1.0")
        self._check(
            learning_rate=as_rate(self.learning_rate, "learning_rate"),
            mode=as_choice(self.mode, "mode", get_args(PlateauModeName)),
            factor=factor,
            patience=_steps(self.patience, "patience", 0),
            threshold=as_rate(self.threshold, "threshold"),
            threshold_mode=as_choice(self.threshold_mode, "threshold_mode", get_args(ThresholdModeName)),
            cooldown=_steps(self.cooldown, "cooldown", 0),
            min_learning_rate=as_rate(self.min_learning_rate, "min_learning_rate"),
            eps=as_rate(self.eps, "eps"),
        )

    def _rate(self, step: int, validation: History) -> float:
        state = self.start()
        for k, point in enumerate(as_list(validation, "validation", "a list of steps and losses")):
            if not isinstance(point, (list, tuple)) or len(point) != 2:
                raise ValueError(
                    f"validation[{k}] is no point; expected a step and a loss, got {shown(point)}"
                )
            if _steps(point[0], f"validation[{k}]", 0) <= step:
                state = self.advance(state, _loss(point[1], f"validation[{k}]"))
        return state.rate

    def start(self) -> PlateauState:
        """Returns the state before the first loss.

        Returns
        -------
        state : PlateauState
            That of ``learning_rate``.
        """
        return PlateauState(self.learning_rate)

    def advance(self, state: PlateauState, loss: float) -> PlateauState:
        """Returns the state after another loss; a run of any length keeps the state and not the losses.

        Parameters
        ----------
        state : PlateauState
            The state before it.
        loss : float
            A validation loss; NaN is no improvement.

        Returns
        -------
        state : PlateauState
            The state after it.

        Raises
        ------
        TypeError, ValueError
            If ``state`` is not a PlateauState, or ``loss`` not a number.
        """
        if not isinstance(state, PlateauState):
            raise TypeError(f"state has the wrong type; expected a PlateauState, got {type(state).__name__}")
        loss = _loss(loss, "loss")
        rate, best, bad, cooling = state
        worst = math.inf if self.mode == "min" else -math.inf
        if self._is_better(loss, worst if best is None else best):
            best, bad = loss, 0
        else:
            bad += 1
        if cooling > 0:
            cooling, bad = cooling - 1, 0
        if bad > self.patience:
            lower = max(rate * self.factor, self.min_learning_rate)
            rate = lower if rate - lower > self.eps else rate
            bad, cooling = 0, self.cooldown
        return PlateauState(rate, best, bad, cooling)

    def _is_better(self, loss: float, best: float) -> bool:
        sign = -1 if self.mode == "min" else 1
        if self.threshold_mode == "rel":
            return sign * loss > sign * best * (1 + sign * self.threshold)
        return sign * loss > sign * best + self.threshold


def _cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2


# ---- checks


def _steps(value: Any, name: str, least: int) -> int:
    return as_count(value, name, least, 2**63 - 1)


def _loss(value: Any, name: str) -> float:
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.floating, np.integer)):
        raise TypeError(f"{name} has the wrong type; expected a number, got {type(value).__name__}")
    return value if isinstance(value, float) else as_float(value, name)


def _above_0(value: Any, name: str) -> float:
    found = as_single(value, name)
    if found <= 0:
        raise ValueError(f"{name} is out of range; expected above 0, got {found}")
    return found


def _factor(value: Any, name: str) -> float:
    found = as_single(value, name)
    if not 0 < found <= 1:
        raise ValueError(f"{name} is out of range; expected above 0 and at most 1, got {found}")
    return found


SCHEDULES: dict[str, type[Schedule]] = dict(Schedule._classes)
"""The schedules by name."""
