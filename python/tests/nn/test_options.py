"""The options of the layers, which work with every cell, by themselves and together."""

import copy

import numpy as np
import pytest

import recurrent
from golden import check, figures
from recurrent.introspection import activations as introspection
from recurrent.parameters import CELLS
from recurrent.sizes import OPTIONS, TEXT_OPTIONS
from recurrent.text.language_model import _new_model
from support import dropped_by
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
                # no step of an sru reads the output before it
                assert (gradient != 0).any() or (cell, state) == ("sru", "h")
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
    read = [name for name in net.parameters if name.endswith("s0") and (cell, name) != ("sru", "hs0")]
    assert all((net.parameters[name].w != 0).any() for name in read)
    other = copy.deepcopy(net)
    assert (other.forward(x)[0] == net.forward(x)[0]).all() and other.learned_initial_state


def test_published_figures_of_residual_connections():
    check(recurrent.LSTM(4, [6] * 3, dtype="float64", residual=True), figures("lstm_residual"))


@every_cell
def test_residual_connections(cell):
    """Each layer by itself, its input added to its output: in sequences, with dropout, in generation and search."""
    net = network(cell, 5, [4] * 3, 5, residual=True)
    own = isinstance(cell, Crossed)
    if own:
        # the outputs of a layer of 4 units have 5 rows
        assert net.zero_state()["s"][0].shape == (1, 5)
    wide, rng = 5 if own else 4, np.random.default_rng(4)
    layers = [recurrent.Network(cell, 5 if k == 0 else wide, [4], dtype="float64") for k in range(3)]
    for k, layer in enumerate(layers):
        for name, mat in layer.parameters.items():
            mat.w = net.parameters[f"{name[:-1]}{k}"].w
    W, b = net.parameters["Whd"].w, net.parameters["bd"].w[:, 0]
    x, lengths = rng.normal(size=(6, 3, 5)), [6, 2, 0]

    def outputs(x, lengths=None, masks=(1, 1)):
        below, after = layers[0].forward(x, lengths=lengths)
        states = [after]
        for layer, mask in zip(layers[1:], masks):
            above, after = layer.forward(below * mask, lengths=lengths)
            states.append(after)
            below = below + above
        y = below @ W.T + b
        return (
            y if lengths is None else y * (np.arange(len(x))[:, None, None] < np.array(lengths)[:, None])
        ), states

    close = {"rtol": 1e-12, "atol": 1e-13}
    for counts in (None, lengths):
        y, after = net.forward(x, lengths=counts)
        expected, states = outputs(x, counts)
        np.testing.assert_allclose(y, expected, **close)
        for k in range(3):
            np.testing.assert_allclose(after.h[k], states[k].h[0], **close)
    net.dropout = 0.4
    twin = recurrent.Random(0)
    twin.state = net._random.state
    masks = [(dropped_by(twin, 6 * 3 * wide).reshape(6, 3, wide) >= 0.4) / 0.6 for _ in range(2)]
    np.testing.assert_allclose(net.forward(x, training=True)[0], outputs(x, masks=masks)[0], **close)
    # one token at a time, from the scores of the whole sequence
    tokens = net.generate(8, [1], temperature=0)
    scores = net.forward(np.concatenate([[1], tokens[:-1]])[:, None])[0][:, 0]
    assert (scores.argmax(1) == tokens).all()
    assert (net.beam_search(8, [1], 1)[0][0] == tokens).all()
    assert [token for token, _ in net.stream(8, [1], temperature=0)] == list(tokens)


