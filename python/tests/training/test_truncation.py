"""Truncated backpropagation through time with an update every k1 tokens and gradients through k2 of them."""

import json

import numpy as np
import pytest

import recurrent
from recurrent.training.batches import ContiguousBatches
from support import bits

TEXT = "hello world, how are you? " * 12
B, RATE, CLIP = 3, 0.05, 1.0


def model(cell="lstm", dropout=0.0, **settings):
    return recurrent.TextModel(
        cell, [5, 4], embedding=3, dtype="float64", rng=1, dropout=dropout, **settings
    ).build(TEXT)


def optimizer():
    return recurrent.Adam(RATE, clipping="global_norm")


def fitted(k1, k2, steps, **settings):
    found = model(**settings)
    found.fit(TEXT, steps, B, k1, optimizer(), clip=CLIP, validation_split=0, progress=False, bptt_length=k2)
    return found


def learn(net, state, tokens, targets, own):
    """One update by NumPy's loss: softmax and cross-entropy of the targets that are not -1."""
    y, _ = net.forward(tokens, state)
    p = np.exp(y - y.max(2, keepdims=True))
    p /= p.sum(2, keepdims=True)
    t, b = np.nonzero(targets >= 0)
    loss = -np.log(p[t, b, targets[t, b]]).mean()
    dy = np.zeros_like(p)
    dy[t, b] = p[t, b]
    dy[t, b, targets[t, b]] -= 1
    net.flat.dw[...] = 0
    net.backward(dy / len(t))
    own.step(net.parameters, clip=CLIP)
    return loss


def reference(k1, k2, steps, **settings):
    """The weights and losses of BPTT(k2; k1), written out: windows of the text and the states before them."""
    text = model(**settings)
    net, own = text.network, optimizer()
    tokens = text.encode(TEXT)
    length = (len(tokens) - 1) // B
    x = np.array(tokens[: B * length]).reshape(B, length).T
    y = np.array(tokens[1 : B * length + 1]).reshape(B, length).T
    chunks, remainder, losses = length // k1, length % k1, []
    for step in range(steps):
        epoch, position = divmod(step, chunks)
        begin = epoch % (remainder + 1)
        at = begin + position * k1
        if position == 0:
            # the states after each token of the epoch that is read; those before a window are of older weights
            states = {begin: None}
        if k2 <= k1:
            state = states[at]
            if k2 < k1:
                state = net.forward(x[at : at + k1 - k2], state)[1]
            begins = at + k1 - k2
            after = net.forward(x[begins : at + k1], state)[1]
            losses.append(learn(net, state, x[begins : at + k1], y[begins : at + k1], own))
            states[at + k1] = after
            continue
        first, following = max(begin, at - (k2 - k1)), max(begin, at + k1 - (k2 - k1))
        targets = y[first : at + k1].copy()
        targets[: at - first] = -1
        if following > first:
            states[following] = net.forward(x[first:following], states[first])[1]
        losses.append(learn(net, states[first], x[first : at + k1], targets, own))
    return text, losses


@pytest.mark.parametrize(
    "cell, settings", [("lstm", {}), ("gru", {"learned_initial_state": True}), ("sru", {})]
)
@pytest.mark.parametrize("k1, k2", [(4, 4), (4, 7), (4, 8), (4, 11), (1, 6), (3, 200), (5, 2), (6, 1)])
def test_against_a_reference(cell, settings, k1, k2):
    """Over more than an epoch: each has 103 // k1 chunks."""
    steps = 103 // k1 + 5
    found = fitted(k1, k2, steps, cell=cell, **settings)
    expected, losses = reference(k1, k2, steps, cell=cell, **settings)
    np.testing.assert_allclose([loss for _, loss, *_ in found.history.train], losses, rtol=1e-9)
    np.testing.assert_allclose(found.flat.w, expected.flat.w, rtol=1e-7, atol=1e-9)


def test_the_default_is_the_length_of_a_chunk():
    for dropout in (0.0, 0.5):
        assert bits(fitted(4, None, 30, dropout=dropout).parameters) == bits(
            fitted(4, 4, 30, dropout=dropout).parameters
        )
    one, other = fitted(4, 7, 5), fitted(4, 4, 5)
    assert bits(one.parameters) != bits(other.parameters)


