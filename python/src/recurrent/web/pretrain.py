"""``make pretrained``: train the model that the page ships, on the sentences that ship."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ..demo.__main__ import parse, prepare
from .desk import PRETRAINED

_DIGITS = 5


def pretrain(path: Path, *flags: str) -> None:
    """Train as the demo does, seed 1 and all, and write the model with five digits of each number."""
    lesson, _ = prepare(parse(["--out", str(path.parent), "--epochs", "1000", *flags], "pretrain"))
    lesson.teach(lambda lesson: None)
    lesson.model.save_recurrentjs(path)
    short = _short(json.loads(path.read_text(encoding="utf-8")))
    path.write_text(json.dumps(short, separators=(",", ":"), ensure_ascii=False) + "\n", encoding="utf-8")


def _short(value: Any) -> Any:
    """All numbers with a point in them, shortened."""
    if isinstance(value, dict):
        return {name: _short(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_short(part) for part in value]
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value


if __name__ == "__main__":
    pretrain(Path(sys.argv[1]) if sys.argv[1:] else PRETRAINED)
