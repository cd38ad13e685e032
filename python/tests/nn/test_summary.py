"""The table of a network's layers, compared with its parameters."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

import recurrent
from recurrent.parameters import CELLS


class Own(recurrent.Cell):
    states = ("h", "m")

    def rows(self, H):
        return (2 * H, H)

    def parameters(self, I, H):  # noqa: E741 (the equations' letter)
        return {"W": (H, I), "W1r": (H, 2 * H), "r": (H, 1)}

    def step(self, x, h, m, p):
        m = (p.W @ x + p.W1r @ h + p.r + m).tanh()
        return h * 0.5, m


OPTIONS = [
    {},
    {"embedding": 3},
    {"tied": True},
    {"bidirectional": True},
    {"learned_initial_state": True, "bidirectional": True, "embedding": 3},
]


@pytest.mark.parametrize("cell", [*CELLS, Own(), recurrent.LSTMCell(norm="joint", projection=3)], ids=str)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_parameter_is_in_its_layer(cell, options):
    tied = "tied" in options
    if tied and not isinstance(cell, str):
        pytest.skip("the output is not as wide as the layer")
    net = recurrent.Network(cell, 6, [4] * 12, None if tied else 5, dtype="float64", rng=1, **options)
    summary = net.summary()
    # every parameter once, with its shape
    found = [(name, shape) for layer in summary.layers for name, shape in layer.parameters.items()]
    assert sorted(found) == sorted((name, mat.shape) for name, mat in net.parameters.items())
    assert summary.parameters == sum(layer.count for layer in summary.layers) == net.flat.n
    assert summary.bytes == sum(layer.bytes for layer in summary.layers) == net.flat.w.nbytes
    assert summary.dtype == np.float64
    for layer in summary.layers:
        assert layer.count == sum(n * d for n, d in layer.parameters.values())
        kind, _, number = layer.name.partition(" ")
        if kind == "layer":
            suffix = number.replace(" reverse", "r")
            assert layer.cell == net.cell and layer.parameters
            for name in layer.parameters:
                assert name.endswith(suffix) and not name[: -len(suffix)][-1].isdigit()
    # what a layer reads is what the layer below writes
    sides = 2 if options.get("bidirectional") else 1
    layers = [layer for layer in summary.layers if layer.name.startswith("layer")]
    assert len(layers) == 12 * sides
    for below, above in zip(layers[::sides], layers[sides::sides]):
        assert above.input_size == below.output_size * sides
    assert summary.layers[0].input_size == 6 and summary.layers[-1].output_size == (6 if tied else 5)
    names = [layer.name for layer in summary.layers]
    assert ("embedding" in names) == bool(options.get("embedding") or tied)


def test_as_text():
    net = recurrent.GRU(65, [12, 8], 65, embedding=4, rng=0)
    lines = str(net.summary()).splitlines()
    assert lines[0] == repr(net) and lines[-1] == "1,981 parameters of float32, 7,924 bytes"
    assert lines[2].split() == ["layer", "cell", "input", "output", "count", "bytes", "parameters"]
    assert lines[4].split() == ["embedding", "table", "65", "4", "260", "1,040", "Wil", "65×4"]
    # many parameters continue below the first
    assert max(map(len, lines)) <= 120
    start = lines[2].index("parameters")
    joined = " ".join(line[start:] for line in lines[4:-2])
    assert all(f"{name} {mat.n}×{mat.d}" in joined for name, mat in net.parameters.items())


def test_as_html():
    net = recurrent.LSTM(3, [4], rng=0)
    page = ElementTree.fromstring(net._repr_html_())
    rows = [[cell.text for cell in row] for row in page.iter("tr")]
    assert rows[1][:6] == ["layer 0", "lstm", "3", "4", "128", "512"]
    # the angle brackets of the title are text
    assert next(page.iter("p")).text == repr(net)


def test_text_models():
    model = recurrent.TextModel("gru", [4], rng=1)
    assert model._repr_html_() == f"<pre>{repr(model).replace('<', '&lt;').replace('>', '&gt;')}</pre>"
    with pytest.raises(RuntimeError):
        model.summary()
    model.build("abcd")
    assert model.summary().layers == model.network.summary().layers and model.summary().title == repr(model)
    assert "<svg" not in model._repr_html_()
    model.fit("abcd" * 30, 2, batch_size=2, seq_length=4, progress=False)
    page = model._repr_html_()
    assert "<table>" in page and "<svg" in page
