"""The options of the layers, which work with every cell: learned initial states."""

import copy

import numpy as np
import pytest

import recurrent
from recurrent.parameters import CELLS
from text_models import lesson, train


class Crossed(recurrent.Cell):
    """Two states of different height, each of which reads the other."""

    states = ("s", "h")

    def rows(self, H):
        return [H + 1, H]

    def parameters(self, I, H):  # noqa: E741
        return {"W": (H + 1, I), "A": (H + 1, H), "U": (H, I), "B": (H, H + 1)}

    def step(self, x, s, h, p):
        return (p.W @ x + p.A @ h).tanh(), (p.U @ x + p.B @ s).tanh()


every_cell = pytest.mark.parametrize("cell", [*CELLS, Crossed()], ids=str)


def network(cell, *sizes, seed=3, **settings):
    """A network of random weights, initial states included."""
    net = recurrent.Network(cell, *sizes, dtype="float64", rng=1, **settings)
    net.flat.w = np.random.default_rng(seed).normal(scale=0.5, size=net.flat.shape)
    return net


def twin_of(net, cell, *sizes, **settings):
    """A network without the options, of the same weights."""
    plain = recurrent.Network(cell, *sizes, dtype="float64", rng=1, **settings)
    for name, mat in plain.parameters.items():
        mat.w = net.parameters[name].w
    return plain


@every_cell
def test_learned_initial_states(cell):
    """They are the state of every sequence that begins, and their gradient is the sum over the sequences."""
    sizes = (4, [5, 3], 4)
    net = network(cell, *sizes, learned_initial_state=True)
    plain = twin_of(net, cell, *sizes)
    own = [f"{state}s{k}" for k in range(2) for state in net.zero_state().names]
    assert set(net.parameters) - set(plain.parameters) == set(own)
    start = net.initial_state(3)
    for state in start.names:
        for k in range(2):
            assert (start[state][k] == net.parameters[f"{state}s{k}"].w[:, 0]).all()
    rng = np.random.default_rng(0)
    x, dy, lengths = rng.normal(size=(6, 3, 4)), rng.normal(size=(6, 3, 4)), [6, 0, 4]
    for counts in (None, lengths):
        (y, after), (expected, end) = net.forward(x, lengths=counts), plain.forward(x, start, counts)
        assert (y == expected).all() and (after.flat == end.flat).all()
        net.flat.zero_gradient()
        plain.flat.zero_gradient()
        (dx, dstart), (expected_dx, expected_dstart) = net.backward(dy, after), plain.backward(dy, end)
        assert (dx == expected_dx).all() and (dstart.flat == expected_dstart.flat).all()
        for name, mat in plain.parameters.items():
            assert (net.parameters[name].dw == mat.dw).all(), name
        for k in range(2):
            for state in start.names:
                gradient = net.parameters[f"{state}s{k}"].dw
                np.testing.assert_allclose(gradient[:, 0], dstart[state][k].sum(0), rtol=1e-14, atol=1e-15)
                assert (gradient != 0).any()
    # a state that is given replaces them, and they have no gradient
    net.flat.zero_gradient()
    given = net.zero_state(3)
    assert (net.forward(x, given)[0] == plain.forward(x, given)[0]).all()
    net.backward(dy)
    assert all((net.parameters[name].dw == 0).all() for name in own)
    # tokens, generation, search and activations begin with them
    tokens = rng.integers(0, 4, (6, 3))
    one = net.initial_state()
    assert (net.forward(tokens)[0] == plain.forward(tokens, start)[0]).all()
    assert (net.generate(9, [1], rng=2) == plain.generate(9, [1], state=one, rng=2)).all()
    assert list(net.stream(9, [1], rng=2)) == list(plain.stream(9, [1], state=one, rng=2))
    for (a, p), (b, q) in zip(net.beam_search(5, [1], 3), plain.beam_search(5, [1], 3, one)):
        assert (a == b).all() and p == q
    for name, values in net.activations(x).items():
        assert (values == plain.activations(x, start)[name]).all(), name


