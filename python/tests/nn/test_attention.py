"""Attention of a step over the past: values, gradients and refusals."""

from __future__ import annotations

import numpy as np
import pytest

import recurrent

T, B, I, H = 7, 3, 2, 4  # noqa: E741


class OwnOutputs(recurrent.Cell):
    """A plain layer that reads its own earlier outputs, by dot-product attention."""

    def parameters(self, I, H):  # noqa: E741
        return {"Wx": (H, I), "Wh": (H, H), "Wa": (H, H)}

    def step(self, x, h, p):
        return (p.Wx @ x + p.Wh @ h + p.Wa @ h.attend(h, h)).tanh()


class KeysAndValues(recurrent.Cell):
    """A cell with keys and values of its own, which two queries read."""

    states = ("h", "k", "v")

    def parameters(self, I, H):  # noqa: E741
        return {
            "Wx": (H, I),
            "Wq": (H, H),
            "Wr": (H, H),
            "Wk": (H, H),
            "Wv": (H, H),
            "Wa": (H, H),
            "g": (H, 1),
        }

    def step(self, x, h, k, v, p):
        a, b = (p.Wq @ h).attend(k, v), ((p.Wr @ h) * 0.5 + p.g).attend(k, h)
        h = (p.Wx @ x + p.Wa @ a + b * v).tanh()
        return h, p.Wk @ h, (p.Wv @ h).tanh()


CELLS = {"own outputs": OwnOutputs(), "keys and values": KeysAndValues()}


class Plain:
    """The operations of a step on Mats of an ordinary graph, with the states of all earlier steps."""

    def __init__(self, G: recurrent.Graph) -> None:
        self.G, self.past = G, {}
        self.ones = recurrent.Mat.from_array(np.ones((H, 1)))

    def attend(self, query, keys, values):
        G = self.G
        keys, values = self.past[id(keys)], self.past[id(values)]
        scores = G.concat_rows([G.sum(G.eltmul(query, k), axis=0) for k in keys])
        p = G.softmax(scores)
        parts = [G.eltmul(G.mul(self.ones, G.slice_rows(p, s, 1)), v) for s, v in enumerate(values)]
        total = parts[0]
        for part in parts[1:]:
            total = G.add(total, part)
        return total


def own_outputs(plain, p, x, h):
    G = plain.G
    inner = G.add(G.mul(p["Wx0"], x), G.mul(p["Wh0"], h))
    return (G.tanh(G.add(inner, G.mul(p["Wa0"], plain.attend(h, h, h)))),)


def keys_and_values(plain, p, x, h, k, v):
    G = plain.G
    a = plain.attend(G.mul(p["Wq0"], h), k, v)
    b = plain.attend(G.add(G.scale(G.mul(p["Wr0"], h), 0.5), p["g0"]), k, h)
    h = G.tanh(G.add(G.add(G.mul(p["Wx0"], x), G.mul(p["Wa0"], a)), G.eltmul(b, v)))
    return h, G.mul(p["Wk0"], h), G.tanh(G.mul(p["Wv0"], h))


STEPS = {"own outputs": own_outputs, "keys and values": keys_and_values}


def network(name: str, dtype: str = "float64", **options) -> recurrent.Network:
    net = recurrent.Network(CELLS[name], I, [H], dtype=dtype, rng=1, **options)
    net.flat.w = np.random.default_rng(2).normal(0, 0.7, net.flat.w.shape)
    return net


def case(name: str) -> tuple:
    rng = np.random.default_rng(3)
    x, dy = rng.normal(size=(T, B, I)), rng.normal(size=(T, B, H))
    start, dfinal = rng.normal(size=(2, len(CELLS[name].states), B, H))
    return x, dy, start, dfinal


def as_state(name: str, arrays: np.ndarray, dtype: str = "float64") -> recurrent.State:
    return recurrent.State(arrays.astype(dtype).ravel(), {state: (H,) for state in CELLS[name].states})


