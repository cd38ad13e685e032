"""What a run on the page is made of: read from what a browser sends, which may be anything."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

KINDS = ("sentences", "text")
CELLS = ("lstm", "gru", "rnn")
# bounds that keep a run from filling the memory
MOST_LAYERS, WIDEST, MOST_WEIGHTS = 8, 2048, 16_000_000
MOST_NUMBERS = 8_000_000  # of one layer's outputs, all layers and steps of a batch together
LARGEST_TEXT = 16 << 20  # bytes


@dataclass(frozen=True)
class Settings:
    """The boxes and sliders of the page."""

    kind: str = "sentences"
    cell: str = "lstm"
    hidden_sizes: list[int] = field(default_factory=lambda: [40, 40])
    letter_size: int = 10
    learning_rate: float = 0.005
    regc: float = 1e-6
    clip: float = 5.0
    batch_size: int = 50
    seq_length: int = 50
    seed: int = 1

    def changed(self, values: Any) -> Settings:
        """These settings with others in their place.

        Raises
        ------
        ValueError
            In the page's words: which box, what it expects, what it holds.
        """
        if not isinstance(values, Mapping):
            raise ValueError(f"the settings are a {type(values).__name__}; expected an object")
        known = asdict(self)
        for name in values:
            if name not in known:
                raise ValueError(f"there is no setting {str(name)[:40]!r}")
        return replace(self, **{name: _READERS[name](value) for name, value in values.items()})

    def check(self, letters: int) -> Settings:
        """Refuse a model or a batch too large for the page; the alphabet has so many letters."""
        gates = {"lstm": 4, "gru": 3, "rnn": 1}[self.cell]
        below, weights = self.letter_size or letters, letters * self.letter_size
        for size in self.hidden_sizes:
            weights += gates * size * (below + size + 1)
            below = size
        weights += letters * (below + 1)
        if weights > MOST_WEIGHTS:
            raise ValueError(
                f"this network has {weights:,} weights, and the page takes {MOST_WEIGHTS:,} at most: "
                "lower the hidden sizes"
            )
        numbers = self.batch_size * self.seq_length * sum(self.hidden_sizes)
        if self.kind == "text" and numbers > MOST_NUMBERS:
            raise ValueError(
                f"a step would hold {numbers:,} numbers per gate, and the page takes {MOST_NUMBERS:,} at most: "
                "lower the batch size or the sequence length"
            )
        return self


# what suits running text, where the page begins with sentences
TEXT = Settings(kind="text", hidden_sizes=[128, 128], letter_size=0, learning_rate=0.002)


def number(value: Any, name: str, low: float, high: float, above: bool = False) -> float:
    """A number of the page, within its bounds."""
    found = value if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan
    if isinstance(value, str):
        try:
            found = float(value)
        except ValueError:
            found = math.nan
    if not low <= found <= high or (above and found == low):
        most = "" if high == math.inf else f" and at most {high:g}"
        raise ValueError(
            f"{name}: expected a number {'above' if above else 'of at least'} {low:g}{most}, {_got(value)}"
        )
    return float(found)


def whole(value: Any, name: str, low: int, high: int) -> int:
    """A whole number of the page, within its bounds."""
    try:
        found = number(value, name, low, high)
    except ValueError:
        found = math.nan
    if found != found or found != int(found):
        raise ValueError(f"{name}: expected a whole number from {low:,} to {high:,}, {_got(value)}")
    return int(found)


def words(value: Any, name: str, most: int) -> str:
    """Text of the page: at most so many characters, each one that UTF-8 can hold."""
    if not isinstance(value, str):
        raise ValueError(f"{name}: expected text, {_got(value)}")
    if len(value) > most:
        raise ValueError(f"{name}: {len(value):,} characters, and the page takes {most:,} at most")
    # a browser may send half of a pair
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _choice(name: str, known: tuple[str, ...]) -> Any:
    def read(value: Any) -> str:
        if value not in known:
            raise ValueError(f"{name}: expected {' or '.join(known)}, {_got(value)}")
        return str(value)

    return read


def _sizes(value: Any) -> list[int]:
    parts = value.replace(" ", ",").split(",") if isinstance(value, str) else value
    parts = [part for part in parts if part != ""] if isinstance(parts, list) else []
    if not 1 <= len(parts) <= MOST_LAYERS:
        raise ValueError(
            f"hidden sizes: expected 1 to {MOST_LAYERS} numbers between commas, such as 40,40, {_got(value)}"
        )
    return [whole(part, "hidden sizes", 1, WIDEST) for part in parts]


def _got(value: Any) -> str:
    shown = repr(value)
    return f"got {shown if len(shown) <= 40 else shown[:39] + '…'}"


_READERS: dict[str, Any] = {
    "kind": _choice("learn", KINDS),
    "cell": _choice("generator", CELLS),
    "hidden_sizes": _sizes,
    "letter_size": lambda value: whole(value, "letter size", 0, 512),
    "learning_rate": lambda value: number(value, "learning rate", 0, 10),
    "regc": lambda value: number(value, "regularization", 0, 1),
    "clip": lambda value: number(value, "clip", 0, 1e9, above=True),
    "batch_size": lambda value: whole(value, "batch size", 1, 1024),
    "seq_length": lambda value: whole(value, "sequence length", 1, 2000),
    "seed": lambda value: whole(value, "seed", 0, 2**53),
}
