"""Replicas: the models of all ranks, which a run keeps equal: compared at its beginning, stepped together."""

from __future__ import annotations

from typing import Any

from .._checks import shown
from ..state import StepResult
from .interrupt import Interrupt
from .ranks import Ranks

_WORD = 1 << 64


class Replicas:
    """The models of all ranks.

    Masks of dropout are a function of the generator's key, the step and the rank: a resumed run of as many ranks has
    the same ones. They are not those of one process, which draws them for the whole batch.

    Parameters
    ----------
    trainer : Trainer
        This rank's run.
    model : Trainable
        This rank's model.
    ranks : Ranks
        The processes.

    Attributes
    ----------
    is_save_due : bool
        Whether rank 0 saves after the last step: its clock decides for all.
    """

    def __init__(self, trainer: Any, model: Any, ranks: Ranks) -> None:
        self._trainer, self._model, self._ranks = trainer, model, ranks
        self._random = trainer._generator(model)
        self._key = self._random.state[:2]
        self.is_save_due = False

    def compare(self) -> None:
        """Compares what the ranks train.

        Raises
        ------
        ValueError
            If the batch has fewer sequences than there are ranks, or a rank has another argument, other data or another
            model than rank 0.
        """
        trainer, size = self._trainer, self._ranks.size
        if trainer.settings.batch_size < size:
            raise ValueError(
                f"batch_size is smaller than the number of ranks; expected at least {size}, got "
                f"{trainer.settings.batch_size}"
            )
        described = self._ranks.gather(self._described)
        for name, expected in described[0].items():
            for rank, other in enumerate(described):
                if other.get(name) != expected:
                    raise ValueError(
                        f"{name} differs between the ranks; expected {shown(expected)} as on rank 0, got "
                        f"{shown(other.get(name))} on rank {rank}"
                    )

    def _described(self) -> dict[str, Any]:
        trainer, model = self._trainer, self._model
        if model.optimizer is None:
            raise RuntimeError("the model has no optimizer; expected one before a training step")
        # rank 0 writes the checkpoint and draws the seed
        settings = {
            name: value
            for name, value in trainer.settings.to_dict().items()
            if name not in ("checkpoint", "seed")
        }
        return {
            "steps": (trainer.first_step, trainer.step, trainer.target_step),
            "data": trainer._digests(),
            "optimizer": model.optimizer.settings,
            **settings,
            **trainer._described(model),
        }

    def share(self) -> None:
        """Gives all ranks the weights, the optimizer's state and the records of rank 0."""
        trainer, model = self._trainer, self._model
        weights, optimizer, self._key, checkpoint, common = self._ranks.of_first(
            lambda: (
                model.flat.w.copy(),
                model.optimizer.state_dict(),
                self._random.state[:2],
                trainer.settings.checkpoint,
                trainer._common(model),
            )
        )
        if self._ranks.rank:
            model.flat.w = weights
            model.optimizer.load_state_dict(optimizer)
            trainer.settings.checkpoint = checkpoint
        trainer._take_common(model, common)

    def step(self, number: int, rate: float, interrupt: Interrupt) -> tuple[StepResult, float]:
        """Makes a training step of all ranks on one batch; returns its result and the learning rate, that of rank 0.

        An error or an interrupt on a rank ends the step on all; nothing has changed then.
        """
        trainer, model, before = self._trainer, self._model, self._random.state
        try:
            weight, (total, loss, rate, is_due, draws) = self._ranks.sums(
                self._shard_step, number, rate, interrupt
            )
            done = StepResult(0.0, 0.0, 0.0)
            if total:
                self._ranks.add_up(model.flat, weight / total)
                done = model.optimizer.step(
                    model.parameters, rate, trainer._weight_decay() * rate, trainer.settings.clip
                )
                done = done._replace(loss=loss / total)
        except BaseException:
            model.flat.zero_gradient()
            self._random.state = before
            raise
        # where no rank has drawn, generators stay as they were
        self._random.state = self._masks(trainer.step + 1, 0) if draws else before
        self.is_save_due = is_due > 0
        trainer._accept(model)
        return done, rate

    def _shard_step(self, number: int, rate: float, interrupt: Interrupt) -> tuple[float, tuple[float, ...]]:
        """Computes the gradients of this rank's part of a batch; returns its number of targets, and what is summed."""
        trainer, is_first = self._trainer, not self._ranks.rank
        masks = self._masks(trainer.step, self._ranks.rank)
        self._random.state = masks
        loss, weight = interrupt.step(trainer._gradient, self._model, number)
        return weight, (
            weight,
            weight * loss,
            rate if is_first else 0.0,
            is_first and trainer._is_due(trainer.step + 1),
            self._random.state != masks,
        )

    def _masks(self, step: int, rank: int) -> tuple[int, ...]:
        """Returns the state of the generator before a step: a key for each rank, and 2^128 blocks for each step."""
        seed, stream = self._key
        return (seed, (stream + rank) % _WORD, 0, 0, step + 1, 0, 0, 0, 0, 0, 4)
