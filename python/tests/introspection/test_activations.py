"""What a text model does while it reads: activations, guesses, gradients through time, pages and plots."""

from __future__ import annotations

import math

import numpy as np
import pytest

import recurrent
from reading_models import TEXT, model

CELLS = ("lstm", "gru", "gru_reset_before", "rnn_tanh", "rnn_relu")


def test_activations_are_the_networks():
    tm = model()
    tokens = tm.encode(TEXT)
    found, expected = tm.activations(TEXT), tm.network.activations(tokens[:, None])
    assert list(found) == list(expected)
    for name, values in found.items():
        assert values.shape == (len(tokens), 6 if name.endswith("0") else 5)
        assert np.array_equal(values, expected[name][:, 0])
    assert list(tm.activations(TEXT, ["f1"])) == ["f1"]
    with pytest.raises(IndexError, match=r"activation is unknown; expected one of .*, got 'r0'"):
        tm.activations(TEXT, ["r0"])


@pytest.mark.parametrize("text", ["", "é", 3])
def test_texts_that_cannot_be_read(text):
    tm = model()
    for function in (
        tm.activations,
        tm.next_characters,
        tm.gradient_norms,
        lambda text: tm.html(text, "h0", 0),
    ):
        with pytest.raises(TypeError if text == 3 else ValueError, match=r"text|character 'é' \(U\+00E9\)"):
            function(text)
    assert len(tm.next_characters("é" + TEXT, errors="ignore")) == len(TEXT)


@pytest.mark.parametrize("tokenizer", ["characters", "bytes"])
def test_next_characters_are_the_likeliest(tokenizer, monkeypatch):
    tm = model(tokenizer=tokenizer)
    read = tm.encode(TEXT)
    y, _ = tm.network.forward(read[:, None])
    p = np.exp(y[:, 0]) / np.exp(y[:, 0]).sum(1, keepdims=True)
    # read in parts, the state goes from one to the next
    monkeypatch.setattr(recurrent.introspection.activations, "_CHUNK_SCORES", 7 * p.shape[1])
    found = tm.next_characters(TEXT)
    assert len(found) == len(read)
    names = tm.vocabulary or [chr(b) if b < 128 else f"\\x{b:02X}" for b in range(256)]
    for row, guesses in zip(p, found):
        order = np.argsort(-row)[:5]
        assert [name for name, _ in guesses] == [names[token] for token in order]
        assert np.allclose([share for _, share in guesses], row[order], rtol=1e-12)
    if tokenizer == "characters":
        every = tm.next_characters("so", k=1000)[-1]
        assert len(every) == len(tm.vocabulary)
        assert math.isclose(sum(share for _, share in every), 1)
    with pytest.raises(ValueError, match="k is out of range; expected at least 1"):
        tm.next_characters("so", k=0)


@pytest.mark.parametrize("cell", CELLS)
def test_gradient_norms_are_central_differences(cell):
    tm = model(cell)
    tm.flat.dw[:] = 3
    tokens = tm.encode(TEXT[:9])
    found = tm.gradient_norms(TEXT[:9])
    assert (tm.flat.dw == 3).all()

    def loss(state, t):
        y, _ = tm.network.forward(tokens[t + 1 : -1, None], state)
        row = y[-1, 0]
        return np.log(np.exp(row).sum()) - row[tokens[-1]]

    for t in range(7):
        _, state = tm.network.forward(tokens[: t + 1, None])
        slope = np.empty_like(state.flat)
        for j in range(len(slope)):
            above, below = state.copy(), state.copy()
            above.flat[j] += 1e-5
            below.flat[j] -= 1e-5
            slope[j] = (loss(above, t) - loss(below, t)) / 2e-5
        slope = recurrent.State(slope, dict.fromkeys(state.names, tm.hidden_sizes))
        expected = {f"h{k}": np.linalg.norm(part) for k, part in enumerate(slope.h)}
        expected |= {f"c{k}": np.linalg.norm(part) for k, part in enumerate(slope.c)}
        assert set(found) == set(expected)
        for name, norm in expected.items():
            assert found[name].shape == (7,)
            assert abs(found[name][t] - norm) < 1e-7 * (1 + norm), (name, t)
    with pytest.raises(ValueError, match="text has the wrong length; expected at least 3 tokens"):
        tm.gradient_norms("so")
