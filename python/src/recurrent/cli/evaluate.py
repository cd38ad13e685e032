"""``recurrent info`` and ``recurrent evaluate``."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from .._terminal import UserError, printable
from ..nn.threads import set_num_threads
from ..text.coder import is_coded
from ..text.model import TextModel
from ..training.corpus import OTHER_TOKENIZER, Corpus
from .console import Console, describe, token_unit
from .texts import encoding_of, text_of


def info(options: argparse.Namespace, console: Console) -> int:
    """Prints what a checkpoint contains."""
    model = TextModel.load(options.model)
    facts, size = _facts(model), options.model.stat().st_size
    console.write_json(file=str(options.model), bytes=size, **facts)
    if not console.is_verbose:
        return 0
    console.print(f"{options.model}: {size:,} bytes, a text model")
    console.print(f"  network     {describe_network(model)}: {facts['weights']:,} {model.dtype} weights")
    if is_coded(model.tokenizer):
        console.print(f"  vocabulary  {model.vocabulary_size:,} tokens of {model.tokenizer}")
    elif model.vocabulary is None:
        console.print("  vocabulary  bytes")
    else:
        shown = printable(model.vocabulary)
        console.print(f"  vocabulary  {len(shown):,} characters: {shown[:80]}{'…' * (len(shown) > 80)}")
    console.print(f"  optimizer   {model.optimizer or 'none'}")
    if model.trainer is not None:
        settings = model.trainer.settings
        rate = settings.schedule or f"learning rate {settings.learning_rate or 'of the optimizer'}"
        console.print(
            f"  steps       {rate}, weight decay {settings.weight_decay:g}, clip {settings.clip or 'none'}"
        )
    console.print(f"  trained     {model.step:,} steps" + _progress(facts))
    for name in ("train", "validation"):
        if facts.get(name) is not None:
            label = "loss" if name == "train" else "validation"
            console.print(f"  {label:12}{facts[name]:.4f} nats per {token_unit(model.tokenizer)}")
    if facts.get("best"):
        console.print(f"  best        {facts['best'][1]:.4f} after step {facts['best'][0]:,}")
    if facts.get("text"):
        paths = [facts["text"]] if isinstance(facts["text"], str) else facts["text"]
        console.print(f"  text        {', '.join('none' if path is None else path for path in paths)}")
    return 0


def evaluate(options: argparse.Namespace, console: Console) -> int:
    """Prints the loss of a model on a text."""
    o = options
    if o.threads:
        set_num_threads(o.threads)
    model = TextModel.load(o.model)
    try:
        known = (model.vocabulary or "") if o.errors == "strict" else None
        source = text_of(o.files, model.tokenizer, o.encoding)
        corpus = Corpus(source, model.tokenizer, "FILE", encoding_of(source, o.encoding))
        starts = None
        if is_coded(model.tokenizer) or model.documents is not None:
            corpus.require_known(known if model.vocabulary is not None else None)
            tokens, starts = model._tokens_of(corpus.parts, o.errors, o.replacement, None)
        else:
            tokens = corpus.encode(
                lambda part: model.encode(part, o.errors, o.replacement), model.vocabulary_size, known
            )
    except ValueError as error:
        # the model decides the tokenizer: the hint does not apply
        raise UserError(describe(ValueError(str(error).replace(OTHER_TOKENIZER, "")))) from None
    cut = int(len(tokens) * (1 - o.validation_split))
    tokens, starts = tokens[cut:], None if starts is None else starts[cut:]
    # the batch size of the validation in training
    batch_size = o.batch_size or max(1, min(64, len(tokens) // 1024))
    nats = model.evaluate(tokens, batch_size, resets=starts)
    data = model.decode(tokens[1:], as_bytes=True)
    bits_per_byte = nats * (len(tokens) - 1) / math.log(2) / max(1, len(data))
    unit, bits, perplexity = token_unit(model.tokenizer), nats / math.log(2), math.exp(min(nats, 700.0))
    console.write_json(
        nats=nats,
        bits=bits,
        bits_per_byte=bits_per_byte,
        perplexity=perplexity,
        tokens=len(tokens),
        unit=unit,
        batch_size=batch_size,
    )
    console.print(
        f"{nats:.4f} nats per {unit} ({bits:.4f} bits, perplexity {perplexity:.3f}) over {len(tokens):,} {unit}s"
        + ("" if unit == "byte" else f", {bits_per_byte:.4f} bits per byte")
    )
    return 0


def describe_network(model: TextModel) -> str:
    """Returns the architecture of a model in one line."""
    layers = " ".join(map(str, model.hidden_sizes))
    table = f"embedding {model.embedding}" if model.embedding else "one-hot"
    extra = (", tied" if model.tied else "") + (f", dropout {model.dropout:g}" if model.dropout else "")
    extra += "".join(f", {name.replace('_', ' ')}" for name, is_on in model.options.items() if is_on)
    return f"{model.cell} {layers}, {table}{extra}"


def better_model(model: TextModel, path: Path) -> tuple[Path, tuple[int, float]] | None:
    """Returns the file of a run's best model, its step and its loss; None where that of ``path`` is no worse."""
    history = model.history
    if history is None or history.best is None or history.best == history.validation[-1]:
        return None
    best = path.with_name(f"{path.stem}.best{path.suffix}")
    return (best, history.best) if best.exists() else None


def _facts(model: TextModel) -> dict[str, Any]:
    history, trainer = model.history, model.trainer
    facts: dict[str, Any] = {
        "cell": model.cell,
        "hidden_sizes": model.hidden_sizes,
        "embedding": model.embedding,
        "tied": model.tied,
        "dropout": model.dropout,
        **model.options,
        "tokenizer": model.tokenizer,
        "vocabulary": model.vocabulary,
        "vocabulary_size": model.vocabulary_size,
        "dtype": str(model.dtype),
        "weights": model.flat.n,
        "step": model.step,
        "optimizer": model.optimizer.settings if model.optimizer else None,
    }
    if history is not None:
        facts["train"] = history.train[-1][1] if history.train else None
        facts["validation"] = history.validation[-1][1] if history.validation else None
        facts["best"], facts["stop_reason"] = history.best, history.stop_reason
    if trainer is not None:
        facts["target_step"] = trainer.target_step
        facts["settings"] = trainer.settings.to_dict()
        source = trainer.sources.get("text") or {}
        paths = [one["path"] for one in source.get("files", [])]
        facts["text"] = paths if paths else source.get("path")
    return facts


def _progress(facts: dict[str, Any]) -> str:
    target, reason = facts.get("target_step"), facts.get("stop_reason")
    if target is None:
        return ""
    if reason in ("patience", "callback"):
        return f" of {target:,}, ended by {reason}"
    return (
        f" of {target:,}" + (", interrupted" if reason == "interrupted" else "")
        if facts["step"] < target
        else ""
    )
