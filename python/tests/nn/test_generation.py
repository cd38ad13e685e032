"""Generation of tokens: seeded, resumable, by beams."""

import json

import numpy as np
import pytest

import recurrent
from support import PYTHON_FIXTURES

CASES = json.loads((PYTHON_FIXTURES / "torch.json").read_text())
TOKEN_CASES = json.loads((PYTHON_FIXTURES / "torch_tokens.json").read_text())
KINDS = {
    "lstm": recurrent.LSTM,
    "gru": recurrent.GRU,
    "tanh": recurrent.RNN,
    "relu": lambda *a, **k: recurrent.RNN(*a, nonlinearity="relu", **k),
}
NETWORKS = [*KINDS.values(), lambda *a, **k: recurrent.GRU(*a, reset_after=False, **k)]


SETTINGS = {
    "temperature": 0.9,
    "top_k": 5,
    "top_p": 0.9,
    "min_p": 0.01,
    "repetition_penalty": 1.3,
    "repetition_window": 4,
}


def distance(a, b):
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return np.linalg.norm(a - b) / max(np.linalg.norm(b), 1e-12)


def test_generate_is_seeded_and_leaves_the_state():
    net = recurrent.LSTM(6, [9], 6, 3, rng=0)
    state = net.zero_state()
    a, b = net.generate(30, [1, 2], rng=7), net.generate(30, [1, 2], state=state, rng=7)
    assert np.array_equal(a, b) and a.dtype == np.int64 and not state.flat.any()
    assert not np.array_equal(a, net.generate(30, [1, 2], rng=8))
    assert np.array_equal(net.generate(9, 3, temperature=0), net.generate(9, [3], temperature=0, rng=5))
    assert net.generate(0, [1]).shape == (0,)
    # the likeliest next token is the one that forward scores highest
    y, _ = net.forward(np.array([[1], [2]]))
    assert net.generate(1, [1, 2], temperature=0)[0] == y[-1, 0].argmax()


@pytest.mark.parametrize("make", NETWORKS)
@pytest.mark.parametrize("embedding", [None, 3])
def test_generate_draws_as_numpy_would(make, embedding):
    """Scores by forward, probabilities by their function, a draw in proportion."""
    net = make(7, [9, 5], 7, embedding, dtype="float64", rng=0)
    net.flat.w = np.random.default_rng(0).uniform(-0.4, 0.4, (net.flat.n, 1))
    written, text = net.generate(40, [2, 5], rng=3, **SETTINGS).tolist(), [2, 5]
    random, logarithms = recurrent.Random(3), []
    for _ in range(40):
        y, _ = net.forward(np.array(text)[:, None])
        scores = y[-1, 0]
        p = recurrent.probabilities(scores, **SETTINGS, history=text)
        text.append(int(np.searchsorted(np.cumsum(p), random.uniform()[0], side="right")))
        logarithms.append(scores[text[-1]] - np.log(np.exp(scores).sum()))
    assert written == text[2:]
    tokens, ours = zip(*net.stream(40, [2, 5], rng=3, **SETTINGS))
    assert list(tokens) == written and distance(ours, logarithms) < 1e-12


def test_a_long_text_is_written_in_parts_without_a_seam():
    net = recurrent.GRU(7, [9], 7, rng=0)
    net.flat.w = np.random.default_rng(0).uniform(-1, 1, (net.flat.n, 1))
    random = recurrent.Random(1)
    streamed = net.stream(None, [0], rng=1, **SETTINGS)
    whole = net.generate(700, [0], rng=random, **SETTINGS)
    assert whole.tolist() == [next(streamed)[0] for _ in range(700)]
    cut = net.generate(700, [0], rng=1, **SETTINGS, end=int(whole[300]))
    at = int(np.flatnonzero(whole == whole[300])[0])
    assert np.array_equal(cut, whole[:at])
    assert len(list(net.stream(700, [0], rng=1, **SETTINGS, end=int(whole[300])))) == at
    # zero temperature: the likeliest, whatever is cut
    coldest = net.generate(300, [0], temperature=0)
    assert np.array_equal(coldest, net.generate(300, [0], temperature=0, top_p=0.1, top_k=3))
    # scores that diverge on the way give the generator's draws back
    net.flat.w[-3] = np.nan
    before = random.state
    with pytest.raises(FloatingPointError, match="diverged"):
        net.generate(700, [0], rng=random)
    assert random.state == before


