"""`recurrent info` and `recurrent evaluate`."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from ..nn.threads import set_num_threads
from ..text.model import TextModel
from ..training.corpus import Corpus
from .voice import RefusalError, Voice, errors_of


def info(options: argparse.Namespace, voice: Voice) -> int:
    """Say what is in a checkpoint."""
    model = TextModel.load(options.model)
    facts = _facts(model)
    voice.tell(file=str(options.model), bytes=options.model.stat().st_size, **facts)
    if not voice.is_for_people:
        return 0
    table = f"embedding {model.embedding}" if model.embedding else "one-hot"
    layers = " ".join(map(str, model.hidden_sizes))
    extra = (", tied" if model.tied else "") + (f", dropout {model.dropout:g}" if model.dropout else "")
    voice.say(f"{options.model}: {options.model.stat().st_size:,} bytes, a text model")
    voice.say(
        f"  network   {model.cell} {layers}, {table}{extra}: {facts['weights']:,} {model.dtype} weights"
    )
    if model.vocabulary is None:
        voice.say("  alphabet  bytes")
    else:
        shown = "".join(letter if letter.isprintable() else "·" for letter in model.vocabulary)
        voice.say(f"  alphabet  {len(shown):,} characters: {shown[:80]}{'…' * (len(shown) > 80)}")
    voice.say(f"  solver    {model.optimizer or 'none yet'}")
    voice.say(f"  trained   {model.step:,} steps" + _progress(facts))
    for name in ("train", "validation"):
        if facts.get(name) is not None:
            unit = "nats per byte" if model.tokenizer == "bytes" else "nats per character"
            voice.say(f"  {'loss' if name == 'train' else 'held out':10}{facts[name]:.4f} {unit}")
    if facts.get("best"):
        voice.say(f"  best      {facts['best'][1]:.4f} after step {facts['best'][0]:,}")
    if facts.get("text"):
        voice.say(f"  text      {facts['text']}")
    return 0


def evaluate(options: argparse.Namespace, voice: Voice) -> int:
    """Say how well a model predicts a text."""
    o = options
    if o.threads:
        set_num_threads(o.threads)
    model = TextModel.load(o.model)
    try:
        errors = errors_of(o.unknown)
        known = (model.vocabulary or "") if errors["errors"] == "strict" else None
        tokens = Corpus(Path(o.file), model.tokenizer, "FILE").encode(
            lambda part: model.encode(part, **errors), model.vocabulary_size, known
        )
    except ValueError as error:
        # what the tokens are, the model has decided
        raise RefusalError(str(error).replace("; tokenizer='bytes' reads anything", "")) from None
    tokens = tokens[int(len(tokens) * (1 - o.val_frac)) :]
    # as many as training has where it looks at what is held out
    columns = o.columns or max(1, min(64, len(tokens) // 1024))
    nats = model.evaluate(tokens, columns)
    unit = "byte" if model.tokenizer == "bytes" else "character"
    perplexity = math.exp(min(nats, 700.0))
    voice.tell(
        nats=nats,
        bits=nats / math.log(2),
        perplexity=perplexity,
        tokens=len(tokens),
        unit=unit,
        columns=columns,
    )
    bits = f"{nats / math.log(2):.4f} bits, perplexity {perplexity:.3f}"
    voice.say(f"{nats:.4f} nats per {unit} ({bits}) over {len(tokens):,} {unit}s")
    return 0


def _facts(model: TextModel) -> dict[str, Any]:
    history, fit = model.history, model._trainer
    facts: dict[str, Any] = {
        "cell": model.cell,
        "hidden_sizes": model.hidden_sizes,
        "embedding": model.embedding,
        "tied": model.tied,
        "dropout": model.dropout,
        "tokens": model.tokenizer,
        "letters": model.vocabulary,
        "dtype": str(model.dtype),
        "weights": model.flat.n,
        "step": model.step,
        "solver": model.optimizer.settings if model.optimizer else None,
    }
    if history is not None:
        facts["train"] = history.train[-1][1] if history.train else None
        facts["validation"] = history.validation[-1][1] if history.validation else None
        facts["best"], facts["ended"] = history.best, history.stop_reason
    if fit is not None:
        facts["goal"] = fit.target_step
        facts["settings"] = fit.settings.to_dict()
        facts["text"] = (fit.texts.get("text") or {}).get("path")
    return facts


def _progress(facts: dict[str, Any]) -> str:
    goal, ended = facts.get("goal"), facts.get("ended")
    if goal is None:
        return ""
    if ended in ("patience", "callback"):
        return f" of {goal:,}, ended by {ended}"
    return f" of {goal:,}" + (f", {ended}" if ended == "interrupted" else "") if facts["step"] < goal else ""
