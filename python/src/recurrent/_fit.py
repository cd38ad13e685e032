"""Training runs of a TextModel: what `fit` and `resume` do."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ._corpus import Corpus
from ._interrupt import Interrupt
from ._progress import Progress
from ._settings import MOST_RECORDS, Settings, count, share
from ._streams import Streams
from .history import History, Report
from .rules import RMSProp
from .solver import Solver

if TYPE_CHECKING:
    import numpy.typing as npt

    from .text import TextModel

Callback = Callable[[Report], Any]
# a run whose loss is so many times what guessing costs is lost
_LOST = 3.0


class Fit:
    """A training run: what it was asked for, where it stands, what it recorded.

    What comes next depends only on the model and on what ``to_dict`` writes: that is why a run that is resumed goes on
    to the same bits.
    """

    def __init__(self, settings: Settings, start: int, goal: int) -> None:
        self.settings, self.start, self.step, self.goal = settings, start, start, goal
        self.history = History()
        self.texts: dict[str, dict[str, Any] | None] = {}
        self._since = _Since()
        self._first = self._smooth = 0.0

    @classmethod
    def new(
        cls,
        model: TextModel,
        source: Any,
        steps: int,
        solver: Solver | None,
        validation: Any,
        evaluate_every: int | None,
        record_every: int | None,
        **arguments: Any,
    ) -> Fit:
        """The run that ``TextModel.fit`` was asked for; the model has its alphabet and a solver then."""
        if solver is not None and not isinstance(solver, Solver):
            raise TypeError(f"solver is a {type(solver).__name__}; expected a Solver or None")
        total = count(steps, "steps")
        apart = None if validation is None or isinstance(validation, Real) else validation
        settings = Settings(
            validation=0.0 if apart is not None or validation is None else share(validation),
            evaluate_every=500 if evaluate_every is None else evaluate_every,
            record_every=-(-total // 20_000) if record_every is None else record_every,
            **arguments,
        )
        if total // settings.record_every > MOST_RECORDS:
            least = -(-total // MOST_RECORDS)
            raise ValueError(
                f"record_every is {settings.record_every} with {total:,} steps; expected at least {least}"
            )
        start = model.step if model.is_built else 0
        fit = cls(settings, start, start + total)
        texts = [Corpus(source, model.tokens)]
        if apart is not None:
            texts.append(Corpus(apart, model.tokens, "validation"))
        fit._read(model, texts)
        if settings.patience is not None and not len(fit._aside):
            raise ValueError("there is a patience without a validation; expected both or no patience")
        if evaluate_every is None:
            # reading costs a third of learning: a tenth of the time at most
            chunk = settings.batch_size * settings.seq_length
            settings.evaluate_every = max(500, -(-10 * len(fit._aside) // (3 * chunk)))
        if solver is not None or model.solver is None:
            model.solver = solver or RMSProp(lr=2e-3, alpha=0.95, eps=1e-8)
        return fit

    def reopen(
        self, model: TextModel, source: Any, steps: int | None, validation: Any, checkpoint: Any
    ) -> None:
        """Make the run ready to go on."""
        if model.step != self.step:
            raise RuntimeError(
                f"the model has made {model.step} steps, its training run {self.step}: fit it instead"
            )
        goal = self.goal if steps is None else self.step + count(steps, "steps")
        if self.step >= goal and self.history.ended != "interrupted":
            raise ValueError(f"all {self.goal - self.start} steps are made: say how many more with steps")
        texts = []
        for name, given in (("text_or_path", source), ("validation", validation)):
            known = self.texts.get("text" if name == "text_or_path" else name)
            if known is None:
                if given is not None:
                    raise ValueError(f"{name} is given, and the run had none of its own")
                continue
            if given is None and known["path"] is None:
                raise ValueError(f"{name} was no file: it is needed again to go on")
            corpus = Corpus(Path(known["path"]) if given is None else given, model.tokens, name)
            if corpus.digest != known["sha256"]:
                raise ValueError(
                    f"{corpus} is not what the model was learning from: its SHA-256 is {corpus.digest[:12]}…, "
                    f"expected {known['sha256'][:12]}…; go on with the same text, or fit"
                )
            texts.append(corpus)
        place = checkpoint if checkpoint is not None else self.settings.checkpoint
        self.settings.set_checkpoint(place)
        self._read(model, texts)
        self.goal = goal

    def _read(self, model: TextModel, texts: list[Corpus]) -> None:
        """Encode the texts; a model that has no alphabet yet gets it, if they are long enough."""
        self._check([text.length for text in texts], texts[0])
        if not model.is_built:
            letters = "".join(sorted(frozenset[str]().union(*(text.letters for text in texts))))
            model.build(letters if model.tokens == "characters" else texts[0].data[:1])
        tokens = [text.encode(model, self.settings.unknown) for text in texts]
        cut = self._check([len(part) for part in tokens], texts[0])
        self._streams = Streams(tokens[0][:cut], self.settings.batch_size, self.settings.seq_length)
        self._aside: npt.NDArray[Any] = tokens[1] if len(tokens) > 1 else tokens[0][cut:]
        names = ("text", "validation")
        self.texts = {name: {"sha256": text.digest, "path": text.place} for name, text in zip(names, texts)}

    def _check(self, lengths: list[int], text: Corpus) -> int:
        """How many tokens are learned from; they must be enough, and those held out too."""
        s = self.settings
        cut = int(lengths[0] * (1 - s.validation))
        need = s.batch_size * s.seq_length + 1
        if cut < need:
            what = f"{text} has {cut:,} {text.tokens} to learn from"
            raise ValueError(
                f"{what}; a batch of {s.batch_size} streams of {s.seq_length} needs {need:,}: "
                f"lower batch_size or seq_length{text.hint()}"
            )
        aside = lengths[1] if len(lengths) > 1 else lengths[0] - cut
        if aside < 2 and (s.validation or len(lengths) > 1):
            raise ValueError(f"validation has {aside} {text.tokens}; expected at least 2, or validation=0")
        return cut

    # ---- the run

    def run(self, model: TextModel, progress: bool, watchers: list[Callback]) -> History:
        """Go on to the goal, or until something ends the run before."""
        s, ended = self.settings, "steps"
        self.history.ended = None
        self._saved = time.monotonic()
        chunk = s.batch_size * s.seq_length
        bar = Progress(progress, self.goal - self.start, self.step - self.start, chunk, model.tokens)
        with Interrupt() as interrupt:
            try:
                self._look(model, interrupt)
                while self.step < self.goal:
                    with interrupt.held():
                        report = self._learn(model)
                    report = report._replace(validation=self._look(model, interrupt))
                    with interrupt.held():
                        bar.show(report)
                        self._save(model)
                    # all are told, whatever the first says
                    if any([watcher(report) is True for watcher in watchers]):
                        ended = "callback"
                        break
                    if report.validation is not None and self._has_lost_patience():
                        ended = "patience"
                        break
            except KeyboardInterrupt:
                ended = "interrupted"
            finally:
                bar.close()
            self.history.ended = ended
            if s.checkpoint is not None:
                with interrupt.held():
                    model.save(s.checkpoint)
        return self.history

    def _learn(self, model: TextModel) -> Report:
        s, number = self.settings, self.step - self.start
        if self._streams.begins(number):
            model.reset_state()
        rate = self._rate(model, number)
        try:
            done = model.train_step(*self._streams.chunk(number), rate, s.clip)
        except FloatingPointError as error:
            raise self._lost(model, f"{error} than {rate:g}") from None
        self.step += 1
        self._smooth = 0.9 * self._smooth + 0.1 * done.loss if number else done.loss
        self._first = self._first if number else done.loss
        if not self._smooth <= _LOST * max(self._first, math.log(model.network.input_size), 1.0):
            name, size = max(
                ((name, float(abs(mat.w).max())) for name, mat in model.parameters.items()), key=_second
            )
            raise self._lost(
                model,
                f"the loss is {done.loss:.4g} nats, after {self._first:.4g} at first; {name} has grown to {size:.3g}. "
                f"Try a lower learning rate than {rate:g}, or a lower clip",
            )
        self._record(done.loss, done.gradient_norm, rate)
        epoch = (number + 1) / self._streams.chunks
        return Report(model, self.step, *done, rate, epoch, None, self.history)

    def _rate(self, model: TextModel, number: int) -> float:
        s = self.settings
        if s.schedule is not None:
            return s.schedule(number, [(step - self.start, loss) for step, loss in self._looks()])
        return model._rate() if s.learning_rate is None else s.learning_rate

    def _record(self, loss: float, norm: float, rate: float) -> None:
        self._since = since = _Since(self._since.steps + 1, self._since.loss + loss, self._since.norm + norm)
        if since.steps >= self.settings.record_every:
            self.history.train.append((self.step, since.loss / since.steps))
            self.history.gradient_norms.append((self.step, since.norm / since.steps))
            self.history.learning_rates.append((self.step, rate))
            self._since = _Since()

    def _lost(self, model: TextModel, why: str) -> FloatingPointError:
        for name, mat in model.parameters.items():
            if not np.isfinite(mat.w).all():
                why = f"{name} is no longer finite. Try a lower learning rate"
                break
        return FloatingPointError(f"training diverged in step {self.step + 1}: {why}")

    # ---- validation

    def _look(self, model: TextModel, interrupt: Interrupt) -> float | None:
        """The loss on what is held out, if it is time, or the end, and has not been done."""
        made, seen = self.step - self.start, self.history.validation
        is_time = made > 0 and (made % self.settings.evaluate_every == 0 or self.step == self.goal)
        if not is_time or not len(self._aside) or (seen and seen[-1][0] == self.step):
            return None
        loss = model.evaluate(self._aside, max(1, min(64, len(self._aside) // 1024)))
        if not math.isfinite(loss):
            raise self._lost(model, f"the validation loss is {loss}. Try a lower learning rate")
        with interrupt.held():
            seen.append((self.step, loss))
            if self.settings.best is not None and self.history.best == seen[-1]:
                self._try_to_save(model, self.settings.best)
        return loss

    def _looks(self) -> list[tuple[int, float]]:
        """Validation losses at their time: not those at the end of a run that was then made longer."""
        every = self.settings.evaluate_every
        return [(step, loss) for step, loss in self.history.validation if (step - self.start) % every == 0]

    def _has_lost_patience(self) -> bool:
        losses = [loss for _, loss in self._looks()]
        patience = self.settings.patience
        return (
            patience is not None and bool(losses) and len(losses) - 1 - losses.index(min(losses)) >= patience
        )

    # ---- files

    def _save(self, model: TextModel) -> None:
        """Save the model where it is time."""
        s, now = self.settings, time.monotonic()
        if s.checkpoint is None:
            return
        by_step = s.checkpoint_every is not None and (self.step - self.start) % s.checkpoint_every == 0
        if by_step or (s.checkpoint_minutes is not None and now - self._saved >= 60 * s.checkpoint_minutes):
            self._saved = now
            self._try_to_save(model, s.checkpoint)

    def _try_to_save(self, model: TextModel, place: str) -> None:
        """A disk that is full for a while does not end a run; what is saved at its end must succeed."""
        try:
            model.save(place)
        except OSError as error:
            warnings.warn(f"{error}; training goes on", RuntimeWarning, stacklevel=5)

    def to_dict(self) -> dict[str, Any]:
        """All that a resumed run needs besides the model and the texts, for JSON."""
        return {
            "start": self.start,
            "step": self.step,
            "goal": self.goal,
            "settings": self.settings.to_dict(),
            "texts": self.texts,
            "since": list(self._since),
            "first": self._first,
            "smooth": self._smooth,
            "history": self.history.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Fit:
        """What ``to_dict`` wrote."""
        try:
            fit = cls(Settings.from_dict(data["settings"]), int(data["start"]), int(data["goal"]))
            fit.step, fit.texts = int(data["step"]), dict(data["texts"])
            fit.history = History.from_dict(data["history"])
            fit._since = _Since(*data["since"])
            fit._first, fit._smooth = float(data["first"]), float(data["smooth"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"the training run in the file cannot be read: {error!r}") from None
        return fit


class _Since(NamedTuple):
    """Sums over the steps since the last record."""

    steps: int = 0
    loss: float = 0.0
    norm: float = 0.0


def _second(pair: tuple[str, float]) -> float:
    return pair[1]