def test_beam_search():
    net = recurrent.LSTM(4, [6], 4, dtype="float64", rng=0)
    net.flat.w = np.random.default_rng(0).uniform(-2, 2, (net.flat.n, 1))

    def logarithm(text):
        y, _ = net.forward(np.array(text)[:-1, None])
        p = y[:, 0] - np.log(np.exp(y[:, 0]).sum(-1, keepdims=True))
        return p[np.arange(len(text) - 1), text[1:]][1:].sum()

    prime = [2, 1]
    every = sorted(((logarithm([*prime, *t]), t) for t in np.ndindex(4, 4, 4)), reverse=True)
    found = net.beam_search(3, prime, beams=100)
    assert [tuple(t) for t, _ in found] == [t for _, t in every]
    assert distance([p for _, p in found], [p for p, _ in every]) < 1e-12
    assert len(net.beam_search(3, prime)) == 4
    greedy, _ = net.beam_search(20, prime, beams=1)[0]
    assert np.array_equal(greedy, net.generate(20, prime, temperature=0))
    ended = net.beam_search(3, prime, beams=4000, end=3)
    assert len(ended) == 1 + 3 + 9 * 4 and all(3 not in t for t, _ in ended)
    assert sum(np.exp(p) for _, p in ended) == pytest.approx(1)
    for end in (-1, 4):
        with pytest.raises(IndexError, match=f"end is out of range; expected 0 to 3, got {end}"):
            net.beam_search(3, prime, end=end)


@pytest.mark.parametrize("extra", [0, 5000])
def test_text_longer_than_the_buffer(extra):
    """A long stop string holds more text back than the first buffer has room for; none of it is lost."""
    tm = recurrent.TextModel(hidden_sizes=[3], rng=1).build("ab")
    text = tm.sample(4000, rng=2)
    whole = "".join(tm.stream(4000, stop=text[: 2000 + extra] + "b" * 2500, rng=2))
    assert whole == text
    assert tm.sample(4000, stop=text + "a", rng=2) == text


# ---- many continuations at once


@pytest.mark.parametrize("make", NETWORKS)
@pytest.mark.parametrize("embedding", [None, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_samples_are_those_of_their_seeds(make, embedding, dtype):
    net = make(7, [9, 5], 7, embedding, dtype=dtype, rng=0)
    net.flat.w = np.random.default_rng(0).uniform(-1, 1, (net.flat.n, 1))
    for settings in ({}, SETTINGS, {"temperature": 0}, {"end": 3}, {"temperature": 0.5, "end": 0}):
        found = net.generate(30, [2, 5], rng=3, samples=9, **settings)
        seeds = [int(word) for word in recurrent.Random(3).words(9)]
        assert len(found) == 9
        for tokens, seed in zip(found, seeds):
            assert tokens.dtype == np.int64
            assert tokens.tolist() == net.generate(30, [2, 5], rng=seed, **settings).tolist()


def test_samples_continue_a_state_in_parts_of_any_length():
    """More tokens than a call of the library makes, and prompts that all samples share."""
    net = recurrent.GRU(6, [8], 6, rng=0)
    net.flat.w = np.random.default_rng(0).uniform(-1, 1, (net.flat.n, 1))
    state = net.forward(np.array([[1], [2], [4]]))[1]
    before = state.flat.copy()
    found = net.generate(600, [1, 2, 3], state=state, rng=5, samples=3)
    for tokens, word in zip(found, recurrent.Random(5).words(3)):
        alone = net.generate(600, [1, 2, 3], state=state, rng=int(word))
        assert np.array_equal(tokens, alone) and len(tokens) == 600
    assert np.array_equal(state.flat, before)
    assert [len(tokens) for tokens in net.generate(0, [1], rng=1, samples=2)] == [0, 0]


def test_samples_draw_their_seeds_from_rng():
    net, random, twin = recurrent.GRU(6, [8], 6, rng=0), recurrent.Random(9), recurrent.Random(9)
    found = net.generate(5, [1], rng=random, samples=4)
    words = twin.words(4)
    assert random.state == twin.state
    assert [a.tolist() for a in found] == [net.generate(5, [1], rng=int(w)).tolist() for w in words]
    # the first of more samples are those of fewer
    more = net.generate(5, [1], rng=9, samples=6)
    assert [a.tolist() for a in more[:4]] == [a.tolist() for a in found]
    # temperature 0 draws nothing
    same = net.generate(5, [1], temperature=0, rng=random, samples=3)
    assert random.state == twin.state and len({a.tobytes() for a in same}) == 1


def test_samples_that_fail_draw_nothing():
    net, random = recurrent.LSTM(6, [8], 6, rng=0), recurrent.Random(1)
    before = random.state
    net.parameters["bd"].w = np.full((6, 1), np.nan)
    with pytest.raises(FloatingPointError, match="scores are not finite"):
        net.generate(5, [1], rng=random, samples=4)
    assert random.state == before


@pytest.mark.parametrize("samples", [0, -1, 4097, 2**70])
def test_numbers_of_samples(samples):
    net = recurrent.LSTM(6, [8], 6, rng=0)
    with pytest.raises(ValueError, match=r"samples is out of range; expected .*, got "):
        net.generate(5, [1], samples=samples)
    with pytest.raises(TypeError, match="samples"):
        net.generate(5, [1], samples=1.5)
