"""RNN, LSTM and GRU over arrays: PyTorch's figures, training, state, generation, refusals."""

import copy
import json

import numpy as np
import pytest

import recurrent
from recurrent import recurrentjs
from support import PYTHON_FIXTURES, dropped_by

CASES = json.loads((PYTHON_FIXTURES / "torch.json").read_text())
TOKEN_CASES = json.loads((PYTHON_FIXTURES / "torch_tokens.json").read_text())
KINDS = {
    "lstm": recurrent.LSTM,
    "gru": recurrent.GRU,
    "tanh": recurrent.RNN,
    "relu": lambda *a, **k: recurrent.RNN(*a, nonlinearity="relu", **k),
}
NETWORKS = [*KINDS.values(), lambda *a, **k: recurrent.GRU(*a, reset_after=False, **k)]


def distance(a, b):
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return np.linalg.norm(a - b) / max(np.linalg.norm(b), 1e-12)


@pytest.mark.parametrize("make", NETWORKS)
def test_tokens_are_one_hot_rows(make):
    net = make(9, [5, 4], 9, dtype="float64", rng=0)
    x = np.random.default_rng(0).integers(0, 9, (7, 3)).astype(np.uint8)
    y, end = net.forward(x)
    net.backward(np.ones_like(y))
    gradient = net.flat.dw.copy()
    net.flat.zero_gradient()
    wide, wide_end = net.forward(np.eye(9)[x])
    dx, _ = net.backward(np.ones_like(y))
    assert distance(y, wide) < 1e-13 and distance(end.flat, wide_end.flat) < 1e-13
    assert distance(net.flat.dw, gradient) < 1e-13
    assert dx.shape == (7, 3, 9)
    # an array of three dimensions is numbers, whatever its type
    assert distance(net.forward(np.eye(9, dtype=int)[x])[0], wide) == 0


@pytest.mark.parametrize("make", NETWORKS)
def test_dropout_lies_between_the_layers(make):
    """A training step with dropout is each layer by itself, a mask between."""
    rng = np.random.default_rng(1)
    x, targets = rng.integers(0, 6, (5, 3)), rng.integers(0, 6, (5, 3))
    random = recurrent.Random(4)
    net = make(6, [8, 7], 6, dtype="float64", rng=random, dropout=0.3)
    assert net.dropout == 0.3 and "dropout=0.3" in repr(net)
    low, high = make(6, [8], dtype="float64", rng=1), make(8, [7], 6, dtype="float64", rng=1)
    for name, mat in net.parameters.items():
        (low if name.endswith("0") else high).parameters[name.replace("1", "0")].w = mat.w
    twin, solver = recurrent.Random(0), recurrentjs.Solver(0.95)
    twin.state = random.state
    for _ in range(3):
        r = net.train_step(x, targets, solver, 0.01)
        mask = (dropped_by(twin, 5 * 3 * 8).reshape(5, 3, 8) >= 0.3) / 0.7
        h, _ = low.forward(x)
        y, _ = high.forward(h * mask)
        loss, dy = softmax_gradient(y, targets)
        dh, _ = high.backward(dy)
        low.backward(dh * mask)
        assert abs(r.loss - loss) < 1e-12
        gradient = np.concatenate([low.flat.dw, high.flat.dw])
        assert abs(r.gradient_norm - np.linalg.norm(gradient)) < 1e-12
        for part in (low, high):
            part.flat.zero_gradient()
        for name, mat in net.parameters.items():
            (low if name.endswith("0") else high).parameters[name.replace("1", "0")].w = mat.w
    assert twin.state == random.state
    assert distance(net.forward(x)[0], high.forward(low.forward(x)[0])[0]) < 1e-13


