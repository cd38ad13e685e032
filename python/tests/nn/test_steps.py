"""The cells of the library that are steps: outputs, states and gradients as published implementations have them.

The figures of ``fixtures/cells`` come from a NumPy implementation in float64, checked against minGRU-pytorch, haste,
torchrecurrent, ONNX Runtime and PyTorch's autograd.
"""

import numpy as np
import pytest

import recurrent
from golden import check, figures
from recurrent.parameters import CELLS, CELLS_WITH_GATES

STEPS = CELLS[len(CELLS_WITH_GATES) :]
# without published figures: test_equations
WITHOUT_FIGURES = ("mgu", "li_gru")
steps = pytest.mark.parametrize("cell", STEPS)


@pytest.mark.parametrize("cell", [cell for cell in STEPS if cell not in WITHOUT_FIGURES])
def test_published_figures(cell):
    golden = figures(cell)
    x, layers = np.array(golden["inputs"]["x"]), golden["options"].get("layers", 1)
    hidden = [np.array(golden["inputs"].get("h0", golden["inputs"].get("c0"))).shape[1]] * layers
    net = recurrent.Network(cell, x.shape[2], hidden, dtype="float64", rng=1)
    check(net, golden)


@steps
def test_a_model_of_text(cell, tmp_path):
    text = "hello help " * 60
    model = recurrent.TextModel(cell, [24, 24], rng=1)
    history = model.fit(
        text, 120, batch_size=4, seq_length=11, optimizer=recurrent.Adam(0.02), progress=False,
        checkpoint=tmp_path / "model",
    )  # fmt: skip
    assert history.train[-1][1] < 0.6
    loaded = recurrent.TextModel.load(tmp_path / "model")
    assert loaded.cell == cell and loaded.sample(20, "he", rng=1) == model.sample(20, "he", rng=1)


@pytest.mark.parametrize("cell", WITHOUT_FIGURES)
def test_equations(cell):
    """One time step after another in NumPy; gradients by central differences."""
    rng = np.random.default_rng(3)
    net = recurrent.Network(cell, 3, [4], dtype="float64", rng=1)
    weights = rng.normal(size=net.flat.w.shape)
    x, h = rng.normal(size=(5, 2, 3)), rng.normal(size=(2, 4))

    def sigmoid(v):
        return 1 / (1 + np.exp(-v))

    def normalized(v):
        return (v - v.mean(0)) / np.sqrt(v.var(0) + 1e-5)

    def step(p, x, h):
        if cell == "mgu":
            f = sigmoid(p["Wfx0"] @ x + p["Wfh0"] @ h + p["bf0"])
            return (1 - f) * h + f * np.tanh(p["Wnx0"] @ x + p["Wnh0"] @ (f * h) + p["bn0"])
        z = sigmoid(normalized(p["Wzx0"] @ x) * p["gz0"] + p["bz0"] + p["Wzh0"] @ h)
        n = np.maximum(normalized(p["Wnx0"] @ x) * p["gn0"] + p["bn0"] + p["Wnh0"] @ h, 0)
        return z * h + (1 - z) * n

    def outputs(weights):
        net.flat.w = weights
        p, now, ys = {name: mat.w.copy() for name, mat in net.parameters.items()}, h.T, []
        for xt in x:
            now = step(p, xt.T, now)
            ys.append(now.T)
        return np.array(ys)

    expected = outputs(weights)
    y, _ = net.forward(x, {"h": [h]})
    np.testing.assert_allclose(y, expected, rtol=1e-12)
    upstream = rng.normal(size=y.shape)
    net.backward(upstream)
    gradient, width = net.flat.dw.copy(), 1e-6
    for i in range(len(weights)):
        up, down = weights.copy(), weights.copy()
        up[i] += width
        down[i] -= width
        slope = np.sum(upstream * (outputs(up) - outputs(down))) / (2 * width)
        np.testing.assert_allclose(gradient[i, 0], slope, rtol=1e-6, atol=1e-8)


def test_extreme_gates():
    """Gates that are both closed far below give no 0/0."""
    net = recurrent.Network("min_lstm", 1, [1], dtype="float64", rng=1)
    net.flat.w = np.zeros(net.flat.w.shape)
    for name, value in (("bi0", -800.0), ("bf0", -800.0), ("bc0", 2.0)):
        net.parameters[name].w = np.full((1, 1), value)
    y, _ = net.forward(np.ones((3, 1, 1)), {"h": [np.full((1, 1), 4.0)]})
    np.testing.assert_allclose(y[:, 0, 0], [3.25, 2.875, 2.6875], rtol=1e-12)
