"""Dropout and zoneout inside a cell: what training draws, what evaluation and generation do instead."""

import numpy as np
import pytest

import recurrent

RATE = 0.4


class Masked(recurrent.Cell):
    """A leaky layer with zoneout, dropout per step and per sequence, and dropped weights."""

    def parameters(self, I, H):  # noqa: E741
        return {"Wx": (H, I), "Wh": (H, H), "b": (H, 1)}

    def step(self, x, h, p):
        n = p.Wx @ x.dropout(RATE) + p.Wh.dropout(RATE) @ h.dropout(RATE, per="sequence") + p.b
        return n.tanh().zoneout(h, RATE)


class Plain(Masked):
    """The same in evaluation."""

    def step(self, x, h, p):
        return h + (1 - RATE) * ((p.Wx @ x + p.Wh @ h + p.b).tanh() - h)


def network(cell, **options):
    net = recurrent.Network(cell, 3, [8, 5], 2, dtype="float64", rng=1, **options)
    net.flat.w = np.random.default_rng(2).normal(size=net.flat.w.shape)
    return net


X = np.random.default_rng(3).normal(size=(6, 4, 3))


def test_evaluation_takes_the_means():
    y, state = network(Masked()).forward(X)
    expected, expected_state = network(Plain()).forward(X)
    np.testing.assert_allclose(y, expected, rtol=1e-13)
    for k in range(2):
        np.testing.assert_allclose(state["h"][k], expected_state["h"][k], rtol=1e-13)


def test_training_draws():
    net = network(Masked())
    first, second = net.forward(X, training=True)[0], net.forward(X, training=True)[0]
    evaluated = net.forward(X)[0]
    assert np.abs(first - second).max() > 1e-3 and np.abs(first - evaluated).max() > 1e-3
    # the same seed draws the same masks
    np.testing.assert_array_equal(network(Masked()).forward(X, training=True)[0], first)


def test_threads_draw_the_same():
    before = recurrent.get_num_threads()
    results = []
    try:
        for threads in (1, 3):
            recurrent.set_num_threads(threads)
            net = recurrent.Network(Masked(), 3, [120], 2, rng=1)
            x = np.random.default_rng(3).normal(size=(6, 40, 3)).astype(np.float32)
            results.append(
                [net.train_step(x, np.zeros((6, 40, 2)), recurrent.Adam(0.01))[0] for _ in range(2)]
            )
    finally:
        recurrent.set_num_threads(before)
    assert results[0] == results[1]


def test_the_gradient_is_that_of_the_masks_drawn():
    """Central differences with one seed: the loss of a training pass as a function of each weight."""

    def loss(weights):
        net = network(Masked())
        net.flat.w = weights
        y, _ = net.forward(X, training=True)
        return net, float(np.sum(y * np.cos(np.arange(y.size).reshape(y.shape))))

    weights = network(Masked()).flat.w.copy()
    net, _ = loss(weights)
    net.backward(np.cos(np.arange(6 * 4 * 2).reshape(6, 4, 2)))
    gradient, step = net.flat.dw.copy(), 1e-6
    for i in range(0, weights.size, 7):
        moved = [weights.copy(), weights.copy()]
        moved[0][i] += step
        moved[1][i] -= step
        slope = (loss(moved[0])[1] - loss(moved[1])[1]) / (2 * step)
        np.testing.assert_allclose(gradient[i, 0], slope, rtol=1e-6, atol=1e-8)


def test_a_text_model_resumes_to_the_same_bits(tmp_path):
    text = "hello help " * 60
    settings = {"batch_size": 4, "seq_length": 11, "progress": False}
    whole = recurrent.TextModel(Masked(), [12], rng=1)
    whole.fit(text, 20, optimizer=recurrent.Adam(0.02), **settings)
    half = recurrent.TextModel(Masked(), [12], rng=1)
    half.fit(text, 10, optimizer=recurrent.Adam(0.02), checkpoint=tmp_path / "model", **settings)
    loaded = recurrent.TextModel.load(tmp_path / "model")
    loaded.resume(text, 10, progress=False)
    np.testing.assert_array_equal(loaded.flat.w, whole.flat.w)
    assert loaded.sample(20, "he", rng=1) == whole.sample(20, "he", rng=1)


def test_a_scan_with_a_generator():
    program = recurrent.Program(lambda x, h: (x + h.dropout(0.5, per="sequence")).tanh(), 3, 3)
    x, h = recurrent.Mat.uniform(3, 10, rng=1), recurrent.Mat.uniform(3, 2, rng=2)
    evaluated = recurrent.Graph().scan(program, x, [h])[0].w
    drawn = [recurrent.Graph().scan(program, x, [h], rng=5)[0].w for _ in range(2)]
    np.testing.assert_array_equal(*drawn)
    assert np.abs(drawn[0] - evaluated).max() > 1e-3


@pytest.mark.parametrize(
    ("step", "error", "message"),
    [
        (
            lambda x, h: h.dropout(1.0),
            ValueError,
            "rate is out of range; expected at least 0 and below 1, got 1.0",
        ),
        (lambda x, h: h.dropout(0.5, rng=1), ValueError, "rng is unused in a step"),
        (
            lambda x, h: h.dropout(0.5, per="batch"),
            ValueError,
            "per is unknown; expected one of 'step', 'sequence'",
        ),
        (lambda x, h: h.zoneout(h, -0.1), ValueError, "rate is out of range"),
        (lambda x, h: h.zoneout(h.split([1, 2])[0], 0.1), ValueError, "previous has the wrong shape"),
        (lambda x, h: h.zoneout(1.0, 0.1), TypeError, "previous has the wrong type"),
    ],
)
def test_refused_in_a_step(step, error, message):
    with pytest.raises(error, match=message):
        recurrent.Program(step, 3, 3)


def test_refused_elsewhere():
    m = recurrent.Mat.uniform(3, 2, rng=1)
    with pytest.raises(RuntimeError, match="zoneout is an operation of steps"):
        m.zoneout(m, 0.5)
    with pytest.raises(ValueError, match="per is unused outside of a step"):
        m.dropout(0.5, per="step")
    assert np.isin(m.dropout(0.5, rng=1).w, [0, *(2 * m.w).ravel()]).all()
