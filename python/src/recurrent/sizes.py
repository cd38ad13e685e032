"""Sizes of a network, as the library knows them: what every buffer of a call is sized by."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from . import _c
from ._checks import DTYPES, as_dtype

_lib = _c.lib


class Sizes(NamedTuple):
    """The architecture of a network, which nothing changes."""

    cell: str
    input_size: int
    embedding: int | None
    hidden_sizes: tuple[int, ...]
    output_size: int | None
    tied: bool
    forget_bias: float
    dtype: np.dtype[Any]
    has_cell: bool
    outputs: int
    """Elements of an output vector."""
    state: int
    """Elements of the state of one sequence."""


@lru_cache(maxsize=1024)
def sizes_of(network: int) -> Sizes:
    """Returns the sizes of a network by its handle, which never stands for another network."""
    settings = json.loads(_c.written(_lib.recurrent_network_describe, network))
    widths, has_cell = tuple(settings["hidden_sizes"]), settings["cell"] == "lstm"
    return Sizes(
        cell=settings["cell"],
        input_size=settings["input_size"],
        embedding=settings["embedding"],
        hidden_sizes=widths,
        output_size=settings["output_size"],
        tied=settings["tied"],
        forget_bias=float(settings["forget_bias"]),
        dtype=DTYPES[as_dtype(settings["dtype"])],
        has_cell=has_cell,
        outputs=settings["output_size"] or widths[-1],
        state=sum(widths) * (2 if has_cell else 1),
    )