@every_cell
def test_learned_initial_states_are_trained(cell):
    """They move from zero, and a copy of the network has them."""
    net = network(cell, 3, [6], 3, learned_initial_state=True)
    for name, mat in net.parameters.items():
        if name.endswith("s0"):
            mat.w = np.zeros((6 + (mat.n > 6), 1))
    x, targets = np.zeros((2, 2, 3)), [[2, 2], [0, 0]]
    solver, losses = recurrent.Adam(0.05), []
    for _ in range(80):
        losses.append(net.train_step(x, targets, solver).loss)
    assert losses[-1] < losses[0] / 4
    assert all((mat.w != 0).any() for name, mat in net.parameters.items() if name.endswith("s0"))
    other = copy.deepcopy(net)
    assert (other.forward(x)[0] == net.forward(x)[0]).all() and other.learned_initial_state


@pytest.mark.parametrize("cell", ["lstm", "gru", "min_gru", Crossed()], ids=str)
def test_a_text_model_with_options(cell, tmp_path):
    """Training, evaluation, samples, a file, and the same bits after it."""
    options = {"learned_initial_state": True}
    model = lesson(cell, 4, **options)
    assert model.options == options and model.network.learned_initial_state
    model.reset_state()
    train(model, 2)
    assert all((mat.w != 0).all() for name, mat in model.parameters.items() if name.endswith("s0"))
    network, tokens = model.network, model.encode("the quick brown fox")
    scores, _ = network.forward(tokens[:-1, None], network.initial_state())
    p = scores[:, 0] - np.log(np.exp(scores[:, 0]).sum(1, keepdims=True))
    assert abs(model.evaluate(tokens) + p[np.arange(len(p)), tokens[1:]].mean()) < 1e-12
    model.save(tmp_path / "model")
    loaded = recurrent.TextModel.load(tmp_path / "model")
    assert loaded.options == options and repr(loaded.network) == repr(network)
    assert loaded.sample(30, rng=1) == model.sample(30, rng=1)
    for each in (model, loaded):
        train(each, 2)
        each.reset_state()
        train(each, 1)
    assert (loaded.flat.w == model.flat.w).all()


def test_options_refused():
    for wrong in (1, "yes", None):
        for make in (recurrent.LSTM, recurrent.GRU, recurrent.RNN):
            with pytest.raises(TypeError, match="learned_initial_state has the wrong type; expected"):
                make(3, [2], learned_initial_state=wrong)
        with pytest.raises(TypeError, match="learned_initial_state has the wrong type; expected"):
            recurrent.TextModel(hidden_sizes=[2], learned_initial_state=wrong)
    net = recurrent.LSTM(3, [2], learned_initial_state=True, rng=1)
    weights = recurrent.LSTM(3, [2], rng=1).to_torch()
    for call in (net.to_torch, lambda: net.load_torch(weights)):
        with pytest.raises(ValueError, match=r"wrong options; .*got learned_initial_state"):
            call()
    cell = recurrent.Cell.of(lambda x, h, p: p.hs + p.W @ x, lambda rows, H: {"hs": (H, 1), "W": (H, rows)})
    with pytest.raises(ValueError, match=r"parameter hs0 exists twice; expected names that differ"):
        recurrent.Network(cell, 3, [2], learned_initial_state=True)
    with pytest.raises(ValueError, match="batch_size is out of range"):
        net.initial_state(0)


def test_a_cause_that_is_not_finite():
    net = recurrent.LSTM(3, [2, 2], 2, learned_initial_state=True, rng=1)
    net.parameters["cs1"].w = [[0], [np.inf]]
    with pytest.raises(FloatingPointError, match=r"cs1 is not finite; .*got inf at \[1, 0\]"):
        net.train_step(np.zeros((2, 1, 3)), [[0], [1]], recurrent.SGD(0.1))
