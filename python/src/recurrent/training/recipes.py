"""Recipe: the optimizer and the learning rates of a run whose caller names none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..names import RecipeName
from ..optim.optimizer import Optimizer
from ..optim.optimizers import Adam, RMSProp
from ..optim.schedules import Constant, Linear, Schedule, Step
from .trainable import Trainable


@dataclass(frozen=True)
class Recipe:
    """An optimizer with the schedule of its learning rate."""

    create: Callable[[], Optimizer]
    # the learning rates of a number of steps, of which an epoch has another number
    schedule: Callable[[int, int], Schedule]

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


def falling(rate: float) -> Callable[[int, int], Schedule]:
    """Returns a schedule for any number of steps: constant for a half of them, then a linear fall to a twentieth."""
    return lambda steps, _: Linear(rate, steps, decay_steps=max(1, steps // 2), end_factor=0.05)


# a rate, and how it falls, that is best on the sequences of examples/sequences; see docs/defaults.md
ARRAYS = Recipe(lambda: Adam(1e-2, clipping="global_norm"), falling(1e-2))

# of texts: the search is in docs/defaults.md
TEXTS: dict[RecipeName, Recipe] = {
    "default": Recipe(lambda: RMSProp(7e-3, alpha=0.9, bias_correction=False), falling(7e-3)),
    "char_rnn": Recipe(
        lambda: RMSProp(2e-3, alpha=0.95), lambda _, epoch: Step(2e-3, epoch, 0.97, after=10 * epoch)
    ),
    # by its name: the class is in a package that imports this one
    "recurrentjs": Recipe(lambda: Optimizer._classes["recurrentjs"](), lambda *_: Constant(1e-2)),
}