@pytest.mark.parametrize("make", NETWORKS)
@pytest.mark.parametrize("lengths", [None, [4, 1, 5]])
def test_forward_in_training_drops_as_train_step(make, lengths):
    rng = np.random.default_rng(1)
    x, aim = rng.standard_normal((5, 3, 6)), rng.standard_normal((5, 3, 4))
    valid = (np.arange(5)[:, None] < np.array(lengths or [5] * 3))[:, :, None]
    randoms = recurrent.Random(4), recurrent.Random(4)
    one, two = (make(6, [8, 7, 5], 4, dtype="float64", rng=random, dropout=0.4) for random in randoms)
    for _ in range(3):
        before = one.flat.w.copy()
        r = one.train_step(x, aim, recurrent.SGD(1.0), clip=None, lengths=lengths)
        y, state = two.forward(x, lengths=lengths, training=True)
        assert abs(r.loss - ((y - aim) ** 2)[np.broadcast_to(valid, y.shape)].mean()) < 1e-13
        assert distance(r.state.flat, state.flat) == 0
        two.backward(2 * (y - aim) * valid / (4 * valid.sum()))
        assert np.abs(before - one.flat.w - two.flat.dw).max() < 1e-14
        assert abs(r.gradient_norm - np.linalg.norm(two.flat.dw)) < 1e-14
        assert randoms[0].state == randoms[1].state
        two.flat.zero_gradient()
        two.flat.w = one.flat.w


def test_forward_drops_in_training_alone():
    random = recurrent.Random(4)
    net = recurrent.LSTM(6, [8, 7], 4, dtype="float64", rng=random, dropout=0.5)
    x, start = np.random.default_rng(0).standard_normal((5, 3, 6)), random.state
    plain, _ = net.forward(x)
    assert np.array_equal(net.forward(x, training=False)[0], plain) and random.state == start
    dropped, _ = net.forward(x, training=np.True_)
    assert not np.array_equal(dropped, plain) and random.state != start
    random.state = start
    assert np.array_equal(net.forward(x, training=True)[0], dropped)
    random.state = start
    net.dropout = 0
    assert np.array_equal(net.forward(x, training=True)[0], plain) and random.state == start


@pytest.mark.parametrize("make", NETWORKS)
def test_backward_uses_the_masks_of_forward(make):
    random = recurrent.Random(7)
    net = make(3, [5, 4], 2, dtype="float64", rng=random, dropout=0.4)
    net.flat.w = np.random.default_rng(3).uniform(-0.7, 0.7, net.flat.w.shape)
    rng, start = np.random.default_rng(0), random.state
    x, dy = rng.standard_normal((4, 2, 3)), rng.standard_normal((4, 2, 2))

    def loss():
        random.state = start
        return (net.forward(x, training=True)[0] * dy).sum()

    loss()
    dx, _ = net.backward(dy)
    gradient, numeric = net.flat.dw.copy(), np.zeros(net.flat.w.shape)
    for array, into in ((net.flat.w, numeric), (x, np.zeros_like(x))):
        for at in np.ndindex(array.shape):
            value = array[at]
            array[at] = value + 1e-6
            above = loss()
            array[at] = value - 1e-6
            into[at] = (above - loss()) / 2e-6
            array[at] = value
    assert distance(numeric, gradient) < 1e-7 and distance(into, dx) < 1e-7


def test_a_refused_forward_draws_nothing():
    random = recurrent.Random(4)
    net = recurrent.GRU(6, [8, 7], 4, rng=random, dropout=0.5)
    x, start = np.zeros((2, 3, 6)), random.state
    for error, words, call in (
        (
            TypeError,
            "training has the wrong type; expected a bool, got int",
            lambda: net.forward(x, training=1),
        ),
        (TypeError, "training .* got NoneType", lambda: net.forward(x, training=None)),
        (TypeError, "positional", lambda: net.forward(x, None, None, True)),
        (ValueError, "x has the wrong shape", lambda: net.forward(x[:, :, :5], training=True)),
        (IndexError, r"tokens\[1, 2\]", lambda: net.forward([[0, 1, 2], [3, 4, 6]], training=True)),
        (IndexError, r"lengths\[0\]", lambda: net.forward(x, lengths=[3, 0, 0], training=True)),
    ):
        with pytest.raises(error, match=words):
            call()
    assert random.state == start


def test_dropout_is_reproducible_and_can_end():
    def weights(rng, rate, late=None):
        net, solver = recurrent.LSTM(9, [20, 20], 9, rng=rng, dropout=rate), recurrentjs.Solver()
        x = np.random.default_rng(0).integers(0, 9, (6, 4))
        for _ in range(2):
            net.train_step(x, x, solver, 0.01)
            net.dropout = rate if late is None else late
        return net.flat.w.tobytes()

    assert weights(0, 0.5) == weights(0, 0.5)
    assert len({weights(0, 0.5), weights(1, 0.5), weights(0, 0.0), weights(0, 0.5, late=0.0)}) == 4
    with pytest.warns(UserWarning, match="the network has one layer"):
        recurrent.GRU(9, [20], 9, rng=0, dropout=0.5)
    for rate in (1, -0.1, float("nan")):
        with pytest.raises(ValueError, match="dropout is"):
            recurrent.GRU(9, [20, 20], 9, rng=0, dropout=rate)


