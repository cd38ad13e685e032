"""Cells of the user's own: wherever the name of a built-in cell is accepted, with the results of the equations."""

import subprocess
import sys

import numpy as np
import pytest

import recurrent
from recurrent.web.network_picture import picture
from support import DTYPES

TEXT = "hello help, he held the hull. " * 20


class OwnLSTM(recurrent.Cell):
    """The equations of the built-in LSTM."""

    states = ("h", "c")

    def parameters(self, I, H):  # noqa: E741
        return {"Wx": (4 * H, I), "Wh": (4 * H, H), "b": (4 * H, 1)}

    def step(self, x, h, c, p):
        i, f, o, g = (p.Wx @ x + p.Wh @ h + p.b).split(4)
        after = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * after.tanh(), after


class Projected(recurrent.Cell):
    """States of different widths, returned by name, and a parameter with an initial value."""

    states = ("out", "memory")

    def rows(self, H):
        return H // 2, H

    def parameters(self, I, H):  # noqa: E741
        return {"W": (H, I), "U": (H, H // 2), "P": (H // 2, H), "rate": (H, 1, 0.25)}

    def step(self, x, out, memory, p):
        memory = memory + p.rate * ((p.W @ x + p.U @ out).tanh() - memory)
        return {"memory": memory, "out": p.P @ memory}


def twins(dtype="float64", **settings):
    """A network of the own LSTM, and the built-in one with the same weights."""
    own = recurrent.Network(OwnLSTM(), 5, [7, 6], 4, dtype=dtype, rng=1, **settings)
    builtin = recurrent.LSTM(5, [7, 6], 4, dtype=dtype, rng=2, **settings)
    for k, H in enumerate((7, 6)):
        for name in ("Wx", "Wh", "b"):
            rows = own.parameters[f"{name}{k}"].w
            for part, gate in enumerate("ifoc"):
                full = f"b{gate}{k}" if name == "b" else f"W{gate}{name[1]}{k}"
                builtin.parameters[full].w = rows[part * H : (part + 1) * H]
    for name in ("Wil", "Whd", "bd"):
        if name in own.parameters:
            builtin.parameters[name].w = own.parameters[name].w
    return own, builtin


@pytest.mark.parametrize("dtype, bound", [("float64", 1e-12), ("float32", 1e-5)])
@pytest.mark.parametrize("lengths", [None, [6, 0, 3]])
@pytest.mark.parametrize("inputs", ["vectors", "tokens", "embedding"])
def test_equations_of_the_lstm(dtype, bound, lengths, inputs):
    own, builtin = twins(dtype, embedding=3 if inputs == "embedding" else None)
    random = np.random.default_rng(1)
    x = random.standard_normal((6, 3, 5)) if inputs == "vectors" else random.integers(0, 5, (6, 3))
    dy, results = random.standard_normal((6, 3, 4)), []
    for net in (own, builtin):
        state = net.zero_state(3)
        state.flat[...] = np.random.default_rng(2).standard_normal(state.flat.size)
        y, after = net.forward(x, state, lengths=lengths)
        dx, dstate = net.backward(dy, after)
        losses = [net.train_step(x, dy, recurrent.Adam(0.1), lengths=lengths).loss for _ in range(3)]
        results.append([y, after.flat, dstate.flat, losses, *([] if dx is None else [dx])])
    for mine, expected in zip(*results):
        np.testing.assert_allclose(mine, expected, rtol=bound, atol=bound)


def test_dropout_draws_the_same_masks():
    results = []
    for net in twins(dropout=0.5):
        net.dropout = 0.5
        net._random.state = recurrent.Random(5).state
        results.append(
            [net.train_step(np.ones((6, 3, 5)), np.ones((6, 3, 4)), recurrent.SGD(0.1)).loss for _ in "ab"]
        )
    np.testing.assert_allclose(*results, rtol=1e-12)


def test_generation_of_the_lstm():
    own = recurrent.Network(OwnLSTM, 5, [7], 5, rng=1)
    own.flat.w = np.random.default_rng(3).standard_normal(own.flat.w.shape)
    tokens = own.generate(50, [1, 2], rng=4)
    assert len(tokens) == 50 and [t for t, _ in own.stream(50, [1, 2], rng=4)] == list(tokens)
    scores, _ = own.forward(np.array([1, 2, *tokens[:-1]])[:, None])
    greedy = own.generate(20, [1], temperature=0)
    follow, _ = own.forward(np.array([1, *greedy[:-1]])[:, None])
    assert np.array_equal(follow[:, 0].argmax(1), greedy)
    (text, p), *_ = own.beam_search(5, [1], 3)
    logp = np.log(
        recurrent.softmax(
            recurrent.Mat.from_array(own.forward(np.array([1, *text[:-1]])[:, None])[0][:, 0].T)
        ).w
    )
    assert abs(sum(logp[token, t] for t, token in enumerate(text)) - p) < 1e-4
    assert np.isfinite(scores).all()


class LowRank(recurrent.Cell):
    """A matrix that is a product of parameters, computed once for each pass."""

    def parameters(self, I, H):  # noqa: E741
        return {"A": (H, 2), "B": (2, H), "W": (H, I), "g": (H, 1, 0.5)}

    def step(self, x, h, p):
        return (p.W @ x + (p.A @ p.B) @ h + p.g.sigmoid() * h).tanh()


def test_generation_reads_the_weights_of_now():
    net, tokens = recurrent.Network(LowRank(), 5, [7], 5, dtype="float64", rng=1), np.arange(12)[:, None] % 5
    for _ in range(2):
        greedy = net.generate(20, [1], temperature=0)
        scores, _ = net.forward(np.array([1, *greedy[:-1]])[:, None])
        assert np.array_equal(scores[:, 0].argmax(1), greedy)
        for _ in range(30):
            net.train_step(tokens[:-1], tokens[1:], recurrent.SGD(1.0))
    assert len(set(greedy)) > 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_states_of_different_widths(dtype):
    net = recurrent.Network(Projected(), 3, [8, 6], 2, dtype=dtype, rng=1)
    assert {name: m.w.shape for name, m in net.parameters.items()}["P1"] == (3, 6)
    assert (net.parameters["rate0"].w == 0.25).all() and net.parameters["W1"].w.shape == (6, 4)
    y, state = net.forward(np.ones((5, 2, 3)))
    assert y.shape == (5, 2, 2) and state.names == ("out", "memory")
    assert [a.shape for a in state["out"]] == [(2, 4), (2, 3)]
    assert [a.shape for a in state["memory"]] == [(2, 8), (2, 6)]
    whole, _ = net.forward(np.ones((10, 2, 3)))
    for form in (state, (state["out"], state["memory"]), {n: state[n] for n in state.names}):
        np.testing.assert_allclose(net.forward(np.ones((5, 2, 3)), form)[0], whole[5:], rtol=1e-6)
    found = net.activations(np.ones((5, 2, 3)))
    assert {n: a.shape[2] for n, a in found.items()} == {"out0": 4, "memory0": 8, "out1": 3, "memory1": 6}
    np.testing.assert_array_equal(found["memory1"][-1], state["memory"][1])
    assert repr(net).startswith("<Projected(3, [8, 6], output_size=2)")
    with pytest.raises(KeyError, match="state is unknown; expected one of out, memory, got 'c'"):
        state["c"]
    with pytest.raises(IndexError, match="expected one of out0, memory0, out1, memory1, got 'c0'"):
        net.activations(np.ones((5, 2, 3)), names="c0")


@pytest.mark.parametrize("embedding", [None, 4])
@pytest.mark.parametrize("cell", [OwnLSTM, Projected])
@pytest.mark.parametrize("tokenizer", ["characters", "bytes"])
def test_a_text_model_resumes_without_the_source(cell, embedding, tokenizer, tmp_path):
    run = {"batch_size": 2, "seq_length": 8, "progress": False, "learning_rate": 0.01}
    model = recurrent.TextModel(cell(), [8, 6], embedding, 0.2, tokenizer, rng=1)
    assert model.cell == cell.__name__
    model.fit(TEXT, 6, checkpoint=tmp_path / "whole", **run)
    half = recurrent.TextModel(cell(), [8, 6], embedding, 0.2, tokenizer, rng=1)
    half.fit(TEXT, 3, checkpoint=tmp_path / "half", **run)
    code = f"""
import recurrent
m = recurrent.TextModel.load({str(tmp_path / "half")!r})
m.resume(steps=3, text={TEXT!r}, progress=False)
print(m.cell, m.network.flat.w.tobytes().hex(), repr(m.sample(20, "he", rng=1)))
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert out.returncode == 0, out.stderr
    expected = f"{model.network.flat.w.tobytes().hex()} {model.sample(20, 'he', rng=1)!r}"
    assert out.stdout.strip() == f"{cell.__name__} {expected}"
    assert half.html("he", "out0" if cell is Projected else "h0", 1)
    assert "<svg" in picture(model.network)


def test_what_a_class_does_wrong():
    class Base(recurrent.Cell):
        def parameters(self, I, H):  # noqa: E741
            return {"W": (H, I)}

        def step(self, x, h, p):
            return (p.W @ x + h).tanh()

    def refused(error, message, cell=Base, **changes):
        own = type("Own", (cell,), changes)
        with pytest.raises(error, match=message):
            recurrent.Network(own(), 3, [4])
        with pytest.raises(error, match=message):
            recurrent.TextModel(own(), [4]).build("abc")

    recurrent.Network(Base(), 3, [4])
    refused(NotImplementedError, "Own has no parameters", recurrent.Cell)
    refused(NotImplementedError, "Own has no step", step=recurrent.Cell.step)
    refused(TypeError, "states of Own has the wrong type; expected a tuple of names, got 'h'", states="h")
    refused(TypeError, "states of Own has the wrong type", states=())
    refused(TypeError, "states of Own has the wrong type; expected names, got 1", states=(1,))
    refused(ValueError, r"states\[0\] is unusable", states=("h 1",))
    refused(ValueError, "rows of Own has the wrong length; expected 1", rows=lambda self, H: [H, H])
    refused(TypeError, "parameters of Own returns the wrong type", parameters=lambda *_: None)
    refused(ValueError, r"parameters\['W'\] is unusable", parameters=lambda *_: {"W": 3})
    numbered = {"step": lambda self, x, h, p: h, "parameters": lambda *_: {"W1": (2, 2)}}
    refused(ValueError, "parameter of layer 0 of Own is unusable.*'W1'", **numbered)
    refused(
        KeyError, "parameter is unknown; expected one of 'W', got 'V'", step=lambda self, x, h, p: p["V"] @ x
    )
    refused(AttributeError, "parameter is unknown", step=lambda self, x, h, p: p.V @ x)
    refused(TypeError, "step returns the wrong type", step=lambda *_: None)
    refused(
        ValueError,
        "step of Own returns the wrong states; expected h, got c",
        step=lambda self, x, h, p: {"c": h},
    )
    refused(RuntimeError, "read of dw", step=lambda self, x, h, p: h.dw)
    outside = recurrent.Mat(4, 1)
    refused(ValueError, "reads a Mat from outside", step=lambda self, x, h, p: h + outside)
    with pytest.raises(ValueError, match=r"name of the cell is taken; .* got 'lstm'"):
        recurrent.Network(recurrent.Cell.of(Base().step, Base().parameters, name="lstm"), 3, [4])
    with pytest.raises(
        TypeError, match="cell has the wrong type; expected the name of a built-in cell or a Cell"
    ):
        recurrent.Network(3, 3, [4])
    with pytest.raises(ValueError, match="cell is unknown; expected"):
        recurrent.Network("elman", 3, [4])
    with pytest.raises(TypeError, match="step has the wrong type; expected a function, got int"):
        recurrent.Cell.of(1, Base().parameters)
    assert repr(OwnLSTM()) == "<Cell OwnLSTM: states h, c>"
    assert repr(recurrent.Network("lstm", 3, [4])).startswith("<lstm(3, [4])")