@every_cell
@pytest.mark.parametrize(
    "kind", ["vectors", "one-hot", "many tokens", "embedding", "embedding of many tokens"]
)
@pytest.mark.parametrize("lengths", [None, [4, 1, 5]])
def test_variational_dropout(cell, kind, lengths):
    """A training step is each layer by itself, a mask for each sequence before it, the same at all time steps."""
    rng, own = np.random.default_rng(1), isinstance(cell, Crossed)
    rows = 40 if "many" in kind else 6
    width, embedding = (4, 4) if "embedding" in kind else (rows, None)
    net = network(cell, rows, [5, 3], 6, embedding, variational=True)
    layers = [
        recurrent.Network(cell, width, [5], dtype="float64"),
        recurrent.Network(cell, 5 + own, [3], 6, dtype="float64"),
    ]
    for k, layer in enumerate(layers):
        for name, mat in layer.parameters.items():
            mat.w = net.parameters[name if name in ("Whd", "bd") else f"{name[:-1]}{k}"].w
    tokens = rng.integers(0, rows, (5, 3))
    x = vectors = rng.normal(size=(5, 3, rows)) if kind == "vectors" else np.eye(rows)[tokens]
    if kind != "vectors":
        x = tokens
    if embedding:
        vectors = net.parameters["Wil"].w[tokens]
    net.dropout = 0.3
    twin = recurrent.Random(0)
    twin.state = net._random.state
    for training in (True, False):
        masks = (
            [(dropped_by(twin, 3 * n).reshape(3, n) >= 0.3) / 0.7 for n in (width, 5 + own)]
            if training
            else [1, 1]
        )
        y, _ = net.forward(x, lengths=lengths, training=training)
        h, _ = layers[0].forward(vectors * masks[0], lengths=lengths)
        expected, _ = layers[1].forward(h * masks[1], lengths=lengths)
        close = {"rtol": 1e-12, "atol": 1e-13}
        np.testing.assert_allclose(y, expected, **close)
        assert twin.state == net._random.state
        dy = rng.normal(size=y.shape)
        for each in (net, *layers):
            each.flat.zero_gradient()
        dx, _ = net.backward(dy)
        dh, _ = layers[1].backward(dy)
        dinput, _ = layers[0].backward(dh * masks[1])
        if kind == "vectors":
            np.testing.assert_allclose(dx, dinput * masks[0], **close)
        for k, layer in enumerate(layers):
            for name, mat in layer.parameters.items():
                whole = net.parameters[name if name in ("Whd", "bd") else f"{name[:-1]}{k}"]
                np.testing.assert_allclose(whole.dw, mat.dw, err_msg=name, **close)
        if embedding:
            expected_table = np.zeros((rows, 4))
            np.add.at(expected_table, tokens, dinput * masks[0])
            np.testing.assert_allclose(net.parameters["Wil"].dw, expected_table, **close)


def test_published_figures_of_two_directions():
    net, golden = (
        recurrent.LSTM(4, [6, 6], dtype="float64", bidirectional=True),
        figures("lstm_bidirectional"),
    )
    check(net, golden, lengths=golden["constants"]["lengths"])


def reversed_in_time(x, lengths):
    """Time-major sequences, each reversed within its length."""
    y = x.copy()
    for b, length in enumerate(lengths):
        y[:length, b] = x[:length, b][::-1]
    return y


