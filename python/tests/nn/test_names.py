"""Values of a step with a name: a network has them among its activations."""

import numpy as np
import pytest

import recurrent


class Named(recurrent.Cell):
    """Names a gate, a slice of x with one of the state, a pre-activation, x and the next state."""

    states = ("h", "m")

    def parameters(self, I, H):  # noqa: E741
        return {"W": (2 * H, I), "U": (2 * H, H)}

    def step(self, x, h, m, p):
        z = (p.W @ x + p.U @ h).name("z")
        gate, new = z.split(2)
        gate = gate.sigmoid().name("gate")
        x.name("input")
        after = (h + gate * (new.tanh() - h)).name("after")
        return after, after - m


def test_they_are_activations(tmp_path):
    net = recurrent.Network(Named(), 3, [4, 2], 5, dtype="float64", rng=1)
    rng = np.random.default_rng(0)
    x, lengths = rng.normal(size=(6, 3, 3)), [6, 2, 0]
    found = net.activations(x, lengths=lengths)
    assert list(found)[:6] == ["h0", "m0", "z0", "gate0", "input0", "after0"]
    valid = (np.arange(6)[:, None] < lengths)[:, :, None]
    W, U, below = net.parameters["W0"].w, net.parameters["U0"].w, x
    for k, H in enumerate((4, 2)):
        W, U = net.parameters[f"W{k}"].w, net.parameters[f"U{k}"].w
        h = found[f"h{k}"]
        before = np.concatenate([np.zeros((1, 3, H)), h[:-1]])
        z = below @ W.T + before @ U.T
        for name, expected in (
            ("z", z),
            ("gate", 1 / (1 + np.exp(-z[..., :H]))),
            ("input", below),
            ("after", h),
        ):
            np.testing.assert_allclose(found[f"{name}{k}"], expected * valid, atol=1e-15, err_msg=name)
        below = h
    # one-hot tokens, training, a copy and both directions have them
    tokens = rng.integers(0, 3, (6, 3))
    np.testing.assert_allclose(
        net.activations(tokens)["gate1"], net.activations(np.eye(3)[tokens])["gate1"], rtol=1e-14
    )
    y, _ = net.forward(x, training=True)
    net.backward(np.ones_like(y))
    assert np.isfinite(net.flat.dw).all()
    both = recurrent.Network(Named(), 3, [4], dtype="float64", rng=1, bidirectional=True)
    turned = both.activations(x)
    for name in ("W", "U"):
        net.parameters[f"{name}0"].w = both.parameters[f"{name}0r"].w
    np.testing.assert_allclose(turned["gate0r"], net.activations(x[::-1].copy())["gate0"][::-1], rtol=1e-14)


def test_a_file_has_them(tmp_path):
    model = recurrent.TextModel(Named(), [4], rng=1).build("hello there")
    model.save(tmp_path / "model.safetensors")
    again = recurrent.TextModel.load(tmp_path / "model.safetensors")
    tokens = np.array([[0], [1], [2]])
    first, second = model.network.activations(tokens), again.network.activations(tokens)
    assert list(first) == list(second)
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name])


@pytest.mark.parametrize("name", ["", "1a", "a1", "a b", "é", "x" * 65])
def test_unusable_names(name):
    class Bad(recurrent.Cell):
        def parameters(self, I, H):  # noqa: E741
            return {"W": (H, I)}

        def step(self, x, h, p):
            return (p.W @ x).name(name)

    with pytest.raises(ValueError, match="name of the value is unusable; expected 1 to 64 letters"):
        recurrent.Network(Bad(), 3, [2], rng=1)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda g, m: g.name(g.tanh(g.name(m, "n")), "n"), ValueError, "name of the value is taken"),
        (lambda g, m: g.name(m, "h"), ValueError, "name of the value is taken"),
        (lambda g, m: g.name(m, 3), TypeError, "name has the wrong type; expected a str, got int"),
        (lambda g, m: g.name(recurrent.Mat(2, 1), "n"), ValueError, "m of name is foreign"),
    ],
)
def test_what_is_refused(change, error, words):
    class Bad(recurrent.Cell):
        def parameters(self, I, H):  # noqa: E741
            return {"W": (H, I)}

        def step(self, x, h, p):
            m = p.W @ x
            change(m._on(m), m)
            return m

    with pytest.raises(error, match=words):
        recurrent.Network(Bad(), 3, [2], rng=1)


def test_outside_of_a_step():
    with pytest.raises(RuntimeError, match="name is an operation of steps"):
        recurrent.Graph().name(recurrent.Mat(2, 1), "n")
    with pytest.raises(RuntimeError, match="name is an operation of steps"):
        recurrent.Mat(2, 1).name("n")
