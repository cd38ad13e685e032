"""Sequences that begin within the time steps: their states are replaced, and no gradient passes."""

import numpy as np
import pytest

import recurrent
from golden import CLOSE, check, figures
from recurrent.parameters import CELLS

every_cell = pytest.mark.parametrize("cell", CELLS)


@pytest.mark.parametrize(
    ("file", "cell"), [("lstm_reset", "lstm"), ("gru_reset", "gru"), ("min_gru_reset", "min_gru")]
)
def test_published_figures(file, cell):
    golden = figures(file)
    layers, units = golden["options"].get("layers", 1), len(golden["inputs"]["h0"][0])
    net = recurrent.Network(cell, len(golden["inputs"]["x"][0][0]), [units] * layers, dtype="float64", rng=1)
    check(net, golden, resets=np.array(golden["constants"]["reset"], bool))


@every_cell
@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("threads", [1, 3])
def test_parts_equal_sequences_of_their_own(cell, learned, threads):
    """Three episodes in one array compute what each computes by itself."""
    net = recurrent.Network(cell, 4, [40, 33], 3, dtype="float64", rng=1, learned_initial_state=learned)
    rng = np.random.default_rng(0)
    net.flat.w = rng.normal(scale=0.3, size=net.flat.shape)
    x, dy = rng.normal(size=(9, 16, 4)), rng.normal(size=(9, 16, 3))
    parts = [slice(0, 4), slice(4, 5), slice(5, 9)]
    resets = np.zeros((9, 16), bool)
    resets[[4, 5]] = True
    expected, gradients = [], []
    for part in parts:
        expected.append(net.forward(x[part])[0])
        gradients.append(net.backward(dy[part])[0])
    sums = net.flat.dw.copy()
    net.flat.zero_gradient()
    before = recurrent.get_num_threads()
    recurrent.set_num_threads(threads)
    try:
        y, _ = net.forward(x, resets=resets)
        found = net.activations(x, resets=resets)
        net.forward(x, resets=resets)
        dx, _ = net.backward(dy)
    finally:
        recurrent.set_num_threads(before)
    np.testing.assert_allclose(y, np.concatenate(expected), **CLOSE)
    np.testing.assert_allclose(dx, np.concatenate(gradients), **CLOSE)
    np.testing.assert_allclose(net.flat.dw, sums, rtol=1e-11, atol=1e-12)
    own = [net.activations(x[part]) for part in parts]
    for name, values in found.items():
        np.testing.assert_allclose(
            values, np.concatenate([each[name] for each in own]), err_msg=name, **CLOSE
        )


@every_cell
def test_with_tokens_lengths_and_training(cell):
    """Resets beyond a length, and of the first step, change what they should."""
    net = recurrent.Network(cell, 5, [6], 5, dtype="float64", rng=1)
    twin = recurrent.Network(cell, 5, [6], 5, dtype="float64", rng=1)
    tokens = np.random.default_rng(0).integers(0, 5, (6, 2))
    begins, lengths = np.zeros((6, 2), int), [6, 3]
    begins[0, 0] = begins[4, 1] = 1
    state = net.zero_state(2)
    state.h[0][...] = 0.5
    started = net.zero_state(2)
    started.h[0][1] = 0.5
    y, _ = net.forward(tokens, state, lengths, resets=begins)
    np.testing.assert_array_equal(y, net.forward(tokens, started, lengths)[0])
    for _ in range(2):
        losses = [
            n.train_step(tokens[:-1], tokens[1:], recurrent.SGD(0.1), state=s, lengths=[5, 2], resets=r).loss
            for n, s, r in ((net, state, begins[:-1]), (twin, started, None))
        ]
        assert losses[0] == pytest.approx(losses[1], rel=1e-14)
    np.testing.assert_allclose(net.flat.w, twin.flat.w, rtol=1e-12, atol=1e-15)


def test_what_is_refused():
    net, x = recurrent.GRU(2, [3], rng=1), np.zeros((4, 2, 2))
    for resets, error, words in [
        (np.zeros((4, 1), bool), ValueError, r"resets has the wrong shape; expected \(4, 2\), got \(4, 1\)"),
        (np.full((4, 2), 2), IndexError, r"resets\[0\] is out of range; expected 0 to 1, got 2"),
        (np.full((4, 2), -1), IndexError, r"resets\[0\] is out of range"),
        (np.zeros((4, 2)), TypeError, "resets has the wrong type; expected ints"),
    ]:
        with pytest.raises(error, match=words):
            net.forward(x, resets=resets)
    both = recurrent.GRU(2, [3], rng=1, bidirectional=True)
    with pytest.raises(ValueError, match="resets is unusable with two directions"):
        both.forward(x, resets=np.zeros((4, 2), bool))
