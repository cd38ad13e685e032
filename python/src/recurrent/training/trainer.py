"""Trainer: a training run of a text model, started by ``fit`` and continued by ``resume``."""

from __future__ import annotations

import json
import math
import os
import re
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._checks import MAX_STEPS, as_flag, as_float, as_int
from ..names import StopReasonName
from ..optim.optimizer import Optimizer
from ..optim.optimizers import RMSProp
from ..optim.schedules import Plateau, PlateauState
from ..texts import as_file_encoding
from .batches import ContiguousBatches
from .corpus import Corpus
from .history import MAX_RECORDS, History, StepReport
from .interrupt import Interrupt
from .options import DECAY_RATE, EVALUATE_EVERY, LEARNING_RATE, TrainingOptions, count
from .progress import Progress
from .trainable import Trainable

if TYPE_CHECKING:
    import numpy.typing as npt

Callback = Callable[[StepReport], Any]
# divergence threshold: a multiple of the loss of uniform guessing, ln(vocabulary size)
_DIVERGENCE = 3.0


class Trainer:
    """A training run: its options, position and records.

    Each step depends only on the model and on what ``to_dict`` returns, so that a resumed run continues to the same
    bits.

    Parameters
    ----------
    options : TrainingOptions
        The options of the run.
    first_step, target_step : int
        The model's step at the start, and at the end.
    """

    def __init__(self, options: TrainingOptions, first_step: int, target_step: int) -> None:
        self.settings, self.first_step, self.step, self.target_step = (
            options,
            first_step,
            first_step,
            target_step,
        )
        self.history = History()
        self._overwrite = False
        self.texts: dict[str, dict[str, Any] | None] = {}
        self._running = _Running()
        self._first = self._smooth = 0.0
        self._patience = _Patience()
        schedule = options.schedule
        self._plateau = schedule.start() if isinstance(schedule, Plateau) else None

    @classmethod
    def new(
        cls,
        model: Trainable,
        source: Any,
        steps: int,
        optimizer: Optimizer | None,
        validation_split: float,
        validation_data: Any,
        evaluate_every: int | None,
        record_every: int | None,
        overwrite: bool,
        **arguments: Any,
    ) -> Trainer:
        """Returns the run of ``TextModel.fit``; the model has a vocabulary and an optimizer afterwards."""
        if optimizer is not None and not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"optimizer has the wrong type; expected an Optimizer or None, got {type(optimizer).__name__}"
            )
        total = count(steps, "steps")
        options = TrainingOptions(
            validation_split=0.0 if validation_data is not None else validation_split,
            evaluate_every=EVALUATE_EVERY if evaluate_every is None else evaluate_every,
            record_every=-(-total // 20_000) if record_every is None else record_every,
            **arguments,
        )
        first_step = model.step if model.is_built else 0
        trainer = cls(options, first_step, _target(first_step, total))
        as_file_encoding(options.encoding, model.tokenizer, source, validation_data)
        texts = [Corpus(source, model.tokenizer, encoding=options.encoding)]
        if validation_data is not None:
            texts.append(Corpus(validation_data, model.tokenizer, "validation_data", options.encoding))
        trainer._overwrite = as_flag(overwrite, "overwrite")
        for argument, path in trainer._outputs(len(texts)):
            model._outputs.check(path, argument, trainer._overwrite, is_new_run=True)
        # everything that can be refused is refused before the model is built
        if options.patience is not None and len(texts) == 1 and not options.validation_split:
            raise ValueError(
                "patience is without effect; expected validation_split above 0 or validation_data, got neither"
            )
        trainer._read(model, texts)
        if evaluate_every is None:
            # evaluation costs a third of training: validate during 10% of the time at most
            chunk = options.batch_size * options.seq_length
            options.evaluate_every = max(
                EVALUATE_EVERY, -(-10 * len(trainer._validation_tokens) // (3 * chunk))
            )
        if optimizer is not None or model.optimizer is None:
            model.optimizer = optimizer or RMSProp(learning_rate=LEARNING_RATE, alpha=DECAY_RATE, eps=1e-8)
        return trainer

    def resume(
        self,
        model: Trainable,
        source: Any,
        steps: int | None,
        validation_data: Any,
        checkpoint: Any,
        overwrite: bool,
    ) -> None:
        """Prepares the run to continue."""
        if model.step != self.step:
            raise RuntimeError(
                f"the model has the wrong step; expected {self.step}, where its training run stopped, "
                f"got {model.step}; call fit"
            )
        target_step = self.target_step if steps is None else _target(self.step, count(steps, "steps"))
        if self.step >= target_step and self.history.stop_reason != "interrupted":
            raise ValueError(
                f"steps is missing; expected the number of further steps, as all "
                f"{self.target_step - self.first_step} are done"
            )
        texts = []
        for name, key, given in (
            ("text", "text", source),
            ("validation_data", "validation", validation_data),
        ):
            known = self.texts.get(key)
            if known is None:
                if given is not None:
                    raise ValueError(f"{name} is unexpected; expected None, as the run has none")
                continue
            if given is None and known["path"] is None:
                raise ValueError(f"{name} is missing; expected the same text again, as it was not a file")
            path_or_text = Path(known["path"]) if given is None else given
            corpus = Corpus(path_or_text, model.tokenizer, name, self.settings.encoding)
            if corpus.digest != known["sha256"]:
                raise ValueError(
                    f"{corpus} is another text; expected SHA-256 {known['sha256'][:12]}…, "
                    f"got {corpus.digest[:12]}…; resume with the same text, or call fit"
                )
            texts.append(corpus)
        place, previous = checkpoint if checkpoint is not None else self.settings.checkpoint, self.settings
        allowed = as_flag(overwrite, "overwrite")
        try:
            self.settings, self._overwrite = replace(previous, checkpoint=place), allowed
            # the files beside a checkpoint that is given and is not the run's belong to another run
            is_known = checkpoint is None or model._outputs.is_own(checkpoint)
            for argument, path in self._outputs(len(texts)):
                if is_known:
                    self._check_output(model, argument, path)
                else:
                    model._outputs.check(path, argument, self._overwrite)
            self._read(model, texts)
        except BaseException:
            self.settings = previous
            raise
        self.target_step = target_step

    def _read(self, model: Trainable, texts: list[Corpus]) -> None:
        """Encodes the texts; builds the model from them if necessary, after checking their lengths."""
        self._check([text.length for text in texts], texts[0])
        if not model.is_built:
            letters = "".join(sorted(frozenset[str]().union(*(text.letters for text in texts))))
            model.build(letters.encode() if model.tokenizer == "characters" else texts[0].data[:1])
        tokens = [self._encode(model, text) for text in texts]
        cut = self._check([len(part) for part in tokens], texts[0])
        self._batches = ContiguousBatches(tokens[0][:cut], self.settings.batch_size, self.settings.seq_length)
        self._validation_tokens: npt.NDArray[Any] = tokens[1] if len(tokens) > 1 else tokens[0][cut:]
        names = ("text", "validation")
        self.texts = {
            name: {"sha256": text.digest, "path": text.absolute_path} for name, text in zip(names, texts)
        }

    def _encode(self, model: Trainable, text: Corpus) -> npt.NDArray[Any]:
        def encode(part: bytes) -> npt.NDArray[Any]:
            return model.encode(part, self.settings.errors, self.settings.replacement)

        known = (model.vocabulary or "") if self.settings.errors == "strict" else None
        return text.encode(encode, model.vocabulary_size, known)

    def _check(self, lengths: list[int], text: Corpus) -> int:
        """Returns the number of training tokens, after checking that both texts are long enough."""
        s = self.settings
        cut = int(lengths[0] * (1 - s.validation_split))
        need = s.batch_size * s.seq_length + 1
        if cut < need:
            raise ValueError(
                f"{text} is too short; expected at least {need:,} {text.tokens} for a batch of {s.batch_size} x "
                f"{s.seq_length}, got {cut:,}; lower batch_size or seq_length{text.hint()}"
            )
        aside = lengths[1] if len(lengths) > 1 else lengths[0] - cut
        if aside < 2 and (s.validation_split or len(lengths) > 1):
            raise ValueError(
                f"the validation text is too short; expected at least 2 {text.tokens}, got {aside}; "
                "validation_split=0 holds out none"
            )
        return cut

    @property
    def batches(self) -> ContiguousBatches:
        """The batches of the training text."""
        return self._batches

    # ---- the run

    def run(self, model: Trainable, progress: bool, callbacks: list[Callback]) -> History:
        """Trains until the target step, or until a callback, the patience or a signal stops the run.

        A signal whose handler raises KeyboardInterrupt ends the run; that of a handler that raises another exception
        does so as well, and the exception is raised after the save.
        """
        stopped: BaseException | None = None
        self.history.stop_reason = None
        self._saved = time.monotonic()
        # a signal ends the run between two steps, in a validation or in a callback
        with Interrupt() as interrupt:
            bar = self._bar(progress, model)
            try:
                stop_reason = self._train(model, bar, callbacks, interrupt)
            except BaseException as error:
                if error is not interrupt.raised and not isinstance(error, KeyboardInterrupt):
                    raise
                stop_reason, stopped = "interrupted", error
            finally:
                bar.close()
            self._end(model, stop_reason)
            if stopped is None and (stopped := interrupt.take()) is not None:
                # a signal during the save
                self._end(model, "interrupted")
        if stopped is not None and not isinstance(stopped, KeyboardInterrupt):
            raise stopped
        return self.history

    def _train(
        self, model: Trainable, bar: Progress, callbacks: list[Callback], interrupt: Interrupt
    ) -> StopReasonName:
        """Trains until the target step, or until a callback or the patience stops the run; returns what did."""
        self._validate(model, interrupt)
        while self.step < self.target_step:
            report = interrupt.step(self._train_step, model)
            report = report._replace(validation=self._validate(model, interrupt))
            bar.show(report)
            self._save(model)
            if self._call(callbacks, report, interrupt):
                return "callback"
            if report.validation is not None and self._should_stop_early():
                return "patience"
        interrupt.check()
        return "steps"

    def _bar(self, progress: bool, model: Trainable) -> Progress:
        chunk = self.settings.batch_size * self.settings.seq_length
        total, done = self.target_step - self.first_step, self.step - self.first_step
        return Progress(progress, total, done, chunk, model.tokenizer)

    def _end(self, model: Trainable, stop_reason: StopReasonName) -> None:
        """Ends the run, and saves it."""
        self.history.stop_reason = stop_reason
        if self.settings.checkpoint is not None:
            self._write(model, "checkpoint", self.settings.checkpoint)

    def _call(self, callbacks: list[Callback], report: StepReport, interrupt: Interrupt) -> bool:
        """Calls all callbacks; returns whether one returned True. After an error in one the run is saved."""
        try:
            return any([interrupt.call(callback, report) is True for callback in callbacks])
        except Exception as error:
            if error is not interrupt.raised and self.settings.checkpoint is not None:
                self._try_to_save(report.model, "checkpoint", self.settings.checkpoint)
            raise

    def _train_step(self, model: Trainable) -> StepReport:
        s, number = self.settings, self.step - self.first_step
        if self._batches.begins_epoch(number):
            model.reset_state()
        rate = self._rate(model, number)
        try:
            done = model.train_step(*self._batches.chunk(number), rate, s.clip)
        except FloatingPointError as error:
            raise self._diverged(model, f"{error} (it is {rate:g})") from None
        self.step += 1
        self._smooth = 0.9 * self._smooth + 0.1 * done.loss if number else done.loss
        self._first = self._first if number else done.loss
        if not self._smooth <= _DIVERGENCE * max(self._first, math.log(model.vocabulary_size), 1.0):
            name, size = max(
                ((name, float(abs(mat.w).max())) for name, mat in model.parameters.items()), key=_second
            )
            raise self._diverged(
                model,
                f"the loss is {done.loss:.4g} nats, after {self._first:.4g} at first; {name} has grown to {size:.3g}. "
                f"Try a lower learning rate than {rate:g}, or a lower clip",
            )
        self._record(done.loss, done.gradient_norm, rate)
        epoch = (number + 1) / self._batches.chunks
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

    def _rate(self, model: Trainable, number: int) -> float:
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

    def _diverged(self, model: Trainable, why: str) -> FloatingPointError:
        for name, mat in model.parameters.items():
            if not np.isfinite(mat.w).all():
                why = f"{name} is no longer finite. Try a lower learning rate"
                break
        return FloatingPointError(f"training diverged in step {self.step + 1}: {why}")

    # ---- validation

    def _validate(self, model: Trainable, interrupt: Interrupt) -> float | None:
        """Returns the validation loss if it is due and not computed yet, else None."""
        made, seen = self.step - self.first_step, self.history.validation
        is_time = made > 0 and (made % self.settings.evaluate_every == 0 or self.step == self.target_step)
        if not is_time or not len(self._validation_tokens) or (seen and seen[-1][0] == self.step):
            return None
        batch_size = max(1, min(64, len(self._validation_tokens) // 1024))
        loss = interrupt.call(model.evaluate, self._validation_tokens, batch_size)
        if not math.isfinite(loss):
            raise self._diverged(model, f"the validation loss is {loss}. Try a lower learning rate")
        self.history.add_validation(self.step, loss)
        # the loss at the end of a part of a run counts only where it would without the end
        if made % self.settings.evaluate_every == 0:
            self._patience = self._patience.advance(loss)
            if self._plateau is not None and isinstance(self.settings.schedule, Plateau):
                self._plateau = self.settings.schedule.advance(self._plateau, loss)
        if self.settings.best is not None and self.history.best == (self.step, loss):
            self._try_to_save(model, "best model", self.settings.best)
        return loss

    def _should_stop_early(self) -> bool:
        patience = self.settings.patience
        return patience is not None and self._patience.evaluations >= patience

    # ---- files

    def _outputs(self, texts: int) -> list[tuple[str, str]]:
        """Returns the files that the run writes, each with its name in errors; ``texts`` is the number of texts."""
        s = self.settings
        named = [("checkpoint", s.checkpoint)]
        if texts > 1 or s.validation_split:
            named.append(("best model", s.best))
        return [(argument, path) for argument, path in named if path is not None]

    def _write(self, model: Trainable, argument: str, path: str) -> None:
        self._check_output(model, argument, path)
        model.save(path, overwrite=self._overwrite)

    def _check_output(self, model: Trainable, argument: str, path: str) -> None:
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

    def _has_saved(self, model: Trainable, argument: str, path: str) -> bool:
        """Returns whether a file holds a save of this run; as the checkpoint, one that is not of a later step."""
        try:
            other = model.load(path).trainer
        except (OSError, ValueError):
            return False
        if not isinstance(other, Trainer):
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
        return [text and text["sha256"] for text in self.texts.values()]

    def _save(self, model: Trainable) -> None:
        """Saves the model if it is due."""
        s, now = self.settings, time.monotonic()
        if s.checkpoint is None:
            return
        by_step = s.checkpoint_every is not None and (self.step - self.first_step) % s.checkpoint_every == 0
        if by_step or (s.checkpoint_minutes is not None and now - self._saved >= 60 * s.checkpoint_minutes):
            self._saved = now
            self._try_to_save(model, "checkpoint", s.checkpoint)

    def _try_to_save(self, model: Trainable, argument: str, path: str) -> None:
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
            "texts": self.texts,
            "since": list(self._running),
            "first": self._first,
            "smooth": self._smooth,
            "patience": list(self._patience),
            "plateau": None if self._plateau is None else list(self._plateau),
            "history": self.history.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], source: str | os.PathLike[str] | None) -> Trainer:
        """Returns the run of a dict that ``to_dict`` returned, read from the file ``source``.

        Raises
        ------
        ValueError
            If a key is missing or unknown, or a value has the wrong type, is out of range or contradicts another one.
        """
        try:
            settings = TrainingOptions.from_dict(data["settings"], source)
            first = _within(data["start"], "start", 0, MAX_STEPS)
            step = _within(data["step"], "step", first, MAX_STEPS)
            trainer = cls(settings, first, _within(data["goal"], "goal", step, MAX_STEPS))
            trainer.step, trainer.texts = step, _texts(data["texts"])
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
    def from_json(cls, text: str, source: str | os.PathLike[str] | None) -> Trainer:
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


def _target(step: int, steps: int) -> int:
    """Returns the last step of a run, which a file can hold."""
    if step + steps > MAX_STEPS:
        raise ValueError(f"steps is out of range; expected at most {MAX_STEPS - step:,}, got {steps:,}")
    return step + steps


def _within(value: Any, name: str, least: int, most: int) -> int:
    found = as_int(value, name)
    if not least <= found <= most:
        raise ValueError(f"{name} is out of range; expected {least:,} to {most:,}, got {found:,}")
    return found


def _texts(data: Any) -> dict[str, dict[str, Any] | None]:
    if not isinstance(data, dict) or not {"text"} <= set(data) <= {"text", "validation"}:
        raise ValueError("texts is invalid; expected text and perhaps validation, got other keys")
    for name, text in data.items():
        if not isinstance(text, dict) or set(text) != {"sha256", "path"}:
            raise ValueError(f"texts.{name} is invalid; expected sha256 and path, got other keys")
        digest, path = text["sha256"], text["path"]
        if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
            raise ValueError(
                f"texts.{name}.sha256 is invalid; expected 64 hexadecimal digits, got {digest!r}"
            )
        if not (path is None or isinstance(path, str)):
            raise TypeError(
                f"texts.{name}.path has the wrong type; expected a str or None, got {type(path).__name__}"
            )
    return dict(data)


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
