"""What the command says: to people, as JSON lines to scripts, or nothing; and its sentences about what went wrong."""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import sys
import warnings
from typing import Any

# arguments of the library by the flags that set them
_FLAGS = {
    "batch_size": "--batch-size",
    "clip": "--grad-clip",
    "dropout": "--dropout",
    "embedding": "--embedding",
    "evaluate_every": "--eval-val-every",
    "hidden_sizes": "--rnn-size",
    "fit it instead": "`recurrent train --init-from` begins a new one",
    "learning_rate": "--learning-rate",
    "or fit": "or `recurrent train --init-from`",
    "patience": "--patience",
    "seq_length": "--seq-length",
    "validation_split=0": "--val-frac 0",
    "with steps": "with --steps",
}
_ARGUMENT = re.compile(r"(?<![\w'/.-])(" + "|".join(map(re.escape, _FLAGS)) + r")(?![\w'/.-])")
_QUOTED = re.compile(r"('[^']*'(?!\w))")

# the flags' words for cells that are called otherwise elsewhere
CELLS = {"rnn": "rnn_tanh", "gru_before": "gru_reset_before"}


def errors_of(unknown: str | None) -> dict[str, Any]:
    """The arguments ``errors`` and ``replacement`` of ``--unknown``."""
    if unknown in (None, "refuse", "skip"):
        return {"errors": "ignore" if unknown == "skip" else "strict"}
    return {"errors": "replace", "replacement": unknown}


class RefusalError(Exception):
    """What was asked for cannot be done; the message is one sentence for the user."""


class Voice:
    """Where output goes: ``say`` to people, ``tell`` as JSON lines to scripts; with ``--quiet`` neither."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.is_json = options.json
        self.is_for_people = not options.json and not options.quiet
        self._warnings = warnings.catch_warnings()

    def __enter__(self) -> Voice:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", errors="replace")
        self._warnings.__enter__()
        warnings.simplefilter("always", RuntimeWarning)
        warnings.showwarning = lambda message, *_, **__: complain(str(message))
        return self

    def __exit__(self, *_: object) -> None:
        self._warnings.__exit__(None, None, None)

    def say(self, line: str = "") -> None:
        """A line for people; above the progress bar, if there is one."""
        if self.is_for_people:
            if "tqdm" in sys.modules:
                sys.modules["tqdm"].tqdm.write(line)
                sys.stdout.flush()
            else:
                _write(line)

    def tell(self, **values: Any) -> None:
        """A JSON line for scripts."""
        if self.is_json:
            _write(json.dumps(values, ensure_ascii=False, allow_nan=False))


def _write(line: str) -> None:
    """In one piece: Ctrl-C may come at any moment, and cuts no line in two."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def complain(problem: str) -> None:
    """Say one sentence where errors go."""
    print(f"recurrent: {problem}", file=sys.stderr, flush=True)


def refusal(error: BaseException) -> str:
    """What went wrong, as a sentence, with flags for the library's arguments."""
    words = str(error)
    if isinstance(error, OSError) and error.strerror:
        words, reason = error.strerror, os.strerror(error.errno or 0).lower()
        if reason not in words.lower() and ": " not in words:
            words = f"{words}: {reason}"
    elif isinstance(error, MemoryError) and not words:
        words = "memory is full"
    # what is quoted is the user's
    parts = _QUOTED.split(words.replace("; tokenizer='bytes'", "; --tokens bytes"))
    parts[::2] = [_ARGUMENT.sub(lambda match: _FLAGS[match[1]], part) for part in parts[::2]]
    return " ".join("".join(parts).split("\n"))