@pytest.mark.parametrize("lengths", [None, [T, 1, 4], [0, T, 2]])
@pytest.mark.parametrize("name", CELLS)
def test_equals_the_operations_one_by_one(name: str, lengths: list[int] | None) -> None:
    net = network(name)
    x, dy, start, dfinal = case(name)
    y, _ = net.forward(x, as_state(name, start), lengths=lengths)
    dx, dstart = net.backward(dy, as_state(name, dfinal))
    got = {n: m.dw.copy() for n, m in net.parameters.items()}

    expected = {n: np.zeros_like(g) for n, g in got.items()}
    for j in range(B):
        n = T if lengths is None else lengths[j]
        G = recurrent.Graph()
        p = {m: recurrent.Mat.from_array(w.w) for m, w in net.parameters.items()}
        plain = Plain(G)
        xs = [recurrent.Mat.from_array(x[t, j][:, None]) for t in range(n)]
        states = [recurrent.Mat.from_array(s[j][:, None]) for s in start]
        first, pasts = states, [[s] for s in states]
        outputs = []
        for t in range(n):
            plain.past = {id(s): past for s, past in zip(states, pasts)}
            states = STEPS[name](plain, p, xs[t], *states)
            outputs.append(states[0])
            for past, state in zip(pasts, states):
                past.append(state)
        for t, output in enumerate(outputs):
            np.testing.assert_allclose(y[t, j], output.w[:, 0], rtol=1e-10, atol=1e-12)
        # padding is 0 whatever its gradients are
        assert not y[n:, j].any()
        for output, d in zip(outputs, dy[:, j]):
            output.dw[:, 0] += d
        for state, d in zip(states, dfinal[:, j]):
            if n:
                state.dw[:, 0] += d
        if n:
            G.backward()
        for m in expected:
            expected[m] += p[m].dw
        for k, state in enumerate(first):
            d = state.dw[:, 0] if n else dfinal[k][j]
            np.testing.assert_allclose(dstart[CELLS[name].states[k]][0][j], d, rtol=1e-9, atol=1e-11)
        for t in range(n):
            np.testing.assert_allclose(dx[t, j], xs[t].dw[:, 0], rtol=1e-9, atol=1e-11)
    for m in expected:
        np.testing.assert_allclose(got[m], expected[m], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", CELLS)
def test_types_threads_and_directions(name: str) -> None:
    x, dy, start, dfinal = case(name)
    single, double = network(name, "float32"), network(name)
    results = []
    for net in (single, double):
        y, _ = net.forward(x, as_state(name, start, net.dtype))
        net.backward(dy, as_state(name, dfinal, net.dtype))
        results.append((y, net.flat.dw.copy()))
    for a, b in zip(*results):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
    before = recurrent.get_num_threads()
    try:
        recurrent.set_num_threads(3)
        wide = recurrent.Network(CELLS[name], 64, [96], dtype="float32", rng=1)
        long = np.random.default_rng(5).normal(size=(9, 40, 64))
        bits = []
        for threads in (1, 2, 3):
            recurrent.set_num_threads(threads)
            y, _ = wide.forward(long)
            wide.flat.zero_gradient()
            wide.backward(np.ones_like(y))
            bits.append((y.tobytes(), wide.flat.dw.tobytes()))
    finally:
        recurrent.set_num_threads(before)
    assert bits[0] == bits[1] == bits[2]
    # the reverse direction attends to the future
    both = network(name, bidirectional=True)
    y = both.forward(x)[0]
    changed = x.copy()
    changed[4] += 1
    other = both.forward(changed)[0]
    assert (y[:4, :, :H] == other[:4, :, :H]).all() and (y[:4, :, H:] != other[:4, :, H:]).all()


def test_attention_is_causal_and_reaches_back() -> None:
    net = network("own outputs")
    net.parameters["Wh0"].w[...] = 0
    x = case("own outputs")[0]
    y = net.forward(x)[0]
    for t in range(T):
        changed = x.copy()
        changed[t] += 1
        other = net.forward(changed)[0]
        assert (other[:t] == y[:t]).all() and (other[t:] != y[t:]).any(axis=2).all()


def test_equal_scores_are_the_mean() -> None:
    net = network("own outputs")
    for name in ("Wx0", "Wh0"):
        net.parameters[name].w[...] = 0
    net.parameters["Wa0"].w = 0.5 * np.eye(H)
    # all states are multiples of ones: with h = 0 as query every score is 0
    start = np.zeros((1, B, H))
    assert not net.forward(np.zeros((T, B, I)), as_state("own outputs", start))[0].any()


def test_training_and_programs_in_files() -> None:
    net = recurrent.Network(OwnOutputs(), 2, [16], 2, rng=1)
    rng = np.random.default_rng(0)
    # the output is the first input, which only the past holds
    x = rng.integers(0, 2, (12, 32, 2)).astype(np.float32)
    targets = np.broadcast_to(x[0], x.shape)
    optimizer = recurrent.Adam()
    losses = [net.train_step(x, targets, optimizer, 0.01).loss for _ in range(150)]
    assert losses[-1] < 0.25 * losses[0]

    program = recurrent.Program(lambda x, h, p: (p.W @ x + h.attend(h, h)).tanh(), 3, 3, {"W": (3, 3)})
    again = recurrent.Program.from_json(program.json())
    assert again.json() == program.json() and '["attend",["s0",0,3],["s0",0,3],["s0",0,3]]' in program.json()


def refused(words: str, call, kind=ValueError) -> None:
    with pytest.raises(kind, match=words):
        call()


def test_refusals() -> None:
    net = recurrent.Network(OwnOutputs(), 5, [4], 5, 5, rng=1)
    words = "step attends to the past; expected one whose states hold all that it reads for "
    tokens = np.zeros((4, 2), int)
    refused(words + "generation", lambda: net.generate(3, [0], rng=1))
    refused(words + "resets", lambda: net.forward(tokens, resets=np.ones((4, 2), bool)))
    refused(words + "memory", lambda: net.train_step(tokens, tokens, recurrent.SGD(0.1), memory=1 << 20))
    refused(
        words + "a text model", lambda: recurrent.TextModel(OwnOutputs(), [4]).fit("abcabc" * 800, steps=1)
    )
    refused("(beam|single|generation)", lambda: net.beam_search(3, [0]))

    def program(step, states=2):
        return recurrent.Program(step, 2, states)

    attending = program(lambda x, h: h.attend(h, h))
    G, m = recurrent.Graph(), recurrent.Mat(2, 1)
    refused(words + "a forest", lambda: G.forest(attending, m, [[-1]]))
    refused(words + "an application", lambda: G.apply(attending, m, [m]))
    refused("attend is an operation of steps", lambda: G.attend(m, m, m), RuntimeError)
    refused(
        "keys of attend has no past; expected a whole state", lambda: program(lambda x, h: h.attend(x, h))
    )
    refused("values of attend has no past", lambda: program(lambda x, h: h.attend(h, h + x)))
    refused("has the wrong shape; expected 1 x", lambda: program(lambda x, h: h.split(2)[0].attend(h, h)))
