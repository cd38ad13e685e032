"""``recurrent train`` and ``recurrent resume``."""

from __future__ import annotations

import argparse
import dataclasses
import math
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from .._terminal import OutputError, UserError, printable
from .._version import __version__
from ..nn.threads import set_num_threads
from ..optim.optimizer import Optimizer
from ..optim.optimizers import OPTIMIZERS, OptimizerName
from ..optim.schedules import SCHEDULES, Constant, Cosine, OneCycle, Schedule
from ..sizes import TEXT_OPTIONS
from ..text.coder import is_coded
from ..text.model import TextModel
from ..training.batches import ContiguousBatches
from ..training.corpus import Corpus
from ..training.corpus_trainer import RECIPES
from ..training.documents import Documents
from ..training.history import History, StepReport
from ..training.options import DECAY_RATE, LEARNING_RATE
from ..training.ranks import Ranks
from .arguments import EPOCHS
from .console import EXIT_INTERRUPTED, Console, describe, token_unit
from .evaluate import better_model, describe_network
from .ranks import together
from .texts import STDIN, default_checkpoint, encoding_of, text_of, title

_MOMENTUM = 0.9  # of sgd


def train(options: argparse.Namespace, console: Console) -> int:
    """Trains a model on a text."""
    return together(_train, options, console)


def resume(options: argparse.Namespace, console: Console) -> int:
    """Continues a training run."""
    return together(_resume, options, console)


def _train(o: argparse.Namespace, console: Console, ranks: Ranks) -> int:
    path: Path = o.checkpoint or default_checkpoint(o.files)
    _set_threads(o)
    if o.init_from:
        model = TextModel.load(o.init_from)
    else:
        model = TextModel(
            o.cell, o.hidden_sizes, o.embedding, o.dropout, o.tokenizer, o.dtype, rng=o.seed, tied=o.tied,
            vocabulary_size=o.vocabulary_size,
            **({} if o.forget_bias is None else {"forget_bias": o.forget_bias}),
            **{name: getattr(o, name) for name in TEXT_OPTIONS},
        )  # fmt: skip
    # standard input is that of rank 0
    source = ranks.of_first(text_of, o.files, model.tokenizer, o.encoding)
    encoding = encoding_of(source, o.encoding)
    corpus = Corpus(source, model.tokenizer, encoding=encoding)
    if is_coded(model.tokenizer) and not model.is_built and o.errors == "strict":
        # the words of the text that are too rare for its vocabulary
        o.errors = "replace" if model.tokenizer == "words" else "strict"
    if o.input_init or o.recurrent_init or o.chrono or (is_coded(model.tokenizer) and not model.is_built):
        model.build(source, encoding=encoding)
    if o.input_init or o.recurrent_init or o.chrono:
        model.network.initialize(input=o.input_init, recurrent=o.recurrent_init, chrono=o.chrono, rng=o.seed)
    length = corpus.length
    documents = Documents(corpus.parts, o.documents, str(corpus)) if o.documents else None
    if is_coded(model.tokenizer):
        parts = [corpus.data] if documents is None else list(documents)
        length = sum(len(model.encode(part, o.errors, o.replacement)) for part in parts)
        length += 0 if documents is None else len(parts) + 1
    elif documents is not None:
        length = documents.length(model.tokenizer == "bytes")
    training_length = int(length * (1 - o.validation_split))
    epoch_steps = max(1, ContiguousBatches.count_chunks(training_length, o.batch_size, o.seq_length))
    steps = o.steps or (o.epochs or EPOCHS) * epoch_steps
    console.write_json(
        event="start", text=title(o.files), steps=steps, steps_per_epoch=epoch_steps, checkpoint=str(path),
        seed=o.seed,
    )  # fmt: skip
    reporter = _Reporter(console, o.print_every, steps + (model.step if o.init_from else 0), o.seed)
    reporter.introduce = lambda: _introduce(console, o, corpus, length, model, steps, epoch_steps, path)
    try:
        history = model.fit(
            source, steps, o.batch_size, o.seq_length, _optimizer(o), _schedule(o, model, steps, epoch_steps),
            o.validation_split, None, path, console.is_verbose, [] if ranks.rank else [reporter],
            clip="recipe" if o.clip is None else o.clip or None, evaluate_every=o.evaluate_every, patience=o.patience,
            checkpoint_every=o.checkpoint_every, checkpoint_minutes=o.checkpoint_minutes,
            errors=o.errors, replacement=o.replacement, encoding=encoding, documents=o.documents,
            overwrite=o.force, bptt_length=o.bptt_length, recipe=o.recipe,
            weight_decay=None if o.optimizer == "adamw" else o.weight_decay,
            learning_rate=None if o.has_schedule else o.learning_rate,
            distributed=cast(Any, ranks),
        )  # fmt: skip
    except FileExistsError as error:
        if "--force" not in (message := describe(error)) or not path.exists():
            raise
        name = shlex.quote(str(path))
        raise UserError(f"{message}; `recurrent resume {name}` continues its run") from None
    if ranks.rank:
        return EXIT_INTERRUPTED if history.stop_reason == "interrupted" else 0
    return _conclude(console, model, history, path, reporter)


