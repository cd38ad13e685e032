"""Sizes of a network, as the library knows them: what every buffer of a call is sized by."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from . import _c
from ._checks import DTYPES, as_dtype

_lib = _c.lib


# the options of a network's layers: those of text models, and all
TEXT_OPTIONS = ("learned_initial_state", "residual", "variational")
OPTIONS = (*TEXT_OPTIONS, "bidirectional")
# the gates of the built-in cells
_GATES = {"lstm": "ifog", "gru": "rzn", "gru_reset_before": "rzn"}


class Sizes(NamedTuple):
    """The architecture of a network, which nothing changes."""

    cell: str
    input_size: int
    embedding: int | None
    hidden_sizes: tuple[int, ...]
    output_size: int | None
    tied: bool
    forget_bias: float
    options: dict[str, bool]
    dtype: np.dtype[Any]
    states: dict[str, tuple[int, ...]]
    """The states by name, for each its rows in each layer and direction."""
    outputs: int
    """Elements of an output vector."""
    state: int
    """Elements of the state of one sequence."""
    values: tuple[dict[str, int], ...]
    """The rows of the values that the step of each layer names."""
    attends: bool
    """Whether a step attends to the past, which its state does not hold."""

    def activations(self) -> dict[str, int]:
        """Returns the rows of every activation by name, layer by layer."""
        return {
            f"{name}{suffix}": rows
            for i, suffix in enumerate(self.suffixes())
            for name, rows in (
                *((name, widths[i]) for name, widths in self.states.items()),
                *self.values[i // self.directions].items(),
            )
        }

    @property
    def directions(self) -> int:
        """The directions of each layer."""
        return 2 if self.options["bidirectional"] else 1

    def state_names(self) -> list[str]:
        """Returns the names of the states as activations, in the order of a state's elements."""
        return [f"{name}{suffix}" for name in self.states for suffix in self.suffixes()]

    def suffixes(self) -> list[str]:
        """Returns what follows the names of parameters and states, layer by layer, the forward direction first."""
        return [f"{k}{'r' * d}" for k in range(len(self.hidden_sizes)) for d in range(self.directions)]


@lru_cache(maxsize=1024)
def sizes_of(network: int) -> Sizes:
    """Returns the sizes of a network by its handle, which never stands for another network."""
    settings = json.loads(_c.written(_lib.recurrent_network_describe, network))
    cell, widths, attends = settings["cell"], tuple(settings["hidden_sizes"]), False
    if isinstance(cell, str):
        states = {name: widths for name in (("h", "c") if cell == "lstm" else ("h",))}
        values = tuple(dict.fromkeys(_GATES.get(cell, ""), width) for width in widths)
    else:
        # a value is [source, first row, rows]
        values = tuple(
            {name: view[2] for name, view in layer.get("names", {}).items()} for layer in cell["layers"]
        )
        rows = zip(*(layer["states"] for layer in cell["layers"]))
        attends = any('"attend"' in json.dumps(layer["operations"]) for layer in cell["layers"])
        cell, states = cell["name"], dict(zip(cell["states"], rows))
    outputs = next(iter(states.values()))[-1]
    if settings.get("bidirectional", False):
        states = {name: tuple(n for n in rows for _ in range(2)) for name, rows in states.items()}
        outputs *= 2
    return Sizes(
        cell=cell,
        input_size=settings["input_size"],
        embedding=settings["embedding"],
        hidden_sizes=widths,
        output_size=settings["output_size"],
        tied=settings["tied"],
        forget_bias=float(settings["forget_bias"]),
        options={name: settings.get(name, False) for name in OPTIONS},
        dtype=DTYPES[as_dtype(settings["dtype"])],
        states=states,
        outputs=settings["output_size"] or outputs,
        state=sum(map(sum, states.values())),
        values=values,
        attends=attends,
    )