@every_cell
@pytest.mark.parametrize(
    "kind", ["vectors", "one-hot", "many tokens", "embedding", "embedding of many tokens"]
)
@pytest.mark.parametrize("lengths", [None, [4, 0, 5]])
@pytest.mark.parametrize("others", [{}, dict.fromkeys(TEXT_OPTIONS, True)], ids=["alone", "with all"])
def test_two_directions(cell, kind, lengths, others):
    """Each direction by itself, on sequences that NumPy reverses; the options compose."""
    rng, own = np.random.default_rng(1), isinstance(cell, Crossed)
    rows, H = (40 if "many" in kind else 6), 4 + own
    width, embedding = (4, 4) if "embedding" in kind else (rows, None)
    net = network(cell, rows, [4, 4], 6, embedding, bidirectional=True, **others)
    ways = {
        f"{k}{way}": recurrent.Network(cell, width if k == 0 else 2 * H, [4], dtype="float64")
        for k in range(2) for way in ("", "r")
    }  # fmt: skip
    for part, layer in ways.items():
        for name, mat in layer.parameters.items():
            mat.w = net.parameters[f"{name[:-1]}{part}"].w
    assert net.flat.n == sum(mat.w.size for mat in net.parameters.values())
    W, bias = net.parameters["Whd"].w, net.parameters["bd"].w[:, 0]
    assert W.shape == (6, 2 * H)
    tokens, counts = rng.integers(0, rows, (5, 3)), lengths or [5, 5, 5]
    vectors = rng.normal(size=(5, 3, rows)) if kind == "vectors" else np.eye(rows)[tokens]
    x = vectors if kind == "vectors" else tokens
    if embedding:
        vectors = net.parameters["Wil"].w[tokens]
    valid = (np.arange(5)[:, None] < np.array(counts))[:, :, None]
    given, start = (None, net.initial_state(3)) if others else (net.zero_state(3), net.zero_state(3))
    if not others:
        for state in start.names:
            for k, part in enumerate(start[state]):
                given[state][k][...] = part[...] = rng.normal(size=part.shape)
    if others:
        net.dropout = 0.3
    twin = recurrent.Random(0)
    twin.state = net._random.state
    masks = [(dropped_by(twin, 3 * n).reshape(3, n) >= 0.3) / 0.7 if others else 1 for n in (width, 2 * H)]
    y, after = net.forward(x, given, lengths, training=True)
    below, outs = vectors, []
    for k in range(2):
        outputs = []
        for d, way in enumerate(("", "r")):
            before = {state: [start[state][2 * k + d]] for state in start.names}
            turn = (lambda a: reversed_in_time(a, counts)) if way else np.array
            h, end = ways[f"{k}{way}"].forward(turn(below * masks[k]), before, lengths)
            outputs.append(turn(h))
            for state in start.names:
                np.testing.assert_allclose(after[state][2 * k + d], end[state][0], rtol=1e-12, atol=1e-13)
        outs.append(np.concatenate(outputs, axis=2))
        below = outs[k] + below if others and k else outs[k]
    close = {"rtol": 1e-12, "atol": 1e-13}
    np.testing.assert_allclose(y, (below @ W.T + bias) * valid, **close)
    dy = rng.normal(size=y.shape) * valid
    net.flat.zero_gradient()
    dx, dstart = net.backward(dy)
    d = dy @ W
    for k in (1, 0):
        dbelow = np.zeros((5, 3, width) if k == 0 else (5, 3, 2 * H))
        for i, way in enumerate(("", "r")):
            turn = (lambda a: reversed_in_time(a, counts)) if way else np.array
            half, dbefore = ways[f"{k}{way}"].backward(turn(d[:, :, i * H : (i + 1) * H]))
            dbelow += turn(half) * masks[k]
            for state in start.names:
                np.testing.assert_allclose(dstart[state][2 * k + i], dbefore[state][0], **close)
        d = dbelow + d if others and k else dbelow
    if kind == "vectors":
        np.testing.assert_allclose(dx, d, **close)
    if embedding:
        table = np.zeros((rows, 4))
        np.add.at(table, tokens, d)
        np.testing.assert_allclose(net.parameters["Wil"].dw, table, **close)
    for part, layer in ways.items():
        for name, mat in layer.parameters.items():
            np.testing.assert_allclose(net.parameters[f"{name[:-1]}{part}"].dw, mat.dw, err_msg=name, **close)
    found = net.activations(x, given, lengths)
    assert {f"{state}1r" for state in start.names} < set(found)
    if not others:
        for d, way in enumerate(("", "r")):
            name = f"{start.names[0]}1{way}"
            np.testing.assert_allclose(found[name], outs[1][:, :, d * H : (d + 1) * H], **close)


@pytest.mark.parametrize("cell", ["lstm", "gru", "min_gru"])
def test_the_same_bits_with_any_number_of_threads(cell):
    rng, before = np.random.default_rng(1), recurrent.get_num_threads()
    x, targets = rng.normal(size=(4, 33, 40)), rng.normal(size=(4, 33, 8))
    found = []
    try:
        for threads in range(1, 5):
            recurrent.set_num_threads(threads)
            net = recurrent.Network(
                cell, 40, [64, 64], 8, rng=1, dropout=0.25, **dict.fromkeys(OPTIONS, True)
            )
            solver = recurrent.Adam(0.01)
            for _ in range(3):
                net.train_step(x, targets, solver, lengths=[i % 5 for i in range(33)])
            found.append(net.flat.w.tobytes())
    finally:
        recurrent.set_num_threads(before)
    assert len(set(found)) == 1


def test_two_directions_refused():
    net = recurrent.LSTM(5, [3], 5, bidirectional=True, rng=1)
    for call in (
        lambda: net.generate(3, [1]), lambda: net.stream(3, [1]), lambda: net.beam_search(3, [1]),
    ):  # fmt: skip
        with pytest.raises(
            ValueError, match="network is bidirectional; expected one direction for generation, got two"
        ):
            call()
    for call in (
        lambda: introspection.gradient_norms(net, [1, 2, 3]),
        lambda: introspection.next_characters(net, [1], "abcde", 2),
    ):
        with pytest.raises(ValueError, match="network is bidirectional; expected one direction for tokens"):
            call()
    assert introspection.activations(net, [1, 2, 3])["h0r"].shape == (3, 3)
    with pytest.raises(TypeError, match="bidirectional"):
        recurrent.TextModel(hidden_sizes=[3], bidirectional=True)
    settings = {"hidden_sizes": [3], "bidirectional": True}
    with pytest.raises(
        ValueError, match="bidirectional is impossible for a text model, which reads no future"
    ):
        _new_model(b"abc", settings, recurrent.Random(1))


