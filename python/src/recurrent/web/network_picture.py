"""The picture of a network: the expression graph of one time step, from a character to the loss of the next."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .. import _c
from ..graph import Graph
from ..mat import Mat
from ..names import DType
from ..nn.network import Network


def picture(network: Network) -> str:
    """Returns the expression graph of one time step as SVG; the states are zero and the character is token 1."""
    weights, cell = network.parameters, network.cell
    names: dict[str, Mat] = dict(weights)
    with Graph() as graph:
        if "Wil" in weights:
            x = graph.row_pluck(weights["Wil"], 1)
        else:
            x = names["character"] = Mat(network.input_size, 1, network.dtype)
            x.w[1] = 1
        own = _own_cell(network)
        for k, size in enumerate(network.hidden_sizes):
            if own:
                x = _layer(graph, names, own, k, x, network.dtype)
                continue
            h = names[f"h{k}"] = Mat(size, 1, network.dtype)
            if cell == "lstm":
                c = names[f"c{k}"] = Mat(size, 1, network.dtype)
                x = _lstm(graph, weights, k, x, h, c)
            elif cell in ("gru", "gru_reset_before"):
                x = _gru(graph, weights, k, x, h, reset_after=cell == "gru")
            else:
                z = _affine(graph, weights, k, x, h, "Wxh", "Whh", "bhh")
                x = graph.relu(z) if cell == "rnn_relu" else graph.tanh(z)
        graph.cross_entropy(graph.add(graph.mul(weights["Whd"], x), weights["bd"]), 0)
        return str(graph.svg(names))


def _affine(
    graph: Graph, weights: Mapping[str, Mat], k: int, x: Mat, h: Mat, input: str, recurrent: str, bias: str
) -> Mat:
    """Records Wx x + Wh h + b of layer ``k``."""
    Wx, Wh, b = (weights[f"{name}{k}"] for name in (input, recurrent, bias))
    return graph.add(graph.add(graph.mul(Wx, x), graph.mul(Wh, h)), b)


def _lstm(graph: Graph, weights: Mapping[str, Mat], k: int, x: Mat, h: Mat, c: Mat) -> Mat:
    """Records an LSTM: c' = f c + i tanh(z), h' = o tanh(c')."""

    def gate(letter: str) -> Mat:
        return _affine(graph, weights, k, x, h, f"W{letter}x", f"W{letter}h", f"b{letter}")

    i, f, o = (graph.sigmoid(gate(letter)) for letter in "ifo")
    c = graph.add(graph.eltmul(f, c), graph.eltmul(i, graph.tanh(gate("c"))))
    return graph.eltmul(o, graph.tanh(c))


def _gru(graph: Graph, weights: Mapping[str, Mat], k: int, x: Mat, h: Mat, reset_after: bool) -> Mat:
    """Records a GRU: r, z = σ(…), n = tanh(Wnx x + bn + r (Wnh h + bnh)), h' = n + z (h - n)."""
    r, z = (
        graph.sigmoid(_affine(graph, weights, k, x, h, f"W{letter}x", f"W{letter}h", f"b{letter}"))
        for letter in "rz"
    )
    from_input = graph.add(graph.mul(weights[f"Wnx{k}"], x), weights[f"bn{k}"])
    if reset_after:
        from_state = graph.eltmul(r, graph.add(graph.mul(weights[f"Wnh{k}"], h), weights[f"bnh{k}"]))
    else:
        from_state = graph.mul(weights[f"Wnh{k}"], graph.eltmul(r, h))
    n = graph.tanh(graph.add(from_input, from_state))
    return graph.add(n, graph.eltmul(z, graph.sub(h, n)))


def _own_cell(network: Network) -> dict[str, Any] | None:
    """Returns a recorded cell of the user's own; None for a built-in one."""
    cell = json.loads(_c.written(_c.lib.recurrent_network_describe, network._handle.value))["cell"]
    return None if isinstance(cell, str) else cell


def _layer(graph: Graph, names: dict[str, Mat], cell: Mapping[str, Any], k: int, x: Mat, dtype: DType) -> Mat:
    """Records the operations of a layer's program; returns its output."""
    program = cell["layers"][k]
    values: dict[str, Mat] = {"x": x}
    for s, (name, rows) in enumerate(zip(cell["states"], program["states"])):
        values[f"s{s}"] = names[f"{name}{k}"] = Mat(rows, 1, dtype)
    for p, parameter in enumerate(program["parameters"]):
        parts = [names[f"{part}{k}"] for part in parameter["parts"] or [parameter["name"]]]
        values[f"p{p}"] = graph.concat_rows(parts) if len(parts) > 1 else parts[0]
    for v, (name, *operands) in enumerate(program["operations"]):
        numbers = [operand for operand in operands if not isinstance(operand, list)]
        mats = [_view(values, operand) for operand in operands if isinstance(operand, list)]
        # the picture is that of evaluation, and of a first time step
        if name in ("dropout", "variational_dropout"):
            result = mats[0]
        elif name == "zoneout":
            result = graph.add(graph.scale(mats[0], 1 - numbers[0]), graph.scale(mats[1], numbers[0]))
        elif name == "attend":
            result = mats[2]
        else:
            operation = getattr(graph, name)
            result = operation(mats) if name == "concat_rows" else operation(*mats, *numbers)
        values[f"v{v}"] = result
    return _view(values, program["next"][0])


def _view(values: Mapping[str, Mat], operand: list[Any]) -> Mat:
    """Returns an operand of a program: rows of a value, or part of a parameter."""
    value, place = values[operand[0]], operand[1:]
    if len(place) == 2:
        place = [place[0], 0, place[1], value.d]
    row, column, n, d = place
    return value if (n, d) == (value.n, value.d) else value.view(row, column, n, d)
