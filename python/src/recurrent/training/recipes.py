"""Recipe: the optimizer and the learning rates of a run whose caller names none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..optim.optimizer import Optimizer
from ..optim.schedules import Linear, Schedule
from .options import CLIP
from .trainable import Trainable


@dataclass(frozen=True)
class Recipe:
    """An optimizer with the schedule of its learning rate."""

    create: Callable[[], Optimizer]
    # the learning rates of a number of steps, of which an epoch has another number
    schedule: Callable[[int, int], Schedule]
    # the fraction of each weight that a step subtracts, for a learning rate of 1
    weight_decay: float = 0.0
    clip: float = CLIP

    def begin(
        self, model: Trainable, optimizer: Optimizer | None, is_chosen: bool, steps: int, epoch_steps: int
    ) -> Schedule | None:
        """Gives a model the optimizer of a run, and returns the run's schedule.

        Parameters
        ----------
        model : Trainable
            The model, whose own optimizer stays unless there is another.
        optimizer : Optimizer, optional
            The caller's.
        is_chosen : bool
            Whether the caller chose the recipe, or its learning rates alone: otherwise a model that has another
            optimizer than the recipe's keeps it, at its own learning rate.
        steps, epoch_steps : int
            The steps of the run, and of a pass over its data.

        Returns
        -------
        Schedule, optional
            That of the recipe; None with another optimizer.
        """
        if optimizer is not None:
            model.optimizer = optimizer
            return None
        known = model.optimizer
        if known is not None and self._is_own(known):
            return self.schedule(steps, epoch_steps)
        if known is not None and not is_chosen:
            return None
        model.optimizer = self.create()
        return self.schedule(steps, epoch_steps)

    def _is_own(self, optimizer: Optimizer) -> bool:
        """Whether an optimizer has the recipe's settings; its learning rate may be another."""
        return _without_rate(optimizer) == _without_rate(self.create())


def _without_rate(optimizer: Optimizer) -> dict[str, Any]:
    return {name: value for name, value in optimizer.settings.items() if name != "learning_rate"}


def falling(rate: float, share: float) -> Callable[[int, int], Schedule]:
    """Returns a schedule for any number of steps: a linear fall to a twentieth in the last ``share`` of them."""
    return lambda steps, _: Linear(rate, steps, decay_steps=max(1, int(share * steps)), end_factor=0.05)
