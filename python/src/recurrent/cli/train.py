"""`recurrent train` and `recurrent resume`."""

from __future__ import annotations

import argparse
import math
import shlex
import time
from pathlib import Path
from typing import Any

from .._version import __version__
from ..nn.threads import set_num_threads
from ..optim.optimizer import Optimizer
from ..optim.optimizers import SGD, Adagrad, Adam, AdamW, RMSProp
from ..optim.schedules import Constant, Cosine, OneCycle, Plateau, Schedule, Step
from ..text.model import TextModel
from ..training.corpus import Corpus
from ..training.history import History, StepReport
from ..training.interrupt import sigterm_as_interrupt
from .voice import CELLS, RefusalError, Voice, errors_of

_INTERRUPTED = 130


def train(options: argparse.Namespace, voice: Voice) -> int:
    """Learn a text."""
    o = options
    place: Path = o.checkpoint or Path(f"{o.file.stem}.safetensors")
    _guard(o.file, place, o.force)
    _set_threads(o)
    if o.init_from:
        model = TextModel.load(o.init_from)
    else:
        widths = [o.rnn_size] * o.num_layers
        model = TextModel(
            CELLS.get(o.model, o.model),
            widths,
            o.embedding,
            o.dropout,
            o.tokens,
            o.dtype,
            rng=o.seed,
            tied=o.tied,
        )
    corpus = Corpus(Path(o.file), model.tokenizer)
    parts = max(1, (int(corpus.length * (1 - o.val_frac)) - 1) // o.batch_size // o.seq_length)
    steps = o.steps or (o.max_epochs or 50) * parts
    voice.tell(
        event="start",
        text=str(o.file),
        steps=steps,
        steps_per_epoch=parts,
        checkpoint=str(place),
        seed=o.seed,
    )
    watcher = _Watcher(voice, o.print_every, steps + (model.step if o.init_from else 0), o.seed)
    watcher.introduction = lambda: _introduce(voice, o, corpus, model, steps, parts, place)
    with sigterm_as_interrupt():
        history = model.fit(
            Path(o.file),
            steps,
            o.batch_size,
            o.seq_length,
            _solver(o),
            _schedule(o, steps, parts),
            o.val_frac,
            None,
            place,
            voice.is_for_people,
            [watcher],
            clip=o.grad_clip or None,
            evaluate_every=o.eval_val_every,
            patience=o.patience,
            checkpoint_every=o.checkpoint_every,
            checkpoint_minutes=o.checkpoint_minutes,
            **errors_of(o.unknown),
        )
    return _conclude(voice, model, history, place, watcher)


def resume(options: argparse.Namespace, voice: Voice) -> int:
    """Go on with a training run."""
    o = options
    place: Path = o.checkpoint or o.model
    _set_threads(o)
    model = TextModel.load(o.model)
    fit = model._trainer
    if fit is None:
        raise RefusalError(f"{o.model} has no training run to go on with: train --init-from it")
    schedule, made = fit.settings.schedule, fit.step - fit.first_step
    if isinstance(schedule, (Cosine, OneCycle)) and made >= schedule.total_steps and o.steps:
        again = f"recurrent train FILE --init-from {shlex.quote(str(o.model))}"
        raise RefusalError(
            f"the schedule of this run has come to its end after {made:,} steps: `{again}` begins a new one"
        )
    goal = fit.step + o.steps if o.steps else fit.target_step
    voice.tell(event="start", step=fit.step, steps=goal - fit.step, checkpoint=str(place))
    watcher = _Watcher(voice, o.print_every, goal, 0)
    watcher.introduction = lambda: voice.say(
        f"going on after step {watcher.first - 1:,} to step {goal:,}; Ctrl-C saves and ends"
    )
    with sigterm_as_interrupt():
        history = model.resume(
            o.file and Path(o.file), o.steps, voice.is_for_people, [watcher], checkpoint=place
        )
    return _conclude(voice, model, history, place, watcher)


class _Watcher:
    """Tells of a run's steps, as often as is pleasant."""

    def __init__(self, voice: Voice, every: int | None, goal: int, seed: int) -> None:
        self._voice, self._goal, self._seed = voice, goal, seed
        self._every = every or 100
        self.began = self._then = time.perf_counter()
        self.first = self._seen = 0
        self.introduction: Any = None

    def __call__(self, report: StepReport) -> bool:
        """Whether nobody reads what is told; the run ends then, and is saved."""
        try:
            self._tell(report)
        except BrokenPipeError:
            return True
        return False

    def _tell(self, report: StepReport) -> None:
        if not self.first:
            self.first, self._seen = report.step, report.step
            if self.introduction:
                self.introduction()
        if (
            (report.step - self.first + 1) % self._every
            and report.step != self.first
            and report.validation is None
        ):
            return
        now = time.perf_counter()
        values: dict[str, Any] = {
            "event": "step",
            "step": report.step,
            "epoch": round(report.epoch, 4),
            "loss": report.loss,
            "gradient_norm": report.gradient_norm,
            "ratio_clipped": report.ratio_clipped,
            "learning_rate": report.learning_rate,
            "seconds": round(now - self.began, 3),
        }
        if report.validation is not None:
            values["validation"] = report.validation
        self._voice.tell(**values)
        if self._voice.is_for_people:
            self._say(report, now)

    def _say(self, report: StepReport, now: float) -> None:
        train = report.history.train
        recent = [loss for step, loss in train[-self._every :]] or [report.loss]
        line = f"{report.step:8,} {report.epoch:8.2f} {sum(recent) / len(recent):8.3f}"
        line += f" {report.gradient_norm:9.3f} "
        steps = report.step - self._seen
        left = (self._goal - report.step) * (now - self._then) / steps if steps else math.nan
        line += f"{_clock(left):>9}"
        self._then, self._seen = now, report.step
        if report.validation is not None:
            fit = report.model._trainer
            # begun as the text begins: a model that has learned little yet is lost without
            prime = report.model.decode(fit._batches.chunk(0)[0][:, 0]) if fit else ""
            written = report.model.sample(60, prime, 0.8, rng=self._seed)
            shown = "".join(c if c.isprintable() else "·" for c in " ".join(written.split()))
            line += f" {report.validation:10.3f}   {shown[:50]}"
        self._voice.say(line)


def _introduce(
    voice: Voice, o: argparse.Namespace, corpus: Corpus, model: TextModel, steps: int, parts: int, place: Path
) -> None:
    kinds = f", {len(corpus.letters):,} different ones" if corpus.letters else ""
    held = f"; the last {100 * o.val_frac:.3g} % held out" if o.val_frac else ""
    layers = " ".join(map(str, model.hidden_sizes))
    table = f"embedding {model.embedding}" if model.embedding else "one-hot"
    extra = f", dropout {model.dropout:g}" if model.dropout else ""
    network = f"{model.cell} {layers}, {table}{', tied' if model.tied else ''}{extra}"
    solver = type(model.optimizer).__name__
    schedule = f"{o.schedule} learning rate from {o.learning_rate:g}".replace(
        "constant learning rate from", "rate"
    )
    voice.say(f"recurrent {__version__}: learning {o.file}")
    voice.say(f"  text      {corpus.length:,} {model.tokenizer}{kinds}{held}")
    voice.say(f"  network   {network}: {model.flat.n:,} {model.dtype} weights, seed {o.seed}")
    voice.say(f"  training  {steps:,} steps, {parts:,} to an epoch; {solver}, {schedule}")
    voice.say(f"  saved     {place}; Ctrl-C saves and ends\n")
    voice.say("    step    epoch     loss  gradient      left validation   a sample")


def _conclude(voice: Voice, model: TextModel, history: History, place: Path, watcher: _Watcher) -> int:
    seconds, best = time.perf_counter() - watcher.began, history.best
    fit = model._trainer
    best_path = fit.settings.best if fit is not None and best is not None else None
    voice.tell(
        event="end",
        ended=history.stop_reason,
        step=model.step,
        loss=history.train[-1][1] if history.train else None,
        validation=history.validation[-1][1] if history.validation else None,
        best=list(best) if best else None,
        seconds=round(seconds, 3),
        checkpoint=str(place),
        best_checkpoint=best_path,
    )
    name = shlex.quote(str(place))
    reason = {"patience": "Stopped, as validation gets no better", "interrupted": "Interrupted"}
    line = f"\n{reason.get(history.stop_reason or '', 'Done')}: step {model.step:,}, {_clock(seconds)}"
    if history.validation:
        line += f", validation {history.validation[-1][1]:.3f} nats per {_unit(model)}"
    voice.say(line)
    if best and history.validation and best != history.validation[-1] and best_path:
        voice.say(f"best: {best[1]:.3f} after step {best[0]:,}, in {Path(best_path).name}")
    more = "recurrent resume" if history.stop_reason == "interrupted" else "recurrent sample"
    voice.say(f"saved in {place}; next: {more} {name}")
    return _INTERRUPTED if history.stop_reason == "interrupted" else 0


def _guard(file: Path, place: Path, force: bool) -> None:
    """Nothing that is there is written over unasked, and never the text itself."""
    if not place.exists() or place.is_dir():
        return
    if file.exists() and file.samefile(place):
        raise RefusalError(f"{place} is the text itself; expected another file to save in, with --checkpoint")
    if not force:
        name = shlex.quote(str(place))
        raise RefusalError(
            f"{place} is there already: `recurrent resume {name}` goes on with it, --force writes over it"
        )


def _solver(o: argparse.Namespace) -> Optimizer | None:
    """The solver of the flags; None to keep that of the model that the run begins with."""
    rate, decay = o.learning_rate, o.weight_decay
    if o.solver is None and o.init_from and o.decay_rate is None and not decay:
        return None
    if o.solver in ("adam", "adamw"):
        return (Adam if o.solver == "adam" else AdamW)(rate, weight_decay=decay)
    if o.solver == "sgd":
        return SGD(rate, momentum=0.9, weight_decay=decay)
    if o.solver == "adagrad":
        return Adagrad(rate, weight_decay=decay)
    return RMSProp(rate, o.decay_rate if o.decay_rate is not None else 0.95, weight_decay=decay)


def _schedule(o: argparse.Namespace, steps: int, parts: int) -> Schedule:
    rate = o.learning_rate
    if o.schedule == "cosine":
        return Cosine(rate, steps, o.warmup_steps)
    if o.schedule == "one-cycle":
        return OneCycle(rate, steps)
    if o.schedule == "plateau":
        return Plateau(rate, factor=o.learning_rate_decay, patience=0)
    if o.schedule == "constant" or o.learning_rate_decay == 1:
        return Constant(rate)
    return Step(rate, parts, o.learning_rate_decay, o.learning_rate_decay_after * parts)


def _set_threads(o: argparse.Namespace) -> None:
    if o.threads:
        set_num_threads(o.threads)


def _unit(model: TextModel) -> str:
    return "byte" if model.tokenizer == "bytes" else "character"


def _clock(seconds: float) -> str:
    if not math.isfinite(seconds):
        return "…"
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02} h"