@pytest.mark.parametrize("k1, k2", [(4, 11), (5, 2), (3, 200)])
@pytest.mark.parametrize("made", [2, 9, 26])
def test_resume_to_the_same_bits(tmp_path, k1, k2, made):
    whole, part = fitted(k1, k2, 40, dropout=0.3), fitted(k1, k2, made, dropout=0.3)
    part.save(tmp_path / "model")
    part = recurrent.TextModel.load(tmp_path / "model")
    assert part.trainer.settings.bptt_length == k2
    part.resume(TEXT, 40 - made, progress=False)
    assert bits(whole.parameters) == bits(part.parameters)


def test_runs_of_versions_without_it():
    saved = fitted(4, None, 2).trainer.to_dict()
    del saved["settings"]["bptt_length"]
    trainer = type(fitted(4, None, 2).trainer).from_json(json.dumps(saved), None)
    assert trainer.settings.bptt_length is None


def test_windows():
    batches = ContiguousBatches(np.arange(41, dtype=np.uint8), 2, 4, bptt_length=10)
    lengths, overlaps = [], []
    for index in range(5):
        x, y, overlap = batches.window(index)
        lengths.append(len(x))
        overlaps.append(overlap)
        assert (y[-4:] == x[-4:] + 1).all() and (y[:-4] == -1).all()
        assert (x[-4:] == batches.chunk(index)[0]).all() and (batches.chunk(index)[1] >= 0).all()
    assert lengths == [4, 8, 10, 10, 10] and overlaps == [4, 6, 6, 6, 6]


def test_steps():
    """The state of the next step is that before the steps that it reads again."""
    text = model()
    text.optimizer = recurrent.SGD(0.0)
    tokens = np.array(text.encode("hello wor")).reshape(9, 1)
    plain = model()
    plain.optimizer = recurrent.SGD(0.0)
    losses = [
        text.train_step(tokens[:6], tokens[1:7], overlap=2).loss,
        text.train_step(tokens[4:8], tokens[5:9]).loss,
    ]
    plain.train_step(tokens[:4], tokens[1:5])
    assert losses[1] == plain.train_step(tokens[4:8], tokens[5:9]).loss
    text.reset_state()
    text.train_step(tokens[:3], tokens[1:4], overlap=3)
    assert text.batch_size == 0 and text.step == 3
    # targets before the last steps count for nothing
    aims = tokens[1:7].copy()
    aims[:4] = 0
    first, second = model(), model()
    for each, targets in ((first, tokens[1:7]), (second, aims)):
        each.optimizer = recurrent.SGD(0.1)
        each.train_step(tokens[:6], targets, bptt_length=2)
    assert bits(first.parameters) == bits(second.parameters)


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        ({"bptt_length": 0}, ValueError, "bptt_length is out of range; expected at least 1, got 0"),
        ({"bptt_length": 4}, ValueError, "bptt_length is out of range; expected 1 to 3 time steps, got 4"),
        ({"bptt_length": 1.5}, TypeError, "bptt_length has the wrong type"),
        ({"overlap": -1}, ValueError, "overlap is out of range; expected at least 0"),
        ({"overlap": 4}, ValueError, "overlap is out of range; expected 0 to 3 time steps, got 4"),
        (
            {"bptt_length": 2, "overlap": 3},
            ValueError,
            "overlap is out of range; expected 0 to 2 time steps, got 3",
        ),
    ],
)
def test_refused(arguments, error, words):
    text = model()
    text.optimizer = recurrent.SGD(0.1)
    before = text.flat.w.copy()
    tokens = np.zeros((3, 2), int)
    with pytest.raises(error, match=words):
        text.train_step(tokens, tokens, **arguments)
    assert (text.flat.w == before).all() and text.batch_size == 0 and text.step == 0
    for value in (0, -1, 2.5, "3"):
        with pytest.raises((ValueError, TypeError), match="bptt_length"):
            model().fit(TEXT, 2, B, 4, bptt_length=value, progress=False)
    # an index beyond the vocabulary, in the steps that only advance the state
    for bad, good in ((tokens - 1, tokens), (tokens, tokens - 2)):
        with pytest.raises(IndexError):
            text.train_step(bad, good, bptt_length=1)
    assert (text.flat.w == before).all() and text.batch_size == 0
