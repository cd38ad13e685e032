"""Inference in threads: concurrently, with the bits of a call alone; training and it exclude each other."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import recurrent

TEXT = "the quick brown fox jumps over the lazy dog. "


def text_model():
    return recurrent.TextModel("lstm", [24], rng=1).build(TEXT)


def network_calls(net):
    """Calls of inference on arrays, by name: each a function of a seed."""

    def x(seed):
        return np.random.default_rng(seed).uniform(-1, 1, (5 + seed % 4, 3, 4)).astype(np.float32)

    def forward(seed):
        y, state = net.forward(x(seed), needs_backprop=False)
        return y.tobytes() + state.flat.tobytes()

    def evaluate(seed):
        return net.evaluate(x(seed), np.full((5 + seed % 4, 3), seed % 4))

    return {
        "forward": forward,
        "scores": lambda seed: net.scores(x(seed)).tobytes(),
        "predict": lambda seed: net.predict(x(seed), loss="cross_entropy").tobytes(),
        "predict_proba": lambda seed: net.predict_proba(x(seed)).tobytes(),
        "evaluate": evaluate,
        "forecast": lambda seed: net.forecast(x(seed), 4)[0].tobytes(),
        "initial_state": lambda seed: net.initial_state(2).flat.tobytes(),
    }


def text_calls(model):
    """Calls of inference on tokens and text, by name."""
    net, tokens = model.network, model.encode(TEXT)
    return {
        "generate": lambda seed: net.generate(20 + seed, [1, 2], rng=seed).tobytes(),
        "generate samples": lambda seed: [a.tobytes() for a in net.generate(9, [1, 2], rng=seed, samples=5)],
        "stream": lambda seed: list(net.stream(12, [seed % 5], rng=seed)),
        "beam_search": lambda seed: [(a.tobytes(), p) for a, p in net.beam_search(4, [seed % 7], 3)],
        "sample": lambda seed: model.sample(30, "the ", rng=seed, stop="e"),
        "sample samples": lambda seed: model.sample(10, rng=seed, samples=4),
        "stream text": lambda seed: "".join(model.stream(12, rng=seed)),
        "evaluate": lambda seed: model.evaluate(tokens[: 10 + seed], 1 + seed % 3),
        "decode": lambda seed: model.decode(model.encode(TEXT[seed:])),
        "top_k": lambda seed: str(model.network.forward(tokens[:, None], needs_backprop=False)[0].sum()),
    }


def all_calls():
    net = recurrent.GRU(4, [9, 7], 4, learned_initial_state=True, rng=3)
    return {**network_calls(net), **{f"text: {k}": call for k, call in text_calls(text_model()).items()}}


@pytest.mark.parametrize("name", all_calls())
def test_threads_get_what_a_call_alone_gets(name):
    call, seeds = all_calls()[name], range(8)
    expected = [call(seed) for seed in seeds]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(call, [*seeds] * 6)) == expected * 6


def test_all_calls_at_once():
    calls, seeds = list(all_calls().values()), range(3)
    work = [(call, seed) for seed in seeds for call in calls]
    expected = [call(seed) for call, seed in work]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda one: one[0](one[1]), work * 4)) == expected * 4


@pytest.mark.parametrize("cell", ["rnn_tanh", "lstm", "gru", "sru", "lstm_layer_norm", "rhn"])
def test_cells_in_threads(cell):
    try:
        net = recurrent.Network(cell, 4, [16, 8], 4, rng=1)
    except (ValueError, TypeError):
        pytest.skip(f"there is no cell {cell}")
    x = np.random.default_rng(0).uniform(-1, 1, (20, 8, 4)).astype(np.float32)
    expected = net.scores(x).tobytes()
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: net.scores(x).tobytes(), range(40))) == {expected}


# ---- exclusion


class During:
    """A call that another thread makes again and again."""

    def __init__(self, call):
        self.call, self.stop, self.count, self.errors = call, threading.Event(), 0, []
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.stop.is_set():
            try:
                self.call()
            except RuntimeError as error:
                # the other thread was first
                self.errors.append(str(error))
            self.count += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


def refusals(call, during, seconds=20):
    """The sentences of a call during another one, until there is one."""
    end, found = time.monotonic() + seconds, []
    with during:
        while not found and time.monotonic() < end:
            try:
                call()
            except RuntimeError as error:
                found.append(str(error))
            # the other thread begins its next call
            time.sleep(0.001)
    return found


def big():
    net = recurrent.LSTM(20, [256], 20, rng=0)
    tokens = np.random.default_rng(0).integers(0, 20, (60, 16))
    return net, tokens, recurrent.SGD(0.1)


@pytest.mark.parametrize(
    "change",
    [
        lambda net, x, optimizer: net.train_step(x[:2], x[:2], optimizer),
        lambda net, x, optimizer: net.initialize(recurrent="glorot", rng=1),
        lambda net, x, optimizer: net.forward(x[:2]),
        lambda net, x, optimizer: net.flat.fill(0.5),
        lambda net, x, optimizer: setattr(net, "dropout", 0.0),
        lambda net, x, optimizer: optimizer.step(net.parameters),
    ],
    ids=["train_step", "initialize", "forward", "fill", "dropout", "optimizer.step"],
)
def test_changes_are_refused_during_inference(change):
    net, tokens, optimizer = big()
    # inference takes nearly all of the time: a change that is not refused is short
    x = np.eye(20, dtype=np.float32)[np.tile(tokens, (4, 4))]
    found = refusals(lambda: change(net, tokens, optimizer), During(lambda: net.scores(x)))
    assert found and "network is in use by the inference of another thread" in found[0]
    assert "expected" in found[0] and "got" in found[0]
    # and works afterwards
    change(net, tokens, optimizer)


@pytest.mark.parametrize(
    "infer",
    [
        lambda net, x: net.scores(np.eye(20, dtype=np.float32)[x[:2]]),
        lambda net, x: net.forward(x[:2], needs_backprop=False),
        lambda net, x: net.generate(2, [1], rng=1),
        lambda net, x: net.generate(2, [1], rng=1, samples=3),
    ],
    ids=["scores", "forward", "generate", "samples"],
)
def test_inference_is_refused_during_training(infer):
    net, tokens, optimizer = big()
    found = refusals(lambda: infer(net, tokens), During(lambda: net.train_step(tokens, tokens, optimizer)))
    assert found and "network is in use by another thread, which may change it" in found[0]
    assert "expected" in found[0] and "got" in found[0]
    infer(net, tokens)


def test_a_refused_step_changes_nothing_and_inference_stays_right():
    """Weights that a step has changed in part would give other outputs than those of any step."""
    net, tokens, optimizer = big()
    x = np.eye(20, dtype=np.float32)[tokens[:4]]
    snapshots = {net.scores(x).tobytes()}
    done, wrong = threading.Event(), []

    def read():
        while not done.is_set():
            try:
                seen.append(net.scores(x).tobytes())
            except RuntimeError as error:
                if "in use" not in str(error):
                    wrong.append(error)

    seen: list[bytes] = []
    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    steps = 0
    end = time.monotonic() + 20
    while steps < 20 and time.monotonic() < end:
        before = steps
        try:
            net.train_step(tokens[:4], tokens[:4], optimizer)
            steps += 1
        except RuntimeError:
            time.sleep(0)
        if steps > before:
            while True:
                try:
                    snapshots.add(net.scores(x).tobytes())
                    break
                except RuntimeError:
                    continue
    done.set()
    for reader in readers:
        reader.join()
    assert not wrong and set(seen) <= snapshots


def test_backward_follows_its_forward_whatever_came_between():
    net = recurrent.LSTM(4, [6], 3, rng=1)
    x, dy = np.ones((5, 2, 4), np.float32), np.ones((5, 2, 3), np.float32)
    net.forward(x)
    expected, _ = net.backward(dy)
    net.flat.zero_gradient()
    net.forward(x)
    net.predict(x[:2])
    net.scores(x[:1])
    net.forward(2 * x[:3], needs_backprop=False)
    dx, _ = net.backward(dy)
    assert np.array_equal(dx, expected)
    with pytest.raises(RuntimeError, match="backward has no forward pass"):
        net.backward(dy)
    net.forward(x, needs_backprop=False)
    with pytest.raises(RuntimeError, match="backward has no forward pass"):
        net.backward(dy)


def test_training_keeps_its_recording():
    net = recurrent.LSTM(4, [6, 6], 3, dropout=0.5, rng=1)
    x = np.ones((5, 2, 4), np.float32)
    with pytest.raises(ValueError, match=r"training is on without needs_backprop; expected .* got False"):
        net.forward(x, training=True, needs_backprop=False)
    with pytest.raises(TypeError, match="needs_backprop"):
        net.forward(x, needs_backprop=1)
    a, state = net.forward(x)
    b, other = net.forward(x, needs_backprop=False)
    assert np.array_equal(a, b) and np.array_equal(state.flat, other.flat)
