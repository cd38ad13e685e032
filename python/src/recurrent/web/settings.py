"""The settings of a run on the page, checked: a browser may send anything."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Any

from .._checks import as_choice
from ..names import TokenizerName
from ..nn.network import Network
from ..parameters import CELLS
from ..training.options import BATCH_SIZE, CLIP, LEARNING_RATE, SEQ_LENGTH

KINDS = ("sentences", "text")
# bounds on the memory of a run
MAX_LAYERS, MAX_SIZE, MAX_WEIGHTS = 8, 2048, 16_000_000
MAX_ELEMENTS = 8_000_000  # in one activation of all layers over a batch
MAX_CLIP = 1e9  # clips nothing
MAX_TEXT = 16 << 20  # bytes
MAX_FILE = 256 << 20  # bytes; a checkpoint holds the weights and the optimizer's state


@lru_cache
def _weights(cell: str, is_square: bool) -> tuple[int, int, int]:
    """Returns a, b, c of the weights of a layer with I inputs and H units, a·H·I + b·H² + c·H.

    A layer whose input is as wide as itself may have fewer: a is 0 for it.
    """

    def count(inputs: int, units: int) -> int:
        return int(Network(as_choice(cell, "cell", CELLS), inputs, [units], rng=0).flat.n)

    if is_square:
        one, two = count(1, 1), count(2, 2)
        of_both = (two - 2 * one) // 2
        return 0, of_both, one - of_both
    few, more_inputs, more_units = count(2, 1), count(3, 1), count(1, 2)
    of_input = more_inputs - few
    of_output = more_units // 2 + of_input - few
    return of_input, of_output, few - 2 * of_input - of_output


@dataclass(frozen=True)
class Settings:
    """The boxes and sliders of the page."""

    kind: str = "sentences"
    cell: str = "lstm"
    hidden_sizes: list[int] = field(default_factory=lambda: [40, 40])
    embedding: int = 10
    tokenizer: TokenizerName = "characters"  # of running text
    learning_rate: float = 0.005
    weight_decay: float = 1e-6
    clip: float = CLIP
    batch_size: int = BATCH_SIZE
    seq_length: int = SEQ_LENGTH
    seed: int = 1

    def changed(self, values: Any) -> Settings:
        """Returns these settings with some replaced.

        Raises
        ------
        ValueError
            Naming the box, the expected value and the value that it has.
        """
        if not isinstance(values, Mapping):
            raise ValueError(f"settings has the wrong type; expected an object, got {type(values).__name__}")
        known = asdict(self)
        for name in values:
            if name not in known:
                raise ValueError(
                    f"setting is unknown; expected one of {', '.join(known)}, got {str(name)[:40]!r}"
                )
        # the cell of an opened checkpoint may be none of the page's
        kept = {"cell"} if values.get("cell") == self.cell else set()
        return replace(
            self, **{name: _READERS[name](value) for name, value in values.items() if name not in kept}
        )

    def check(self, vocabulary_size: int) -> Settings:
        """Returns these settings if the model and a batch fit into the page's memory bounds.

        Raises
        ------
        ValueError
            Naming the number of weights or elements.
        """
        inputs, weights = self.embedding or vocabulary_size, vocabulary_size * self.embedding
        for size in self.hidden_sizes:
            of_input, of_output, vectors = _weights(self.cell, inputs == size)
            weights += size * (of_input * inputs + of_output * size + vectors)
            inputs = size
        weights += vocabulary_size * (inputs + 1)
        if weights > MAX_WEIGHTS:
            raise ValueError(
                f"the network is too large; expected at most {MAX_WEIGHTS:,} weights, got {weights:,}: "
                "lower the hidden sizes"
            )
        self.check_batch(self.hidden_sizes)
        return self

    def check_batch(self, hidden_sizes: Sequence[int]) -> None:
        """Raises a ``ValueError`` if a batch of a network does not fit into the page's memory bounds."""
        elements = self.batch_size * self.seq_length * sum(hidden_sizes)
        if self.kind == "text" and elements > MAX_ELEMENTS:
            raise ValueError(
                f"the batch is too large; expected at most {MAX_ELEMENTS:,} elements a gate, got {elements:,}: "
                "lower the batch size or the sequence length"
            )


# defaults for running text; those of `Settings` suit sentences
TEXT = Settings(kind="text", hidden_sizes=[128, 128], embedding=0, learning_rate=LEARNING_RATE)


def number(value: Any, name: str, low: float, high: float, above: bool = False) -> float:
    """Returns a number from the page; ``above`` excludes ``low``."""
    result = value if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan
    if isinstance(value, str):
        try:
            result = float(value)
        except ValueError:
            result = math.nan
    # NaN fails both comparisons
    if not (low <= result <= high) or (above and result == low):
        bounds = (
            f"a number above {low:g} and at most {high:g}" if above else f"a number from {low:g} to {high:g}"
        )
        raise ValueError(f"{name} is invalid; expected {bounds}, {_got(value)}")
    return float(result)


def integer(value: Any, name: str, low: int, high: int) -> int:
    """Returns an integer from the page."""
    try:
        result = number(value, name, low, high)
    except ValueError:
        result = math.nan
    if result != result or result != int(result):
        raise ValueError(f"{name} is invalid; expected an integer from {low:,} to {high:,}, {_got(value)}")
    return int(result)


def text(value: Any, name: str, max_length: int) -> str:
    """Returns text from the page, with U+FFFD for each unpaired surrogate."""
    if not isinstance(value, str):
        raise ValueError(f"{name} is invalid; expected text, {_got(value)}")
    if len(value) > max_length:
        raise ValueError(
            f"{name} is too long; expected at most {max_length:,} characters, got {len(value):,}"
        )
    # a browser may send half of a surrogate pair
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _choice(name: str, known: tuple[str, ...]) -> Any:
    def read(value: Any) -> str:
        if value not in known:
            raise ValueError(f"{name} is invalid; expected one of {', '.join(known)}, {_got(value)}")
        return str(value)

    return read


def _sizes(value: Any) -> list[int]:
    parts = value.replace(" ", ",").split(",") if isinstance(value, str) else value
    parts = [part for part in parts if part != ""] if isinstance(parts, list) else []
    if not 1 <= len(parts) <= MAX_LAYERS:
        raise ValueError(
            f"hidden sizes is invalid; expected 1 to {MAX_LAYERS} integers between commas, such as 40,40, {_got(value)}"
        )
    return [integer(part, "hidden sizes", 1, MAX_SIZE) for part in parts]


def _got(value: Any) -> str:
    shown = repr(value)
    return f"got {shown if len(shown) <= 40 else shown[:39] + '…'}"


_READERS: dict[str, Any] = {
    "kind": _choice("kind", KINDS),
    "cell": _choice("cell", CELLS),
    "hidden_sizes": _sizes,
    "tokenizer": _choice("tokenizer", ("characters", "bytes")),
    "embedding": lambda value: integer(value, "embedding", 0, 512),
    "learning_rate": lambda value: number(value, "learning rate", 0, 10),
    "weight_decay": lambda value: number(value, "weight decay", 0, 1),
    "clip": lambda value: number(value, "clip", 0, MAX_CLIP, above=True),
    "batch_size": lambda value: integer(value, "batch size", 1, 1024),
    "seq_length": lambda value: integer(value, "sequence length", 1, 2000),
    "seed": lambda value: integer(value, "seed", 0, 2**53),
}