def _resume(o: argparse.Namespace, console: Console, ranks: Ranks) -> int:
    path: Path = o.checkpoint or o.model
    _set_threads(o)
    model = TextModel.load(o.model)
    trainer = model.trainer
    if trainer is None:
        raise UserError(
            f"{o.model} has no training run to continue: `recurrent train --init-from` begins one"
        )
    schedule, done = trainer.settings.schedule, trainer.step - trainer.first_step
    if isinstance(schedule, (Cosine, OneCycle)) and done >= schedule.total_steps and o.steps:
        command = f"recurrent train FILE --init-from {shlex.quote(str(o.model))}"
        raise UserError(
            f"the schedule of this run has ended after {done:,} steps: `{command}` begins a new one"
        )
    target = trainer.step + o.steps if o.steps else trainer.target_step
    console.write_json(event="start", step=trainer.step, steps=target - trainer.step, checkpoint=str(path))
    reporter = _Reporter(console, o.print_every, target, 0)
    reporter.introduce = lambda: console.print(
        f"continuing after step {reporter.first - 1:,} to step {target:,}; Ctrl-C saves and ends"
    )
    source = None
    if o.files:
        source = ranks.of_first(text_of, o.files, model.tokenizer, o.encoding)
    if o.encoding and STDIN not in o.files:
        raise UserError(
            f"--encoding is without effect; expected - as a FILE, got {o.encoding}: files are read as `recurrent "
            "train` did"
        )
    history = model.resume(
        source, o.steps, console.is_verbose, [] if ranks.rank else [reporter], checkpoint=path,
        overwrite=o.force, distributed=cast(Any, ranks),
    )  # fmt: skip
    if ranks.rank:
        return EXIT_INTERRUPTED if history.stop_reason == "interrupted" else 0
    return _conclude(console, model, history, path, reporter)


class _Reporter:
    """Prints a line every ``every`` steps and after each validation."""

    def __init__(self, console: Console, every: int | None, target: int, seed: int) -> None:
        self._console, self._target, self._seed = console, target, seed
        self._every = every or 100
        self.start = self._last_time = time.perf_counter()
        self.first = self._last_step = 0
        self.introduce: Callable[[], None] = lambda: None
        self.error: OutputError | None = None

    def __call__(self, report: StepReport) -> bool:
        """Returns whether the output cannot be written; the run then ends and is saved."""
        try:
            self._receive(report)
        except OutputError as error:
            self.error = error
            return True
        return False

    def _receive(self, report: StepReport) -> None:
        if not self.first:
            self.first = self._last_step = report.step
            self.introduce()
        is_due = (report.step - self.first + 1) % self._every == 0 or report.step == self.first
        if not is_due and report.validation is None:
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
            "seconds": round(now - self.start, 3),
        }
        if report.validation is not None:
            values["validation"] = report.validation
        self._console.write_json(**values)
        if self._console.is_verbose:
            self._print(report, now)

    def _print(self, report: StepReport, now: float) -> None:
        recent = [loss for _, loss in report.history.train[-self._every :]] or [report.loss]
        line = f"{report.step:8,} {report.epoch:8.2f} {sum(recent) / len(recent):8.3f}"
        line += f" {report.gradient_norm:9.3f} "
        steps = report.step - self._last_step
        remaining = (self._target - report.step) * (now - self._last_time) / steps if steps else math.nan
        line += f"{_duration(remaining):>9}"
        self._last_time, self._last_step = now, report.step
        if report.validation is not None:
            line += f" {report.validation:10.3f}   {self._sample(report.model)}"
        self._console.print(line)

    def _sample(self, model: TextModel) -> str:
        """Returns a sample in one line; its prompt is the start of the text, as a state of zeros is untypical."""
        assert model.trainer is not None
        prompt = model.decode(model.trainer.batches.chunk(0)[0][:, 0], as_bytes=True)
        sample = model.sample(60, prompt, 0.8, rng=self._seed)
        return printable(" ".join(sample.split()))[:50]


