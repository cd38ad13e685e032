"""Trainer: a training run, started by ``fit`` and continued by ``resume``; the base of one for each kind of data."""

from __future__ import annotations

import json
import math
import os
import re
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar

import numpy as np

from .._checks import MAX_STEPS, as_flag, as_float, as_int, shown
from ..names import StopReasonName
from ..optim.schedules import Plateau, PlateauState
from ..random import Random
from ..state import StepResult
from .carried_state import CarriedState
from .history import MAX_RECORDS, History, StepReport
from .interrupt import Interrupt
from .options import TrainingOptions, count
from .progress import Progress
from .ranks import Ranks
from .replicas import Replicas
from .trainable import Trainable

if TYPE_CHECKING:
    import numpy.typing as npt

M = TypeVar("M", bound=Trainable)
T = TypeVar("T", bound="Trainer[Any]")
Callback = Callable[[StepReport], Any]
# divergence threshold: a multiple of the loss of uniform guessing, ln(vocabulary size)
_DIVERGENCE = 3.0


class Trainer(ABC, Generic[M]):
    """A training run: its options, position and records.

    Each step depends only on the model, on the data and on what ``to_dict`` returns, so that a resumed run continues to
    the same bits.

    Parameters
    ----------
    options : TrainingOptions
        The options of the run.
    first_step, target_step : int
        The model's step at the start, and at the end.

    Attributes
    ----------
    sources : dict
        The digest of each of the run's data, and its path if it is a file.
    """

    _Options: ClassVar[type[TrainingOptions]] = TrainingOptions
    # of the data that every run has, and of those for validation, in ``sources``
    _sources: ClassVar[tuple[str, str]] = ("text", "validation")

    def __init__(self, options: TrainingOptions, first_step: int, target_step: int) -> None:
        self.settings, self.first_step, self.step, self.target_step = (
            options,
            first_step,
            first_step,
            target_step,
        )
        self.history = History()
        self._overwrite = False
        self.sources: dict[str, dict[str, Any] | None] = {}
        self._running = _Running()
        self._first = self._smooth = 0.0
        self._patience = _Patience()
        schedule = options.schedule
        self._plateau = schedule.start() if isinstance(schedule, Plateau) else None
        # the weights of the lowest validation loss; whether they are the model's
        self._best: npt.NDArray[Any] | None = None
        self.is_restored = False
        # the processes that train together, and what is common to them
        self._ranks = Ranks()
        self._replicas: Replicas | None = None
        self._carried = CarriedState()

    # ---- the data

    @abstractmethod
    def _matching(self, model: M, data: Any) -> Any:
        """Returns the data of a run that is resumed, after comparing them with ``sources``."""

    @abstractmethod
    def _read(self, model: M, data: Any) -> None:
        """Makes batches of the data."""

    @abstractmethod
    def _step(self, model: M, number: int, rate: float) -> StepResult:
        """Makes a training step on a batch; number 0 is the run's first."""

    @property
    @abstractmethod
    def epoch_steps(self) -> int:
        """The training steps of a pass over the data."""

    def _passes(self, steps: int) -> float:
        """Returns the passes over the data that a number of training steps is."""
        return steps / self.epoch_steps

    @property
    @abstractmethod
    def has_validation(self) -> bool:
        """Whether there are data for validation."""

    @abstractmethod
    def _measured(self, model: M) -> Any:
        """Computes this rank's part of a validation."""

    @abstractmethod
    def _validation(self, model: M, parts: list[Any]) -> tuple[float, dict[str, float]]:
        """Returns the validation loss of the parts of all ranks, and metrics by name."""

    @abstractmethod
    def _gradient(self, model: M, number: int) -> tuple[float, float]:
        """Computes the gradients of this rank's part of a batch; returns the mean loss and the number of targets."""

    def _weight_decay(self) -> float:
        """Returns the fraction of each weight that a step subtracts, for a learning rate of 1."""
        return 0.0

    def _accept(self, model: M) -> None:
        """Takes what ``_gradient`` has computed besides, after the step of all ranks."""

    def _collect(self, model: M) -> None:
        """Gives the model what the ranks have of it in parts, before a save."""

    @abstractmethod
    def _guess(self, model: M) -> float:
        """Returns the loss of a model that knows nothing, or a loss that is not yet divergence."""

    @abstractmethod
    def _size(self, model: M) -> tuple[int, str]:
        """Returns what a training step reads, for the progress bar: 2,500 "characters"."""

    # ---- begin and continue

    def join(self, model: M, ranks: Ranks) -> None:
        """Makes this the run of all ranks, with the weights and the records of rank 0."""
        self._ranks = ranks
        if ranks.size > 1:
            self._replicas = Replicas(self, model, ranks)
            self._replicas.compare()
            self._replicas.share()

    @abstractmethod
    def _generator(self, model: M) -> Random:
        """Returns the generator that draws dropout masks."""

    @abstractmethod
    def _described(self, model: M) -> dict[str, Any]:
        """Returns what the ranks must have in common."""

    def _common(self, model: M) -> dict[str, Any]:
        """Returns by name what rank 0 gives the others."""
        names = ("history", "is_restored", "_running", "_first", "_smooth", "_patience", "_plateau", "_best")
        return {name: getattr(self, name) for name in names}

    def _take_common(self, model: M, common: dict[str, Any]) -> None:
        vars(self).update(common)

    def _check_new(self, model: M, overwrite: Any, has_validation: bool) -> None:
        """Checks what a new run writes, and its patience."""
        self._overwrite = as_flag(overwrite, "overwrite")
        for argument, path in self._outputs(has_validation):
            model._outputs.check(path, argument, self._overwrite, is_new_run=True)
        validated = {
            "patience": self.settings.patience,
            "restore_best": self.settings.restore_best,
            "schedule": isinstance(self.settings.schedule, Plateau),
        }
        for name, is_on in validated.items():
            if is_on and not has_validation:
                raise ValueError(
                    f"{name} needs a validation loss; expected validation_split above 0 or validation_data, got neither"
                )

    def resume(
        self, model: M, data: Any, steps: int | None, checkpoint: Any, overwrite: bool, ranks: Ranks
    ) -> None:
        """Prepares the run to continue."""
        self._ranks, self._replicas = ranks, None
        if model.step != self.step:
            raise RuntimeError(
                f"the model has the wrong step; expected {self.step}, where its training run stopped, "
                f"got {model.step}; call fit"
            )
        if self.is_restored:
            raise RuntimeError(
                "the weights are those of the lowest validation loss; expected those of the last step, got restored "
                "ones; call fit"
            )
        target = self.target_step if steps is None else target_step(self.step, count(steps, "steps"))
        if self.step >= target and self.history.stop_reason != "interrupted":
            raise ValueError(
                f"steps is missing; expected the number of further steps, as all "
                f"{self.target_step - self.first_step} are done"
            )
        found = self._matching(model, data)
        place, previous = checkpoint if checkpoint is not None else self.settings.checkpoint, self.settings
        allowed = as_flag(overwrite, "overwrite")
        if self._ranks.rank:
            # rank 0 writes, and its checkpoint becomes known later
            place = None
        try:
            self.settings, self._overwrite = replace(previous, checkpoint=place), allowed
            # the files beside a checkpoint that is given and is not the run's belong to another run
            is_known = checkpoint is None or model._outputs.is_own(checkpoint)
            for argument, path in self._outputs(self._sources[1] in self.sources):
                if is_known:
                    self._check_output(model, argument, path)
                else:
                    model._outputs.check(path, argument, self._overwrite)
            if not self._ranks.rank:
                self._find_best(model, previous)
            self._read(model, found)
        except BaseException:
            self.settings = previous
            raise
        self.target_step = target

    def _find_best(self, model: M, options: TrainingOptions) -> None:
        """Reads the weights of the lowest validation loss, which a run that was loaded has in the file beside it."""
        if self._best is not None or not options.restore_best or self.history.best is None:
            return
        path, step = options.best, self.history.best[0]
        if path is None or not Path(path).exists():
            got = "a run without a checkpoint" if path is None else f"no file '{path}'"
            raise ValueError(
                f"the best model is missing; expected the checkpoint's file of the lowest validation loss, as "
                f"restore_best is on, got {got}"
            )
        best = model.load(path)
        if not self._has_saved(model, "best model", path) or best.step != step:
            raise ValueError(
                f"the best model is another; expected that of step {step} of this run, got that of step {best.step} in "
                f"'{path}'"
            )
        self._best = best.flat.w.copy()

    # ---- the run

    def run(self, model: M, progress: bool, callbacks: list[Callback]) -> History:
        """Trains until the target step, or until a callback, the patience or a signal stops the run.

        A signal whose handler raises KeyboardInterrupt ends the run; that of a handler that raises another exception
        does so as well, and the exception is raised after the save.
        """
        stopped: BaseException | None = None
        self.history.stop_reason = None
        self._saved = time.monotonic()
        # a signal ends the run between two steps, in a validation or in a callback
        with Interrupt() as interrupt:
            self._ranks.interrupt = interrupt
            bar = self._bar(progress and not self._ranks.rank, model)
            try:
                stop_reason = self._train(model, bar, callbacks, interrupt)
            except BaseException as error:
                if not self._ranks.is_stop(error):
                    raise
                stop_reason, stopped = "interrupted", error
            finally:
                bar.close()
            self._end(model, stop_reason)
            if stopped is None and (stopped := self._stopped(interrupt)) is not None:
                # a signal during the save
                self._end(model, "interrupted")
        if stopped is not None and not isinstance(stopped, KeyboardInterrupt):
            raise stopped
        return self.history

    def _stopped(self, interrupt: Interrupt) -> BaseException | None:
        """Returns the exception of a handler that was kept, on any rank; None for none."""
        try:
            self._ranks.call(interrupt.check)
        except BaseException as error:
            if not self._ranks.is_stop(error):
                raise
            return error
        return None

    def _train(
        self, model: M, bar: Progress, callbacks: list[Callback], interrupt: Interrupt
    ) -> StopReasonName:
        """Trains until the target step, or until a callback or the patience stops the run; returns what did."""
        self._validate(model, interrupt)
        while self.step < self.target_step:
            report = self._train_step(model, interrupt)
            report = report._replace(validation=self._validate(model, interrupt))
            bar.show(report)
            self._save(model)
            if self._call(callbacks, report, interrupt):
                return "callback"
            if report.validation is not None and self._should_stop_early():
                return "patience"
        self._ranks.call(interrupt.check)
        return "steps"

    def _bar(self, progress: bool, model: M) -> Progress:
        total, done = self.target_step - self.first_step, self.step - self.first_step
        return Progress(progress, total, done, *self._size(model))

    def _end(self, model: M, stop_reason: StopReasonName) -> None:
        """Ends the run, and saves it."""
        self.history.stop_reason = stop_reason
        if self.settings.restore_best and self._best is not None and stop_reason != "interrupted":
            model.flat.w = self._best
            self.is_restored = True
        if self.settings.checkpoint is not None:
            self._write(model, "checkpoint", self.settings.checkpoint)
        else:
            self._collect(model)

    def _call(self, callbacks: list[Callback], report: StepReport, interrupt: Interrupt) -> bool:
        """Calls all callbacks; returns whether one returned True. After an error in one the run is saved."""
        try:
            return self._ranks.any(
                lambda: any([interrupt.call(callback, report) is True for callback in callbacks])
            )
        except BaseException as error:
            if not self._ranks.is_stop(error) and self.settings.checkpoint is not None:
                self._try_to_save(report.model, "checkpoint", self.settings.checkpoint)
            raise

    def _train_step(self, model: M, interrupt: Interrupt) -> StepReport:
        number = self.step - self.first_step
        rate = self._rate(model, number)
        try:
            if self._replicas is None:
                done = interrupt.step(self._step, model, number, rate)
            else:
                done, rate = self._replicas.step(number, rate, interrupt)
        except FloatingPointError as error:
            raise self._diverged(model, f"{error} (it is {rate:g})") from None
        self.step += 1
        self._smooth = 0.9 * self._smooth + 0.1 * done.loss if number else done.loss
        self._first = self._first if number else done.loss
        if not self._smooth <= _DIVERGENCE * max(self._first, self._guess(model), 1.0):
            name, size = max(
                ((name, float(abs(mat.w).max())) for name, mat in model.parameters.items()), key=_second
            )
            raise self._diverged(
                model,
                f"the loss is {done.loss:.4g}, after {self._first:.4g} at first; {name} has grown to {size:.3g}. "
                f"Try a lower learning rate than {rate:g}, or a lower clip",
            )
        self._record(done.loss, done.gradient_norm, rate)
        epoch = self._passes(number + 1)
        return StepReport(
            model,
            self.step,
            done.loss,
            done.gradient_norm,
            done.ratio_clipped,
            rate,
            epoch,
            None,
            self.history,
        )

    def _rate(self, model: M, number: int) -> float:
        s = self.settings
        if self._plateau is not None:
            return self._plateau.rate
        if s.schedule is not None:
            return s.schedule(number)
        if s.learning_rate is not None:
            return s.learning_rate
        if model.optimizer is None:
            raise RuntimeError("the model has no optimizer; expected one before a training step")
        return model.optimizer.learning_rate

    def _record(self, loss: float, norm: float, rate: float) -> None:
        self._running = since = _Running(
            self._running.steps + 1, self._running.loss + loss, self._running.norm + norm
        )
        if since.steps >= self.settings.record_every:
            self.history.add(self.step, since.loss / since.steps, since.norm / since.steps, rate)
            self._running = _Running()
            # of a record of an odd number there is no other half yet
            if len(self.history.train) >= MAX_RECORDS and len(self.history.train) % 2 == 0:
                self.history.halve()
                self.settings.record_every *= 2

    def _diverged(self, model: M, why: str) -> FloatingPointError:
        for name, mat in model.parameters.items():
            if not np.isfinite(mat.w).all():
                why = f"{name} is no longer finite. Try a lower learning rate"
                break
        return FloatingPointError(f"training diverged in step {self.step + 1}: {why}")

    # ---- validation

    def _validate(self, model: M, interrupt: Interrupt) -> float | None:
        """Returns the validation loss if it is due and not computed yet, else None."""
        made, seen = self.step - self.first_step, self.history.validation
        is_time = made > 0 and (made % self.settings.evaluate_every == 0 or self.step == self.target_step)
        if not is_time or not self.has_validation or (seen and seen[-1][0] == self.step):
            return None
        parts = self._ranks.gather(interrupt.call, self._measured, model)
        loss, metrics = self._ranks.call(lambda: interrupt.call(self._validation, model, parts))
        if not math.isfinite(loss):
            raise self._diverged(model, f"the validation loss is {loss}. Try a lower learning rate")
        self.history.add_validation(self.step, loss, metrics)
        # the loss at the end of a part of a run counts only where it would without the end
        if made % self.settings.evaluate_every == 0:
            self._patience = self._patience.advance(loss)
            if self._plateau is not None and isinstance(self.settings.schedule, Plateau):
                self._plateau = self.settings.schedule.advance(self._plateau, loss)
        if self.history.best == (self.step, loss):
            if self.settings.restore_best:
                self._best = model.flat.w.copy()
            if self.settings.best is not None:
                self._try_to_save(model, "best model", self.settings.best)
        return loss

    def _should_stop_early(self) -> bool:
        patience = self.settings.patience
        return patience is not None and self._patience.evaluations >= patience

    # ---- files

    def _outputs(self, has_validation: bool) -> list[tuple[str, str]]:
        """Returns the files that the run writes, each with its name in errors."""
        s = self.settings
        named = [("checkpoint", s.checkpoint)]
        if has_validation or s.validation_split:
            named.append(("best model", s.best))
        return [(argument, path) for argument, path in named if path is not None]

    def _write(self, model: M, argument: str, path: str) -> None:
        self._collect(model)
        if self._ranks.rank:
            return
        self._check_output(model, argument, path)
        model.save(path, overwrite=self._overwrite)

    def _check_output(self, model: M, argument: str, path: str) -> None:
        """Checks that a file may be written: a file of this run, by its identity or by its content.

        The content decides after a move or a copy, and on file systems that number files anew.
        """
        try:
            model._outputs.check(path, argument, self._overwrite)
        except FileExistsError:
            if not self._has_saved(model, argument, path):
                raise
            model._outputs.add(path)
            model._outputs.check(path, argument)

    def _has_saved(self, model: M, argument: str, path: str) -> bool:
        """Returns whether a file holds a save of this run; as the checkpoint, one that is not of a later step."""
        try:
            other = model.load(path).trainer
        except (OSError, ValueError):
            return False
        if type(other) is not type(self):
            return False
        while other.settings.record_every < self.settings.record_every:
            other.history.halve()
            other.settings.record_every *= 2
        return (
            (other.step <= self.step or argument == "best model")
            and other.first_step == self.first_step
            and other._first == self._first
            and other._digests() == self._digests()
            and all(one == two for one, two in zip(other.history.train, self.history.train))
        )

    def _digests(self) -> list[Any]:
        return [source and source["sha256"] for source in self.sources.values()]

    def _save(self, model: M) -> None:
        """Saves the model if it is due."""
        is_due = self._is_due(self.step) if self._replicas is None else self._replicas.is_save_due
        if is_due and self.settings.checkpoint is not None:
            self._saved = time.monotonic()
            self._try_to_save(model, "checkpoint", self.settings.checkpoint)

    def _is_due(self, step: int) -> bool:
        """Whether the model is to be saved after a step."""
        s = self.settings
        by_step = s.checkpoint_every is not None and (step - self.first_step) % s.checkpoint_every == 0
        minutes = (time.monotonic() - self._saved) / 60
        return s.checkpoint is not None and (
            by_step or (s.checkpoint_minutes is not None and minutes >= s.checkpoint_minutes)
        )

    def _try_to_save(self, model: M, argument: str, path: str) -> None:
        """Saves the model; a failure is a warning, as the disk may be full for a while. The last save must succeed."""
        try:
            self._write(model, argument, path)
        except OSError as error:
            warnings.warn(f"{error}; training continues", RuntimeWarning, stacklevel=5)

    def to_dict(self) -> dict[str, Any]:
        """Returns all that a resumed run needs besides the model and the texts, for JSON."""
        return {
            "start": self.first_step,
            "step": self.step,
            "goal": self.target_step,
            "settings": self.settings.to_dict(),
            "texts": self.sources,
            "since": list(self._running),
            "first": self._first,
            "smooth": self._smooth,
            "patience": list(self._patience),
            "plateau": None if self._plateau is None else list(self._plateau),
            **({"restored": True} if self.is_restored else {}),
            "history": self.history.to_dict(),
        }

    def _take(self, data: Mapping[str, Any]) -> None:
        """Takes what one kind of run adds to ``to_dict``."""

    @classmethod
    def from_dict(cls: type[T], data: Mapping[str, Any], source: str | os.PathLike[str] | None) -> T:
        """Returns the run of a dict that ``to_dict`` returned, read from the file ``source``.

        Raises
        ------
        ValueError
            If a key is missing or unknown, or a value has the wrong type, is out of range or contradicts another one.
        """
        try:
            settings = cls._Options.from_dict(data["settings"], source)
            first = _within(data["start"], "start", 0, MAX_STEPS)
            step = _within(data["step"], "step", first, MAX_STEPS)
            trainer = cls(settings, first, _within(data["goal"], "goal", step, MAX_STEPS))
            trainer.step, trainer.sources = step, _read_sources(data["texts"], cls._sources)
            trainer.is_restored = as_flag(data.get("restored", False), "restored")
            trainer.history = History.from_dict(data["history"])
            for name, curve in trainer.history.curves().items():
                for k in {0, len(curve) - 1} if curve else ():
                    _within(curve[k][0], f"{name}[{k}]", first + 1, step)
            steps, loss, norm = data["since"]
            trainer._running = _Running(
                _within(steps, "since[0]", 0, step - first),
                as_float(loss, "since[1]"),
                as_float(norm, "since[2]"),
            )
            trainer._first, trainer._smooth = (
                as_float(data["first"], "first"),
                as_float(data["smooth"], "smooth"),
            )
            best, evaluations = data["patience"]
            trainer._patience = _Patience(
                None if best is None else as_float(best, "patience[0]"),
                _within(evaluations, "patience[1]", 0, step - first),
            )
            if (data["plateau"] is None) != (trainer._plateau is None):
                raise ValueError(
                    f"plateau does not fit the schedule; expected the state of one, got {data['plateau']}"
                )
            if trainer._plateau is not None:
                trainer._plateau = _plateau(data["plateau"], step - first)
            trainer._take(data)
        except KeyError as error:
            raise ValueError(
                f"the training run in the file is incomplete; expected {error}, got no such key"
            ) from None
        except (AttributeError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise ValueError(
                f"the training run in the file is invalid; expected what fit writes, got this: {error}"
            ) from None
        known = trainer.to_dict()
        unknown = sorted(set(data) - set(known)) + sorted(set(data["history"]) - set(known["history"]))
        if unknown:
            raise ValueError(
                f"the training run in the file has unknown keys; expected {', '.join(known)}, got {', '.join(unknown)}"
            )
        return trainer

    @classmethod
    def from_json(cls: type[T], text: str, source: str | os.PathLike[str] | None) -> T:
        """Returns the trainer whose ``to_dict`` is ``text``, read from the file ``source``.

        None stands for a copy in memory.
        """
        try:
            data = json.loads(text, parse_constant=_refuse_constant)
        except RecursionError:
            raise ValueError(
                "the training run in the file is nested too deeply; expected what fit writes, got deeper JSON"
            ) from None
        except ValueError as error:
            raise ValueError(
                f"the training run in the file is not JSON; expected what fit writes, got this: {error}"
            ) from None
        return cls.from_dict(data, source)


class _Running(NamedTuple):
    """Sums over the steps since the last record."""

    steps: int = 0
    loss: float = 0.0
    norm: float = 0.0


class _Patience(NamedTuple):
    """The lowest validation loss so far, and the evaluations since."""

    best: float | None = None
    evaluations: int = 0

    def advance(self, loss: float) -> _Patience:
        """Returns the state after another loss."""
        is_best = self.best is None or loss < self.best
        return _Patience(loss) if is_best else self._replace(evaluations=self.evaluations + 1)


# ---- the parts of a run in a file


def target_step(step: int, steps: int, argument: str = "steps") -> int:
    """Returns the last step of a run, which a file can hold."""
    if step + steps > MAX_STEPS:
        unit = "" if argument == "steps" else " steps"
        raise ValueError(
            f"{argument} is out of range; expected at most {MAX_STEPS - step:,}{unit}, got {steps:,}{unit}"
        )
    return step + steps


def _within(value: Any, name: str, least: int, most: int) -> int:
    found = as_int(value, name)
    if not least <= found <= most:
        raise ValueError(f"{name} is out of range; expected {least:,} to {most:,}, got {found:,}")
    return found


def _read_sources(data: Any, names: tuple[str, str]) -> dict[str, dict[str, Any] | None]:
    if not isinstance(data, dict) or not {names[0]} <= set(data) <= set(names):
        raise ValueError(f"texts is invalid; expected {names[0]} and perhaps {names[1]}, got other keys")
    for name, text in data.items():
        _check_source(text, f"texts.{name}", ("files",))
        files = text.get("files", [text])
        if not isinstance(files, list) or not files or ("files" in text and text["path"] is not None):
            raise ValueError(
                f"texts.{name}.files is invalid; expected a list and no path, got {shown(files)}"
            )
        for i, file in enumerate(files if "files" in text else []):
            _check_source(file, f"texts.{name}.files[{i}]")
    return dict(data)


def _check_source(text: Any, name: str, others: tuple[str, ...] = ()) -> None:
    if not isinstance(text, dict) or not {"sha256", "path"} <= set(text) <= {"sha256", "path", *others}:
        raise ValueError(f"{name} is invalid; expected sha256 and path, got other keys")
    digest, path = text["sha256"], text["path"]
    if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
        raise ValueError(f"{name}.sha256 is invalid; expected 64 hexadecimal digits, got {digest!r}")
    if not (path is None or isinstance(path, str)):
        raise TypeError(f"{name}.path has the wrong type; expected a str or None, got {type(path).__name__}")


def _plateau(data: Any, most: int) -> PlateauState:
    rate, best, bad, cooling = data
    if as_float(rate, "plateau[0]") < 0:
        raise ValueError(f"plateau[0] is out of range; expected at least 0, got {rate}")
    return PlateauState(
        as_float(rate, "plateau[0]"),
        None if best is None else as_float(best, "plateau[1]"),
        _within(bad, "plateau[2]", 0, most),
        _within(cooling, "plateau[3]", 0, 2**63 - 1),
    )


def _refuse_constant(name: str) -> float:
    raise ValueError(f"a number is not finite; expected finite numbers, got {name}")


def _second(pair: tuple[str, float]) -> float:
    return pair[1]
