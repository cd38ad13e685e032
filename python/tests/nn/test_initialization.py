"""Initial values of matrices and biases by name."""

import numpy as np
import pytest

import recurrent
from recurrent.parameters import CELLS

GATES = {
    "lstm": "ifoc",
    "lstm_peephole": "ifoc",
    "lstm_coupled": "ioc",
    "gru": "rzn",
    "gru_reset_before": "rzn",
}
CLOSE = {"rtol": 1e-12, "atol": 1e-13}


def names(net, cell, operand):
    """The matrices of the gates whose operand is x or h."""
    if cell in ("rnn_tanh", "rnn_relu"):
        return [f"W{operand}h{k}" for k in range(len(net.hidden_sizes))]
    gates = GATES.get(
        cell, {"min_gru": "zn", "min_lstm": "ifc", "sru": "cfrk", "mgu": "fn", "li_gru": "zn"}.get(cell, "")
    )
    return [f"W{gate}{operand}{k}" for k in range(len(net.hidden_sizes)) for gate in gates]


@pytest.mark.parametrize("cell", [cell for cell in CELLS if not cell.startswith(("min_", "ind_", "sru"))])
def test_orthogonal_recurrent_matrices(cell):
    """Each gate's is Q of NumPy's decomposition of the same draws, with the signs of a positive diagonal of R."""
    net, twin = (recurrent.Network(cell, 5, [7, 4], 3, dtype="float64", rng=1) for _ in range(2))
    net.initialize(recurrent="orthogonal", rng=9)
    draws, changed = recurrent.Random(9), names(net, cell, "h")
    for name in changed:
        W = net.parameters[name].w
        n = len(W)
        Q, R = np.linalg.qr(draws.gaussian(count=n * n).reshape(n, n).T)
        np.testing.assert_allclose(W, Q * np.sign(np.diag(R)), rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(W.T @ W, np.eye(n), atol=1e-14)
    for name, mat in net.parameters.items():
        assert name in changed or (mat.w == twin.parameters[name].w).all(), name


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell != "ind_rnn"])
def test_input_matrices(cell):
    net = recurrent.Network(cell, 40, [9, 30], dtype="float64", rng=1)
    net.initialize(input="orthogonal", rng=2)
    for name in names(net, cell, "x"):
        W = net.parameters[name].w
        product = W @ W.T if W.shape[0] < W.shape[1] else W.T @ W
        np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-14)
    net.initialize(input="glorot", rng=2)
    for name in names(net, cell, "x"):
        W = net.parameters[name].w
        bound = np.sqrt(6 / sum(W.shape))
        assert bound * 0.9 < np.abs(W).max() < bound and abs(W.std() - bound / np.sqrt(3)) < bound / 10
    net.initialize(input="identity")
    for name in names(net, cell, "x"):
        assert (net.parameters[name].w == np.eye(*net.parameters[name].shape)).all()


def test_a_layer_that_remembers():
    """A ReLU layer with the identity keeps what it reads: the IRNN."""
    net = recurrent.RNN(2, [3], nonlinearity="relu", dtype="float64", rng=1)
    net.initialize(recurrent="identity")
    assert (net.parameters["Whh0"].w == np.eye(3)).all()
    x = np.zeros((50, 1, 2))
    x[0] = 1
    y, _ = net.forward(x)
    assert (y == y[0]).all()


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_chrono(cell, bidirectional):
    """exp of the biases is uniform on [1, T - 1), and a gate keeps u/(1 + u) of the state."""
    net = recurrent.Network(cell, 2, [300] * 2, dtype="float64", rng=1, bidirectional=bidirectional)
    before = net.flat.w.copy()
    signs = {
        "lstm": {"bf": 1, "bi": -1}, "lstm_peephole": {"bf": 1, "bi": -1}, "min_lstm": {"bf": 1, "bi": -1},
        "lstm_coupled": {"bi": -1}, "gru": {"bz": 1}, "gru_reset_before": {"bz": 1}, "min_gru": {"bz": -1},
    }.get(cell)  # fmt: skip
    if signs is None:
        with pytest.raises(ValueError, match=f"{cell} has no gates that forget; expected an LSTM"):
            net.initialize(chrono=20)
        return
    net.initialize(chrono=20, rng=5)
    draws, changed = recurrent.Random(5), 0
    for k in ("0", "0r", "1", "1r") if bidirectional else ("0", "1"):
        expected = np.log(draws.uniform(1, 19, count=300))
        for name, sign in signs.items():
            np.testing.assert_allclose(net.parameters[name + k].w[:, 0], sign * expected, **CLOSE)
            changed += 300
        assert 1 < np.exp(expected).min() < 1.3 and 18.7 < np.exp(expected).max() < 19
    assert (net.flat.w != before).sum() == changed


def test_many_layers_and_cells_of_the_users_own():
    net = recurrent.LSTM(2, [2] * 11, dtype="float64", rng=1, bidirectional=True)
    net.initialize(recurrent="identity", input="glorot", rng=1)
    for k in range(11):
        assert (net.parameters[f"Wch{k}r"].w == np.eye(2)).all()
        assert np.abs(net.parameters[f"Wcx{k}r"].w).max() > 0.1
    cell = recurrent.Cell.of(
        lambda x, h, p: (p.Wx @ x + p.Wh @ h + p.A @ h).tanh(),
        lambda rows, H: {"Wx": (H, rows), "Wh": (H, H), "A": (H, H)},
    )
    own = recurrent.Network(cell, 3, [4], rng=1)
    A = own.parameters["A0"].w.copy()
    own.initialize(recurrent="identity")
    assert (own.parameters["Wh0"].w == np.eye(4)).all() and (own.parameters["A0"].w == A).all()
    model = recurrent.TextModel(hidden_sizes=[6], rng=1).build("abc")
    model.network.initialize(recurrent="orthogonal", chrono=10, rng=1)
    assert (model.parameters["bf0"].w > 0).all()


def test_refused():
    random = recurrent.Random(1)
    for net, settings, error, words in (
        (recurrent.GRU(3, [2], rng=1), {"recurrent": "normal"}, ValueError, "recurrent is unknown"),
        (
            recurrent.GRU(3, [2], rng=1),
            {"input": []},
            TypeError,
            "input .*expected a name or a number, got list",
        ),
        (
            recurrent.GRU(3, [2], rng=1),
            {"input": -1},
            ValueError,
            "input is out of range; expected at least 0",
        ),
        (
            recurrent.GRU(3, [2], rng=1),
            {"chrono": 2},
            ValueError,
            r"chrono is out of range; .*above 2, got 2",
        ),
        (recurrent.GRU(3, [2], rng=1), {"chrono": np.nan}, ValueError, "chrono is"),
        (recurrent.GRU(3, [2], rng=1), {"chrono": "9"}, TypeError, "chrono has the wrong type"),
        (
            recurrent.Network("min_gru", 3, [2], rng=1),
            {"input": "glorot", "recurrent": "orthogonal"},
            ValueError,
            r"min_gru has no recurrent matrices; expected names such as Wh0, got Wzx0",
        ),
        (
            recurrent.RNN(3, [2], rng=1),
            {"recurrent": "orthogonal", "chrono": 9},
            ValueError,
            "rnn_tanh has no gates that forget",
        ),
    ):
        before, drawn = net.flat.w.copy(), random.state
        with pytest.raises(error, match=words):
            net.initialize(**settings, rng=random)
        assert (net.flat.w == before).all() and random.state == drawn
