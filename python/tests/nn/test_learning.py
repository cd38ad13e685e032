"""Predictions, forecasts and ``batch_first``: what plain forward passes give."""

import copy
import pickle
import threading

import numpy as np
import pytest

import recurrent
from learning import CLASSES, LABELS, LENGTHS, NUMBERS, SIZE, TOKENS, N, T, X, fit, network, ragged
from recurrent import introspection
from recurrent.nn import prediction


def softmax(scores):
    p = np.exp(scores - scores.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


@pytest.mark.parametrize("size", [1, 2, 256])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_scores_are_a_forward_pass(lengths, size):
    net = network(recurrent.LSTM)
    y, _ = net.forward(X, lengths=lengths)
    assert np.abs(net.scores(X, lengths, size) - y).max() < 1e-15
    assert net.scores(X, lengths, size).flags.c_contiguous
    first = network(recurrent.LSTM, batch_first=True)
    assert np.array_equal(
        first.scores(X.swapaxes(0, 1), lengths, size), net.scores(X, lengths, size).swapaxes(0, 1)
    )
    for part, length, one in zip(net.scores(ragged(X), None, size), LENGTHS, y.swapaxes(0, 1)):
        assert part.shape == (length, CLASSES)
        assert lengths is None or np.abs(part - one[:length]).max() < 1e-15
    tokens, _ = net.forward(TOKENS)
    assert np.abs(net.scores(TOKENS) - tokens).max() < 1e-15


def test_predictions_of_each_loss():
    net = network()
    y, _ = net.forward(X)
    assert np.array_equal(net.predict(X), net.scores(X))
    expected = {
        "cross_entropy": y.argmax(-1), "mse": y, "mae": y, "binary_cross_entropy": (y > 0).astype(int),
        "gaussian_nll": y[..., :2], "quantile": None,
    }  # fmt: skip
    for loss, values in expected.items():
        if values is not None:
            assert np.allclose(net.predict(X, loss=loss), values, atol=1e-15), loss
    levels = recurrent.losses.Quantile([0.2, 0.8])
    assert np.allclose(net.predict(X, loss=levels), y.reshape(T, N, 2, 2), atol=1e-15)
    assert np.allclose(net.predict_proba(X), softmax(y), atol=1e-15)
    assert np.allclose(net.predict_proba(X, loss="binary_cross_entropy"), 1 / (1 + np.exp(-y)), atol=1e-15)
    fit(net, steps=1)
    assert net.predict(X).dtype == np.int64 and net.predict(X).shape == (T, N)
    assert np.allclose(net.predict_proba(X).sum(-1), 1)
    fit(net, y=NUMBERS, steps=1)
    assert net.predict(X).shape == (T, N, CLASSES)
    with pytest.raises(
        ValueError, match=r"^loss has no probabilities; expected cross_entropy or .*, got mse"
    ):
        net.predict_proba(X)


def test_one_for_each_sequence():
    net = network()
    fit(net, y=LABELS[0], steps=2)
    y, _ = net.forward(X, lengths=LENGTHS)
    last = y[LENGTHS - 1, np.arange(N)]
    for found in (net.predict(X, LENGTHS), net.predict(ragged(X)), net.predict(ragged(X), batch_size=2)):
        assert np.array_equal(found, last.argmax(-1))
    assert np.allclose(net.predict_proba(ragged(X)), softmax(last), atol=1e-15)
    assert net.predict(X, per_sequence=False).shape == (T, N)
    assert [len(part) for part in net.predict(ragged(X), per_sequence=False)] == LENGTHS.tolist()
    # a sequence without a step has the outputs 0
    assert np.allclose(net.predict_proba(X, [0, *LENGTHS[1:]])[0], 1 / CLASSES)
    again = pickle.loads(pickle.dumps(net))
    assert np.array_equal(again.predict(ragged(X)), last.argmax(-1))
    with pytest.raises(TypeError, match=r"^per_sequence has the wrong type; expected a bool, got int"):
        net.predict(X, per_sequence=1)


def attentive(outputs=CLASSES):
    """A network whose cell attends to the past, which no state holds."""
    cell = recurrent.Cell.of(
        lambda x, h, p: (p.Wx @ x + p.Wh @ h + p.Wa @ h.attend(h, h)).tanh(),
        lambda I, H: {"Wx": (H, I), "Wh": (H, H), "Wa": (H, H)},  # noqa: E741
    )
    return recurrent.Network(cell, SIZE, [5], outputs, dtype="float64", rng=1)


@pytest.mark.parametrize("kind", ["one direction", "two directions", "stacked", "attention"])
def test_parts_of_long_sequences(kind, monkeypatch):
    settings = {"two directions": {"bidirectional": True}, "stacked": {"residual": True}}.get(kind, {})
    sizes = [5, 5] if kind == "stacked" else [5]
    net = recurrent.LSTM(SIZE, sizes, CLASSES, dtype="float64", rng=1, **settings)
    net = attentive() if kind == "attention" else net
    whole, plain = net.scores(X, LENGTHS), net.scores(X)
    calls, run = [], net._run
    monkeypatch.setattr(net, "_run", lambda x, *rest: calls.append(len(x)) or run(x, *rest), raising=False)
    monkeypatch.setattr(prediction, "_CHUNK", 2)
    assert (
        np.abs(net.scores(X) - plain).max() < 1e-15 and np.abs(net.scores(X, LENGTHS) - whole).max() < 1e-15
    )
    assert set(calls) == ({T} if kind in ("two directions", "attention") else {2})
    for part, one, length in zip(net.scores(ragged(X)), whole.swapaxes(0, 1), LENGTHS):
        assert np.abs(part - one[:length]).max() < 1e-15
    assert net.evaluate(X, LABELS, LENGTHS)["loss"] > 0


def test_forecast():
    net = network(outputs=SIZE)
    x, state, expected = X, None, []
    for _ in range(5):
        y, state = net.forward(x, state)
        expected.append(y[-1])
        x = y[-1:]
    found, last = net.forecast(X, 5)
    assert np.array_equal(found, expected) and np.array_equal(last.flat, state.flat)
    # in two calls
    one, middle = net.forecast(X, 2)
    two, _ = net.forecast(one[-1:], 3, middle)
    assert np.array_equal(np.concatenate([one, two]), found)
    first = network(outputs=SIZE, batch_first=True)
    assert np.array_equal(first.forecast(X.swapaxes(0, 1), 5)[0], found.swapaxes(0, 1))


def test_forecast_of_long_sequences(monkeypatch):
    net = network(outputs=SIZE)
    whole = net.forecast(X, 3)[0]
    monkeypatch.setattr(prediction, "_CHUNK", 2)
    assert np.abs(net.forecast(X, 3)[0] - whole).max() < 1e-15


@pytest.mark.parametrize(
    "make, arguments, error, words",
    [
        (lambda: network(), (X, 3), ValueError, "forecast needs outputs that are inputs; expected output_size 3 and"),
        (lambda: network(outputs=3, embedding=2), (TOKENS, 3), ValueError, "forecast needs outputs that are inputs"),
        (lambda: network(outputs=3, bidirectional=True), (X, 3), ValueError, "forecast needs a state that holds the"),
        (lambda: attentive(3), (X, 3), ValueError, "forecast needs a state that holds the past; .*, got attention"),
        (lambda: network(outputs=3), (TOKENS, 3), TypeError, "x has the wrong type; expected an array of numbers"),
        (lambda: network(outputs=3), (ragged(X), 3), TypeError, "x has the wrong type; expected an array of numbers"),
        (lambda: network(outputs=3), (X, 0), ValueError, "steps is out of range; expected at least 1, got 0"),
        (lambda: network(outputs=3), (X, True), TypeError, "steps has the wrong type; expected an int, got bool"),
        (lambda: network(outputs=3), (X, 3, "state"), TypeError, "state has the wrong type"),
        (lambda: network(outputs=3), (X * np.nan, 3), ValueError, "x is not finite"),
    ],
)  # fmt: skip
def test_forecasts_that_are_refused(make, arguments, error, words):
    with pytest.raises(error, match=f"^{words}"):
        make().forecast(*arguments)


# ---- batch_first


def swapped(array):
    return np.asarray(array).swapaxes(0, 1)


def pair(**settings):
    return network(**settings), network(batch_first=True, **settings)


def test_batch_first_passes():
    net, first = pair()
    resets = np.zeros((T, N), bool)
    resets[2, 3] = True
    y, state = net.forward(X, lengths=LENGTHS, resets=resets)
    other, after = first.forward(swapped(X), lengths=LENGTHS, resets=swapped(resets))
    assert np.array_equal(swapped(other), y) and np.array_equal(after.flat, state.flat)
    dy = np.random.default_rng(0).standard_normal(y.shape)
    (dx, before), (dx_first, before_first) = net.backward(dy), first.backward(swapped(dy))
    assert np.array_equal(swapped(dx_first), dx) and np.array_equal(before.flat, before_first.flat)
    assert np.array_equal(net.flat.dw, first.flat.dw)
    one, two = (
        net.activations(TOKENS, resets=resets),
        first.activations(swapped(TOKENS), resets=swapped(resets).tolist()),
    )
    assert one.keys() == two.keys() and all(np.array_equal(one[name], swapped(two[name])) for name in one)


@pytest.mark.parametrize("targets", [LABELS, NUMBERS])
@pytest.mark.parametrize("x", [X, TOKENS])
def test_batch_first_training(x, targets):
    net, first = pair()
    one = net.train_step(x, targets, recurrent.SGD(0.1), lengths=LENGTHS)
    two = first.train_step(swapped(x), swapped(targets), recurrent.SGD(0.1), lengths=LENGTHS)
    assert one[:3] == two[:3] and net.flat.w.tobytes() == first.flat.w.tobytes()
    fit(net, x, targets, lengths=LENGTHS, validation_split=0.3)
    fit(first, swapped(x), swapped(targets), lengths=LENGTHS, validation_split=0.3)
    assert net.flat.w.tobytes() == first.flat.w.tobytes() and net.history == first.history
    assert net.evaluate(x, targets) == first.evaluate(swapped(x), swapped(targets))
    assert np.array_equal(net.predict(x, LENGTHS), swapped(first.predict(swapped(x), LENGTHS)))
    assert np.array_equal(net.predict(x, per_sequence=True), first.predict(swapped(x), per_sequence=True))


def test_batch_first_is_kept(tmp_path):
    _, first = pair()
    first.save(tmp_path / "n")
    first.save(tmp_path / "w", weights_only=True)
    y = first.forward(swapped(X))[0]
    for again in (
        recurrent.load(tmp_path / "n"), recurrent.GRU.load(tmp_path / "w"), copy.deepcopy(first), copy.copy(first),
        pickle.loads(pickle.dumps(first)),
    ):  # fmt: skip
        assert again.batch_first and "batch_first=True" in repr(again) and not again.metadata
        assert np.array_equal(again.forward(swapped(X))[0], y)
    assert not recurrent.load(tmp_path / "n").metadata and not network().batch_first
    with pytest.raises(AttributeError, match=r"^batch_first is read-only; expected a new network, got False"):
        first.batch_first = False
    with pytest.raises(TypeError, match=r"^batch_first has the wrong type; expected a bool, got int"):
        network(batch_first=1)


def test_batch_first_refusals():
    _, first = pair()
    for resets, words in (
        ([[1], [0, 1]], "resets is ragged"),
        ("a", "resets has the wrong type"),
        (np.zeros((T, N), bool), "resets has the wrong shape"),
    ):  # fmt: skip
        with pytest.raises((TypeError, ValueError), match=f"^{words}"):
            first.forward(swapped(X), resets=resets)
    with pytest.raises(
        ValueError, match=r"^x has the wrong shape; expected numbers \(N, T, 3\) or tokens \(N, T\), got"
    ):
        first.predict(X[0])


def test_introspection_of_batch_first():
    """Reads one text of tokens, whatever the axes of the network's calls are."""
    net, first = (network(outputs=SIZE, batch_first=flag) for flag in (False, True))
    one, two = (introspection.activations.activations(n, [0, 2, 1, 1]) for n in (net, first))
    assert one.keys() == two.keys() and all(np.array_equal(one[name], two[name]) for name in one)
    guesses = [introspection.activations.next_characters(n, [0, 2, 1, 1], "abc", 2) for n in (net, first)]
    assert guesses[0] == guesses[1] and len(guesses[1]) == 4
    norms = [introspection.activations.gradient_norms(n, [0, 2, 1, 1]) for n in (net, first)]
    assert all(np.array_equal(norms[0][name], norms[1][name]) for name in norms[0])


# ---- more


def test_two_threads():
    """A second call on one network is refused by a sentence; the first one is right."""
    net, x = recurrent.LSTM(SIZE, [64], CLASSES, rng=1), np.zeros((400, 64, SIZE), np.float32)
    expected, results, errors = net.predict(x), [], []

    def work():
        for _ in range(4):
            try:
                results.append(net.predict(x))
            except RuntimeError as error:
                errors.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(2)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert results and all(np.array_equal(found, expected) for found in results)
    assert all(error.startswith("the network is busy") for error in errors)


def test_predictions_draw_nothing_and_change_nothing():
    net = recurrent.LSTM(SIZE, [5, 5], CLASSES, dropout=0.5, rng=1)
    before = net._random.state, net.flat.w.tobytes()
    assert np.array_equal(net.predict(X), net.predict(X))
    net.evaluate(X, LABELS)
    assert (net._random.state, net.flat.w.tobytes()) == before


def test_echo_state_networks():
    """Their fit solves; predictions are those of every network."""
    net = recurrent.EchoStateNetwork(SIZE, 20, CLASSES, rng=1)
    net.fit(X, NUMBERS)
    assert np.allclose(net.predict(X), net.forward(X)[0], atol=1e-6)
    assert net.trainer is None and net.history is None and net.step == 0


@pytest.mark.parametrize("kind", [recurrent.RNN, recurrent.LSTM, recurrent.GRU])
def test_it_learns(kind):
    """The sign of the sum of a sequence, for each sequence and of several lengths."""
    random = np.random.default_rng(0)
    x = [random.standard_normal((length, 1)) for length in random.integers(2, 8, 96)]
    y = np.array([int(part.sum() > 0) for part in x])
    net = kind(1, [12], 2, rng=1)
    history = net.fit(
        x, y, epochs=40, learning_rate=0.02, validation_split=0.25, metrics=["accuracy"], progress=False
    )
    assert max(value for _, value in history.metrics["accuracy"]) > 0.85
    assert (net.predict(x) == y).mean() > 0.85
