"""The layers of a network as a table."""

from __future__ import annotations

import html
import re
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..parameters import Parameters
from ..sizes import sizes_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEAD = ("layer", "cell", "input", "output", "count", "bytes", "parameters")
# the columns of numbers
_RIGHT = {2, 3, 4, 5}
# characters of a line of parameters
_WIDTH = 60
_STYLE = """\
.recurrent-summary table{border-collapse:collapse;font:13px/1.5 system-ui,sans-serif;margin:.3em 0}
.recurrent-summary td,.recurrent-summary th{text-align:left;padding:.1em .8em;border-bottom:1px solid #8884}
.recurrent-summary .number{text-align:right;font-variant-numeric:tabular-nums}
.recurrent-summary p{margin:.2em 0;font:13px/1.5 system-ui,sans-serif}
"""


@dataclass(frozen=True)
class LayerSummary:
    """A layer of a network: the embedding, a recurrent layer in one direction, or the decoder.

    Parameters
    ----------
    name : str
        ``embedding``, ``layer 0``, ``layer 0 reverse``, …, ``decoder``.
    cell : str
        The name of the cell; ``table`` of an embedding, ``linear`` of a decoder.
    input_size, output_size : int
        Elements of an input and of an output vector.
    parameters : dict of str to (int, int)
        The shape of each parameter by name.
    count : int
        The number of weights.
    bytes : int
        The memory of the weights; that of their gradients is as much again.
    """

    name: str
    cell: str
    input_size: int
    output_size: int
    parameters: dict[str, tuple[int, int]]
    count: int
    bytes: int


@dataclass(frozen=True)
class Summary:
    """The layers of a network with their parameters, as a table in text and in notebooks.

    Parameters
    ----------
    title : str
        The network, in a line.
    layers : tuple of LayerSummary
        The layers, bottom first.
    parameters : int
        The number of weights of all layers.
    bytes : int
        The memory of all weights.
    dtype : numpy.dtype
        The type of the weights.

    Examples
    --------
    >>> import recurrent
    >>> summary = recurrent.GRU(65, [128, 128], 65, embedding=32, rng=1).summary()
    >>> [(layer.name, layer.count) for layer in summary.layers]
    [('embedding', 2080), ('layer 0', 61952), ('layer 1', 98816), ('decoder', 8385)]
    >>> summary.parameters, summary.bytes, summary.dtype
    (171233, 684932, dtype('float32'))
    """

    title: str
    layers: tuple[LayerSummary, ...]
    parameters: int
    bytes: int
    dtype: np.dtype[Any]

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [_HEAD]
        for *cells, parameters in self._rows():
            first, *others = textwrap.wrap(parameters, _WIDTH) or [""]
            rows.append((*cells, first))
            rows += [("",) * len(cells) + (line,) for line in others]
        widths = [max(len(row[k]) for row in rows) for k in range(len(_HEAD))]
        lines = [
            "  ".join(
                cell.rjust(width) if k in _RIGHT else cell.ljust(width)
                for k, (cell, width) in enumerate(zip(row, widths))
            ).rstrip()
            for row in rows
        ]
        rule = "-" * max(map(len, lines))
        # a name and its shape stay in one line
        body = "\n".join([rule, lines[0], rule, *lines[1:], rule]).replace("\u00a0", " ")
        return f"{self.title}\n{body}\n{self._total()}"

    def _repr_html_(self) -> str:
        def row(cells: tuple[str, ...], tag: str) -> str:
            marks = ['class="number"' if k in _RIGHT else "" for k in range(len(cells))]
            return "".join(
                f"<{tag} {mark}>{html.escape(cell)}</{tag}>" for cell, mark in zip(cells, marks)
            ).replace(" >", ">")

        body = "".join(f"<tr>{row(cells, 'td')}</tr>" for cells in self._rows())
        return (
            f'<div class="recurrent-summary"><style>{_STYLE}</style><p>{html.escape(self.title)}</p>'
            f"<table><tr>{row(_HEAD, 'th')}</tr>{body}</table><p>{html.escape(self._total())}</p></div>"
        )

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (
                layer.name,
                layer.cell,
                f"{layer.input_size:,}",
                f"{layer.output_size:,}",
                f"{layer.count:,}",
                f"{layer.bytes:,}",
                ", ".join(f"{name}\u00a0{n}×{d}" for name, (n, d) in layer.parameters.items()),
            )
            for layer in self.layers
        ]

    def _total(self) -> str:
        return f"{self.parameters:,} parameters of {self.dtype}, {self.bytes:,} bytes"


def summarize(network: int, parameters: Parameters, title: str) -> Summary:
    """Returns the summary of a network by its handle."""
    sizes = sizes_of(network)
    shapes = {name: mat.shape for name, mat in parameters.items()}
    item = sizes.dtype.itemsize
    layers: list[LayerSummary] = []

    def add(name: str, cell: str, inputs: int, outputs: int, own: Mapping[str, tuple[int, int]]) -> None:
        count = sum(n * d for n, d in own.values())
        layers.append(LayerSummary(name, cell, inputs, outputs, dict(own), count, count * item))

    width = sizes.input_size
    if sizes.embedding:
        own: dict[str, tuple[int, int]] = {"Wil": shapes.pop("Wil")}
        add("embedding", "table", width, sizes.embedding, own)
        width = sizes.embedding
    decoder = {name: shapes.pop(name) for name in list(shapes) if name in ("Whd", "bd")}
    # the first state is the output
    outputs = next(iter(sizes.states.values()))
    for k, suffix in enumerate(sizes.suffixes()):
        # no parameter's own name ends in a digit
        own = {name: shape for name, shape in shapes.items() if re.search(rf"\D{suffix}$", name)}
        add(
            f"layer {suffix[:-1]} reverse" if suffix.endswith("r") else f"layer {suffix}",
            sizes.cell,
            width,
            outputs[k],
            own,
        )
        if k % sizes.directions == sizes.directions - 1:
            width = outputs[k] * sizes.directions
    if sizes.output_size:
        add("decoder", "linear, tied" if sizes.tied else "linear", width, sizes.output_size, decoder)
    return Summary(title, tuple(layers), parameters.flat.n, parameters.flat.n * item, sizes.dtype)