@pytest.mark.parametrize("make", [recurrent.LSTM, recurrent.GRU, recurrent.RNN])
def test_two_directions_in_torch(make):
    net, other = (make(3, [4, 2], 5, embedding=6, bidirectional=True, rng=seed) for seed in (1, 2))
    weights = net.to_torch()
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[make.__name__]
    assert weights["rnn.weight_ih_l0_reverse"].shape == (4 * gates, 6)
    assert weights["rnn.weight_ih_l1_reverse"].shape == (2 * gates, 8)
    assert weights["rnn.weight_hh_l1"].shape == (2 * gates, 2) and weights["decoder.weight"].shape == (5, 4)
    assert other.load_torch(weights) == [] and (other.flat.w == net.flat.w).all()
    one = make(3, [4, 2], 5, embedding=6, rng=1).to_torch()
    with pytest.raises(ValueError, match=r"expected 'rnn\.weight_ih_l0_reverse'"):
        net.load_torch(one)
    with pytest.raises(ValueError, match=r"a reverse direction: rnn\.weight_ih_l0_reverse"):
        make(3, [4, 2], 5, embedding=6).load_torch(weights)


def test_variational_dropout_of_one_layer():
    """It acts on the input, and is refused nowhere."""
    net = recurrent.GRU(6, [4], 6, dropout=0.5, variational=True, rng=1, dtype="float64")
    x = np.ones((3, 2, 6))
    assert (net.forward(x)[0] != net.forward(x, training=True)[0]).any()
    net.dropout = 0
    assert (net.forward(x)[0] == net.forward(x, training=True)[0]).all()


@pytest.mark.parametrize("cell", ["lstm", "gru", "min_gru", Crossed()], ids=str)
def test_a_text_model_with_options(cell, tmp_path):
    """Training, evaluation, samples, a file, and the same bits after it."""
    options = dict.fromkeys(TEXT_OPTIONS, True)
    model = lesson(cell, 4, hidden_sizes=[6, 6], **options)
    assert model.options == options and model.network.learned_initial_state and model.network.residual
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
        for make in (recurrent.LSTM, recurrent.GRU, recurrent.RNN, lambda *a, **k: recurrent.TextModel(**k)):
            for name in OPTIONS if isinstance(make, type) else TEXT_OPTIONS:
                with pytest.raises(TypeError, match=f"{name} has the wrong type; expected"):
                    make(3, [2], **{name: wrong})
    for make in (
        recurrent.GRU,
        lambda _, sizes, **k: recurrent.TextModel(hidden_sizes=sizes, **k).build("abc"),
    ):
        with pytest.raises(
            ValueError, match=r"hidden_sizes\[2\] is wrong for a residual connection; .*3, got 2"
        ):
            make(3, [3, 3, 2], residual=True)
    with pytest.warns(UserWarning, match="residual has no effect: it connects layers"):
        recurrent.GRU(3, [3], residual=True)
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


def test_the_longest_names():
    """Names have 64 letters, before the suffix of the layer."""
    W, s = "W" * 64, "s" * 64
    cell = recurrent.Cell.of(
        lambda x, h, p: (p[W] @ x + h).tanh(), lambda rows, H: {W: (H, rows)}, states=(s,), name="n" * 64
    )
    net = recurrent.Network(cell, 2, [2], 2, rng=1, bidirectional=True, learned_initial_state=True)
    assert list(net.parameters)[2:4] == [f"{W}0r", f"{s}s0r"]
    solver = recurrent.Adam(0.1)
    net.train_step(np.ones((2, 1, 2)), [[0], [1]], solver)
    assert list(solver.state["exp_avg"]) == list(net.parameters)
    assert f"{s}0r" in net.activations(np.ones((2, 1, 2)))
    model = lesson(cell, 1, learned_initial_state=True, hidden_sizes=[6])
    assert f"{s}s0" in model.parameters and model.sample(3, rng=1)


def test_a_cause_that_is_not_finite():
    net = recurrent.LSTM(3, [2, 2], 2, learned_initial_state=True, rng=1)
    net.parameters["cs1"].w = [[0], [np.inf]]
    with pytest.raises(FloatingPointError, match=r"cs1 is not finite; .*got inf at \[1, 0\]"):
        net.train_step(np.zeros((2, 1, 3)), [[0], [1]], recurrent.SGD(0.1))
