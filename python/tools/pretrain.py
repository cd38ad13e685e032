"""Trains the model that the live page ships, on the sentences of the package: ``make pretrained``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from recurrent.cli.demo import parse, prepare
from recurrent.web.actions import PRETRAINED

_DIGITS = 5


def pretrain(path: Path, *flags: str) -> None:
    """Trains with the defaults of the demo and 1000 epochs, and writes the model with five digits of each number."""
    run, _ = prepare(parse(["--out", str(path.parent), "--epochs", "1000", *flags]))
    run.train(lambda run: None)
    run.model.save_recurrentjs(path, overwrite=True)
    short = _rounded(json.loads(path.read_text(encoding="utf-8")))
    path.write_text(json.dumps(short, separators=(",", ":"), ensure_ascii=False) + "\n", encoding="utf-8")


def _rounded(value: Any) -> Any:
    """Returns JSON with all floating-point numbers rounded."""
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value


if __name__ == "__main__":
    pretrain(Path(sys.argv[1]) if sys.argv[1:] else PRETRAINED)