def softmax_gradient(y, targets):
    p = np.exp(y - y.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    valid = targets >= 0
    loss = -np.log(np.take_along_axis(p, np.maximum(targets, 0)[..., None], -1)[..., 0])[valid].mean()
    np.put_along_axis(
        p,
        np.maximum(targets, 0)[..., None],
        np.take_along_axis(p, np.maximum(targets, 0)[..., None], -1) - 1,
        -1,
    )
    return loss, p * valid[..., None] / valid.sum()


@pytest.mark.parametrize("make", NETWORKS)
@pytest.mark.parametrize("lengths", [None, [4, 1, 6]])
def test_train_step_is_forward_loss_backward_step(make, lengths):
    rng = np.random.default_rng(1)
    x, targets = rng.integers(0, 9, (6, 3)), rng.integers(-1, 9, (6, 3))
    valid = (
        np.arange(6)[:, None] < np.array(lengths)[None, :] if lengths is not None else np.ones((6, 3), bool)
    )
    one, two = (make(9, [8, 5], 9, 4, dtype="float64", rng=3) for _ in range(2))
    first, second = recurrentjs.Solver(0.95), recurrentjs.Solver(0.95)
    state_one = state_two = None
    for _ in range(3):
        r = one.train_step(
            x, targets, first, 0.01, clip=0.02, state=state_one, lengths=lengths, weight_decay=1e-4
        )
        y, final = two.forward(x, state_two, lengths)
        loss, dy = softmax_gradient(y, np.where(valid, targets, -1))
        two.backward(dy)
        step = second.step(two.parameters, 0.01, 1e-4, 0.02)
        assert abs(r.loss - loss) < 1e-12
        assert abs(r.gradient_norm - step.gradient_norm) < 1e-12
        assert r.ratio_clipped == step.ratio_clipped
        assert distance(one.flat.w, two.flat.w) < 1e-11
        assert distance(r.state.flat, final.flat) < 1e-11
        state_one, state_two = r.state, final


@pytest.mark.parametrize("lengths", [None, [2, 5]])
def test_squared_error(lengths):
    rng = np.random.default_rng(2)
    x, aim = rng.standard_normal((5, 2, 3)), rng.standard_normal((5, 2, 4))
    net = recurrent.GRU(3, [6], 4, dtype="float64", rng=0)
    y, _ = net.forward(x, None, lengths)
    valid = np.arange(5)[:, None] < np.array(lengths or [5, 5])[None, :]
    expected = ((y - aim)[valid] ** 2).mean()
    before = net.flat.w.copy()
    net.backward(2 * (y - aim) * valid[..., None] / (valid.sum() * 4))
    gradient = net.flat.dw.copy()
    net.flat.zero_gradient()
    r = net.train_step(x, aim, recurrentjs.Solver(), 0.0, lengths=lengths)
    assert abs(r.loss - expected) < 1e-12
    assert abs(r.gradient_norm - np.linalg.norm(gradient)) < 1e-12
    assert np.array_equal(net.flat.w, before)


@pytest.mark.parametrize("make", NETWORKS)
def test_chunks_with_carried_state_are_the_whole(make):
    net = make(5, [7, 6], 4, dtype="float64", rng=0)
    x = np.random.default_rng(0).standard_normal((9, 2, 5))
    whole, end = net.forward(x)
    first, state = net.forward(x[:4])
    second, last = net.forward(x[4:], state)
    assert distance(np.concatenate([first, second]), whole) < 1e-13
    assert distance(last.flat, end.flat) < 1e-13


def test_it_learns():
    rng = np.random.default_rng(0)
    net, solver = recurrent.GRU(4, [24], 4, 4, rng=0), recurrentjs.Solver(0.95)
    for _ in range(150):
        x = rng.integers(0, 4, (12, 8))
        r = net.train_step(x, np.vstack([np.full((1, 8), -1), x[:-1]]), solver, 0.01)
    assert r.loss < 0.05


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("make", NETWORKS)
def test_activations_are_the_equations(make, dtype):
    net = make(5, [7, 3], 4, dtype=dtype, rng=0)
    net.flat.w = np.random.default_rng(0).uniform(-0.8, 0.8, (net.flat.n, 1))
    x = np.random.default_rng(1).integers(0, 5, (6, 2))
    _, state = net.forward(x[:2])
    activations = net.activations(x, state, [6, 4])
    W = {name: mat.w.astype(np.float64) for name, mat in net.parameters.items()}
    below = np.eye(5)[x]
    limit = 1e-12 if dtype == "float64" else 1e-5
    for k in range(2):
        h, c = state.h[k].astype(np.float64), (state.c[k].astype(np.float64) if state.c else None)
        outputs = np.zeros(activations[f"h{k}"].shape)
        for t in range(6):
            here = {}

            def z(gate, h=h, k=k, below=below[t]):
                return below @ W[f"W{gate}x{k}"].T + h @ W[f"W{gate}h{k}"].T + W[f"b{gate}{k}"].T

            if net.cell == "lstm":
                for gate in "ifo":
                    here[gate] = sigmoid(z(gate))
                here["g"] = np.tanh(z("c"))
                c = here["c"] = here["f"] * c + here["i"] * here["g"]
                h = here["h"] = here["o"] * np.tanh(c)
            elif isinstance(net, recurrent.GRU):
                here["r"], here["z"] = sigmoid(z("r")), sigmoid(z("z"))
                input_term = below[t] @ W[f"Wnx{k}"].T + W[f"bn{k}"].T
                if net.reset_after:
                    here["n"] = np.tanh(input_term + here["r"] * (h @ W[f"Wnh{k}"].T + W[f"bnh{k}"].T))
                else:
                    here["n"] = np.tanh(input_term + (here["r"] * h) @ W[f"Wnh{k}"].T)
                h = here["h"] = (1 - here["z"]) * here["n"] + here["z"] * h
            else:
                s = below[t] @ W[f"Wxh{k}"].T + h @ W[f"Whh{k}"].T + W[f"bhh{k}"].T
                h = here["h"] = np.tanh(s) if net.nonlinearity == "tanh" else np.maximum(s, 0)
            outputs[t] = h
            for letter, expected in here.items():
                found = activations[f"{letter}{k}"]
                assert found.dtype == dtype
                expected[1 if t >= 4 else 2 :] = 0
                assert distance(found[t], expected) < limit, f"{letter}{k}, step {t}"
        assert len([name for name in activations if name.endswith(str(k))]) == len(here)
        below = outputs


def test_activations_by_name():
    net = recurrent.LSTM(5, [7, 3], 4, rng=0)
    x = np.zeros((6, 2), int)
    every, some = net.activations(x), net.activations(x, names=["f1", "h0"])
    assert list(some) == ["f1", "h0"] and all(np.array_equal(some[name], every[name]) for name in some)
    assert distance(every["h1"] @ net.parameters["Whd"].w.T, net.forward(x)[0]) < 1e-5
    with pytest.raises(
        IndexError, match=r"activation is unknown; expected one of h0, c0, i0, f0, o0, g0, h1, .*got 'r0'"
    ):
        net.activations(x, names=["r0"])
    # reading activations keeps the forward for a backward
    net.backward(np.zeros((6, 2, 4)))


@pytest.mark.parametrize("make", NETWORKS)
def test_bits_do_not_depend_on_threads(make):
    before = recurrent.get_num_threads()
    outcomes = []
    try:
        for count in (1, 2, 3):
            recurrent.set_num_threads(count)
            assert recurrent.get_num_threads() == count
            net, solver = make(40, [96, 64], 40, 48, rng=0), recurrentjs.Solver()
            x = np.random.default_rng(0).integers(0, 40, (6, 24))
            for _ in range(2):
                net.train_step(x, x, solver, 0.01)
            outcomes.append(net.flat.w.tobytes())
    finally:
        recurrent.set_num_threads(before)
    assert len(set(outcomes)) == 1


def test_refusals():
    net = recurrent.LSTM(3, [4], 2, dtype="float64", rng=0)
    words = recurrent.LSTM(5, [4], 5, 3, rng=0)
    solver, x = recurrentjs.Solver(), np.zeros((2, 3, 3))
    before, wordy = net.flat.w.copy(), words.flat.w.copy()
    tokens = np.zeros((2, 3), int)
    for error, expected, call in [
        (RuntimeError, "backward has no forward pass", lambda: net.backward(np.zeros((2, 3, 2)))),
        (
            ValueError,
            r"x has the wrong shape; .*got \(2, 3\) of float64",
            lambda: net.forward(np.zeros((2, 3))),
        ),
        (ValueError, r"expected \(2, 3, 3\)", lambda: net.forward(np.zeros((2, 3, 4)))),
        (TypeError, "elements of type", lambda: net.forward(np.array([[["a", "b", "c"]]]))),
        (TypeError, "expected ints", lambda: words.forward(np.zeros((2, 3)))),
        (IndexError, r"token.*1.* 5", lambda: words.forward(np.array([[0, 5]]))),
        (IndexError, r"length.*0.* is .*3", lambda: net.forward(x, lengths=[3, 1, 1])),
        (IndexError, r"length.*2.* is .*-1", lambda: net.forward(x, lengths=[1, 1, -1])),
        (ValueError, r"lengths has the wrong shape; .*got \(2,\)", lambda: net.forward(x, lengths=[1, 1])),
        (
            ValueError,
            r"state.h\[0\] has the wrong shape; .*got \(2, 4\)",
            lambda: net.forward(x, net.zero_state(2)),
        ),
        (TypeError, "expected a State", lambda: net.forward(x, 5)),
        (IndexError, r"target.*0.* is .*7", lambda: words.train_step(tokens, tokens + 7, solver, 0.1)),
        (ValueError, "targets is empty", lambda: words.train_step(tokens, tokens - 1, solver, 0.1)),
        (
            ValueError,
            r"learning_rate is out of range; .*got nan",
            lambda: words.train_step(tokens, tokens, solver, float("nan")),
        ),
        (ValueError, "clip is .*got 0", lambda: words.train_step(tokens, tokens, solver, 0.1, clip=0)),
        (TypeError, "expected an Optimizer", lambda: words.train_step(tokens, tokens, None, 0.1)),
        (ValueError, "T and B .*got 0 and 3", lambda: net.forward(np.zeros((0, 3, 3)))),
        (ValueError, "prompt is empty", lambda: words.generate(3, np.zeros(0, int))),
        (IndexError, r"prompt\[0\] is .*got 9", lambda: words.generate(3, [9])),
        (ValueError, "temperature is .*got -1", lambda: words.generate(3, [1], temperature=-1)),
        (ValueError, "top_p is .*got 0", lambda: words.generate(3, [1], top_p=0)),
        (ValueError, "top_k is .*got -1", lambda: words.stream(None, [1], top_k=-1)),
        (ValueError, "min_p is .*got 2", lambda: words.stream(None, [1], min_p=2)),
        (IndexError, r"prompt\[0\] is .*got 9", lambda: words.stream(None, [9])),
        (IndexError, "end is .*got 5", lambda: words.generate(3, [1], end=5)),
        (ValueError, "n is .*got -1", lambda: words.generate(-1, [1])),
        (ValueError, "n is .*got -1", lambda: words.stream(-1, [1])),
        (ValueError, "beams is .*0", lambda: words.beam_search(3, [1], 0)),
        (ValueError, "beams is .*4097", lambda: words.beam_search(3, [1], 4097)),
        (ValueError, "n is .*-2", lambda: words.beam_search(-2, [1])),
        (IndexError, r"prompt\[0\] is .*got 9", lambda: words.beam_search(3, [9])),
        (ValueError, "expected 3 outputs, got 2", lambda: net.generate(3, [1])),
        (IndexError, r"token.*1.* 3", lambda: net.forward(np.array([[0, 3]]))),
        (ValueError, "embedding is .*4, got 3", lambda: recurrent.GRU(9, [4], embedding=3, tied=True)),
        (ValueError, "output_size is .*9", lambda: recurrent.GRU(9, [4], 8, tied=True)),
        (ValueError, "threads is .*0|count is .*0", lambda: recurrent.set_num_threads(0)),
        (ValueError, "nonlinearity", lambda: recurrent.RNN(3, [4], nonlinearity="sigmoid")),
        (
            TypeError,
            r"reset_after has the wrong type; .*got str",
            lambda: recurrent.GRU(3, [4], reset_after="never"),
        ),
        (ValueError, "output_size is .*0", lambda: recurrent.GRU(3, [4], 0)),
    ]:
        with pytest.raises(error, match=expected):
            call()
    assert np.array_equal(net.flat.w, before) and np.array_equal(words.flat.w, wordy)
    y, _ = net.forward(x)
    net.backward(np.zeros_like(y))
    with pytest.raises(RuntimeError, match="backward has no forward pass"):
        net.backward(np.zeros_like(y))


def test_a_non_finite_gradient_changes_nothing():
    net, solver = recurrent.LSTM(2, [3], 1, dtype="float64", rng=0), recurrentjs.Solver()
    before = net.flat.w.copy()
    with pytest.raises(FloatingPointError, match="gradient of"):
        net.train_step(np.full((2, 1, 2), 1.0), np.full((2, 1, 1), 1e308), solver, 0.1)
    assert np.array_equal(net.flat.w, before) and not net.flat.dw.any()


@pytest.mark.parametrize("make", NETWORKS)
def test_deep_copies(make):
    """A copy continues as the network does, dropout included, and shares nothing."""
    rng = np.random.default_rng(0)
    x, targets = rng.integers(0, 6, (5, 3)), rng.integers(0, 6, (5, 3))
    net = make(6, [8, 7], 6, 4, dtype="float64", rng=2, dropout=0.3)
    net.train_step(x, targets, recurrent.SGD(0.1))
    twin = copy.deepcopy(net)
    assert type(twin) is type(net) and repr(twin) == repr(net) and np.array_equal(twin.flat.w, net.flat.w)
    before = twin.flat.w.copy()
    losses = [net.train_step(x, targets, optimizer).loss for optimizer in [recurrent.Adam()] * 2]
    assert np.array_equal(twin.flat.w, before)
    optimizer = recurrent.Adam()
    assert [twin.train_step(x, targets, optimizer).loss for _ in range(2)] == losses
    assert np.array_equal(twin.flat.w, net.flat.w)


def test_one_activation_by_its_name():
    net = recurrent.LSTM(3, [4, 4], rng=0)
    found = net.activations(np.ones((2, 1, 3)), names="h1")
    assert list(found) == ["h1"] and np.array_equal(found["h1"], net.forward(np.ones((2, 1, 3)))[0])


def test_dropout_without_a_layer_above():
    net = recurrent.LSTM(2, [3], rng=0)
    with pytest.warns(UserWarning, match="dropout has no effect: it applies between layers"):
        net.dropout = 0.5
    assert net.dropout == 0.5


def test_a_backward_that_another_thread_has_begun(monkeypatch):
    """Between the check of the arguments and the call."""
    net = recurrent.LSTM(2, [3], rng=0)
    y, _ = net.forward(np.zeros((2, 1, 2), "float32"), training=True)
    monkeypatch.setattr(type(net), "_check_free", lambda net: setattr(net, "_pass", None))
    with pytest.raises(RuntimeError, match="backward has no forward pass"):
        net.backward(y)


def test_what_a_network_is_not():
    with pytest.raises(ValueError, match=r"x has the wrong shape; expected tokens \(T, B\), got \(2, 1, 5\)"):
        recurrent.LSTM(5, [3], 5, embedding=2, rng=0).forward(np.zeros((2, 1, 5)))


@pytest.mark.parametrize(("k1", "k2"), [(3, 3), (2, 4), (1, 3), (6, 6)])
def test_truncated_backpropagation(k1, k2):
    """Every k1 steps back over k2, from a state that is constant: windows of forward and backward."""
    golden = json.loads((PYTHON_FIXTURES / "cells" / "lstm_tbptt.json").read_text())
    x, dy = np.array(golden["inputs"]["x"]), np.array(golden["upstream"]["y"])
    net = recurrent.LSTM(x.shape[2], [6], dtype="float64", rng=1)
    for name, values in golden["parameters"].items():
        net.parameters[name].w = np.array(values).reshape(net.parameters[name].shape)
    start = ([np.array(golden["inputs"]["h0"])], [np.array(golden["inputs"]["c0"])])
    for end in range(k1, len(x) + 1, k1):
        first = max(0, end - k2)
        state = net.forward(x[:first], start)[1] if first else start
        y, _ = net.forward(x[first:end], state)
        np.testing.assert_allclose(y, golden["outputs"]["y"][first:end], rtol=1e-12)
        counted = dy[first:end].copy()
        counted[: end - first - k1] = 0
        net.backward(counted)
    for name, gradient in golden[f"gradients_k1_{k1}_k2_{k2}"].items():
        if name in net.parameters:
            mat = net.parameters[name]
            np.testing.assert_allclose(mat.dw, np.reshape(gradient, mat.shape), rtol=1e-12, atol=1e-13)
