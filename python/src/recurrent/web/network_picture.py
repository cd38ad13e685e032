"""The picture of a network: the expression graph of one time step, from a character to the loss of the next."""

from __future__ import annotations

from collections.abc import Mapping

from ..graph import Graph
from ..mat import Mat
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
        for k, size in enumerate(network.hidden_sizes):
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