def _introduce(
    console: Console,
    o: argparse.Namespace,
    corpus: Corpus,
    length: int,
    model: TextModel,
    steps: int,
    epoch_steps: int,
    path: Path,
) -> None:
    count = model.vocabulary_size if is_coded(model.tokenizer) else len(corpus.letters)
    distinct = f", {count:,} distinct" if count else ""
    unit = f"{token_unit(model.tokenizer)}s"
    held_out = f"; the last {100 * o.validation_split:.3g} % held out" if o.validation_split else ""
    optimizer = type(model.optimizer).__name__
    assert model.trainer is not None and model.optimizer is not None
    kind = model.trainer.settings.schedule
    schedule = "" if kind is None or isinstance(kind, Constant) else f"{kind.to_dict()['schedule']} "
    rate = (
        model.optimizer.learning_rate
        if kind is None
        else max(kind(0), kind.to_dict().get("learning_rate", 0))
    )
    console.print(f"recurrent {__version__}: training on {title(o.files)}")
    console.print(f"  text      {length:,} {unit}{distinct}{held_out}")
    console.print(
        f"  network   {describe_network(model)}: {model.flat.n:,} {model.dtype} weights, seed {o.seed}"
    )
    console.print(
        f"  training  {steps:,} steps, {epoch_steps:,} to an epoch; {optimizer}, {schedule}learning rate "
        f"{rate:g}"
    )
    console.print(f"  saved     {path}; Ctrl-C saves and ends")
    console.print()
    console.print("    step    epoch     loss  gradient remaining validation   sample")


def _conclude(console: Console, model: TextModel, history: History, path: Path, reporter: _Reporter) -> int:
    if reporter.error is not None:
        raise reporter.error
    seconds, best, trainer = time.perf_counter() - reporter.start, history.best, model.trainer
    best_path = trainer.settings.best if trainer is not None and best is not None else None
    console.write_json(
        event="end",
        stop_reason=history.stop_reason,
        step=model.step,
        loss=history.train[-1][1] if history.train else None,
        validation=history.validation[-1][1] if history.validation else None,
        best=list(best) if best else None,
        seconds=round(seconds, 3),
        checkpoint=str(path),
        best_checkpoint=best_path,
    )
    reasons = {"patience": "Stopped, no new best validation loss", "interrupted": "Interrupted"}
    line = f"\n{reasons.get(history.stop_reason or '', 'Done')}: step {model.step:,}, {_duration(seconds)}"
    if history.validation:
        line += f", validation {history.validation[-1][1]:.3f} nats per {token_unit(model.tokenizer)}"
    console.print(line)
    is_interrupted, better = history.stop_reason == "interrupted", better_model(model, path)
    if better:
        console.print(f"best: {better[1][1]:.3f} after step {better[1][0]:,}, in {better[0].name}")
    command = "recurrent resume" if is_interrupted else "recurrent sample"
    file = better[0] if better and not is_interrupted else path
    console.print(f"saved in {path}; next: {command} {shlex.quote(str(file))}")
    return EXIT_INTERRUPTED if is_interrupted else 0


def _optimizer(o: argparse.Namespace) -> Optimizer | None:
    """Returns the optimizer of the flags, or None for that of the recipe or of the model of ``--init-from``."""
    if not o.has_optimizer:
        return None
    name: OptimizerName = o.optimizer or "rmsprop"
    settings: dict[str, Any] = {
        "learning_rate": LEARNING_RATE if o.learning_rate is None else o.learning_rate
    }
    if name == "rmsprop":
        settings["alpha"] = DECAY_RATE if o.decay_rate is None else o.decay_rate
    elif name == "sgd":
        settings["momentum"] = _MOMENTUM
    elif name == "adamw" and o.weight_decay is not None:
        settings["weight_decay"] = o.weight_decay
    return OPTIMIZERS[name](**settings)


def _schedule(o: argparse.Namespace, model: TextModel, steps: int, epoch_steps: int) -> Schedule | None:
    """Returns the schedule of the flags, whose settings are those of the flags; None for that of a recipe."""
    if not o.has_schedule:
        return None
    rate = o.learning_rate
    if rate is None:
        known = _optimizer(o) or (model.optimizer if o.recipe is None and model.is_built else None)
        rate = (known or RECIPES[o.recipe or "default"].create()).learning_rate
    if o.learning_rate_decay == 1 and o.schedule in ("step", "exponential"):
        return Constant(rate)
    kind = SCHEDULES[o.schedule.replace("-", "_")]
    decay, is_step = o.learning_rate_decay, o.schedule == "step"
    values = {
        "learning_rate": rate,
        "max_learning_rate": rate,
        "total_steps": steps,
        "warmup_steps": o.warmup_steps,
        "step_size": epoch_steps,
        "gamma": decay if is_step else decay ** (1 / epoch_steps),
        "after": o.learning_rate_decay_after * epoch_steps,
        "factor": decay,
        "patience": 0,
    }
    names = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in values.items() if name in names})


def _set_threads(o: argparse.Namespace) -> None:
    if o.threads:
        set_num_threads(o.threads)


def _duration(seconds: float) -> str:
    if not math.isfinite(seconds):
        return "…"
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02} h"
