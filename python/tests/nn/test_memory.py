"""Training steps within a memory budget: parts of time steps give the gradient of the whole sequence."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import recurrent

T, B, VOCABULARY = 61, 3, 11


class Peephole(recurrent.Cell):
    """A cell with a parameter in an element-wise operation, whose gradient the time steps add up."""

    states = ("h", "c")

    def parameters(self, I, H):  # noqa: E741
        return {"Wx": (2 * H, I), "Wh": (2 * H, H), "b": (2 * H, 1), "p": (H, 1)}

    def step(self, x, h, c, p):
        i, g = (p.Wx @ x + p.Wh @ h + p.b).split(2)
        c = c + (i + p.p * c).sigmoid() * (g.tanh() - c)
        return c.tanh(), c


def networks(dtype: str) -> dict[str, recurrent.Network]:
    n = VOCABULARY
    return {
        "lstm of tokens": recurrent.LSTM(n, [8, 5], n, embedding=4, dtype=dtype, rng=1),
        "gru of one-hot tokens": recurrent.GRU(n, [8], n, dtype=dtype, rng=2),
        "rnn of vectors": recurrent.RNN(4, [9], 3, dtype=dtype, rng=3),
        "own cell": recurrent.Network(Peephole(), 4, [6], 3, dtype=dtype, rng=4),
        "learned start": recurrent.LSTM(4, [6, 6], 3, dtype=dtype, learned_initial_state=True, rng=5),
    }


def data(net: recurrent.Network, values: bool) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    tokens = net.input_size == VOCABULARY
    x = rng.integers(0, VOCABULARY, (T, B)) if tokens else rng.standard_normal((T, B, net.input_size))
    if values:
        return x, rng.standard_normal((T, B, net.output_size))
    targets = rng.integers(0, net.output_size, (T, B))
    targets[rng.random((T, B)) < 0.3] = -1
    return x, targets


def budget(net: recurrent.Network, x: np.ndarray, targets: np.ndarray, **kwargs) -> int:
    """The smallest budget, as the sentence of the refusal says it."""
    with pytest.raises(ValueError, match="memory is too small for 61 time steps") as error:
        net.train_step(x, targets, recurrent.SGD(0.0), memory=1, **kwargs)
    return int(str(error.value).split("at least ")[1].split()[0])


@pytest.mark.parametrize("with_lengths", [False, True])
@pytest.mark.parametrize("values", [False, True])
@pytest.mark.parametrize("name", networks("float64"))
def test_parts_have_the_gradient_of_the_whole(name: str, values: bool, with_lengths: bool) -> None:
    whole, parts = networks("float64")[name], networks("float64")[name]
    x, targets = data(whole, values)
    resets = np.random.default_rng(3).random((T, B)) < 0.05
    kwargs = {"resets": resets}
    if with_lengths:
        # one sequence ends within the first part, one has no time step
        kwargs["lengths"] = np.array([T, 0, 5])
    state = whole.forward(x[:2])[1]
    for start in (None, state):
        least = budget(parts, x, targets, state=start, **kwargs)
        for memory in (least, 2 * least, 1 << 40):
            a = whole.train_step(x, targets, recurrent.SGD(0.5), clip=None, state=start, **kwargs)
            b = parts.train_step(
                x, targets, recurrent.SGD(0.5), clip=None, state=start, memory=memory, **kwargs
            )
            assert b.loss == pytest.approx(a.loss, rel=1e-12)
            assert b.gradient_norm == pytest.approx(a.gradient_norm, rel=1e-11)
            np.testing.assert_allclose(parts.flat.w, whole.flat.w, rtol=1e-10, atol=1e-13)
            for h, k in zip(b.state.h, a.state.h):
                np.testing.assert_allclose(h, k, rtol=1e-10, atol=1e-13)
            parts.flat.w = whole.flat.w


def test_short_sequences_are_whole() -> None:
    net = recurrent.GRU(4, [6], 3, dtype="float64", rng=1)
    x, targets = data(net, True)
    x, targets = x[:16], targets[:16]
    with pytest.raises(ValueError, match="memory is too small for 16 time steps") as error:
        net.train_step(x, targets, recurrent.SGD(0.0), memory=1)
    least = int(str(error.value).split("at least ")[1].split()[0])
    with pytest.raises(ValueError, match="too small"):
        net.train_step(x, targets, recurrent.SGD(0.0), memory=least - 1)
    loss = net.train_step(x, targets, recurrent.SGD(0.0)).loss
    assert net.train_step(x, targets, recurrent.SGD(0.0), memory=least).loss == loss


def test_dropout_is_the_same_in_both_passes() -> None:
    """A step along the gradient changes the loss by its squared norm, with the same masks."""
    rng = recurrent.Random(5)
    net = recurrent.LSTM(4, [6, 6, 6], 3, dtype="float64", dropout=0.4, rng=rng)
    x, targets = data(net, False)
    least, before, start = budget(net, x, targets), rng.state, net.flat.w.copy()
    assert rng.state == before

    def step(learning_rate: float) -> recurrent.StepResult:
        rng.state = before
        return net.train_step(x, targets, recurrent.SGD(learning_rate), clip=None, memory=least)

    first = step(1e-5)
    after = rng.state
    assert after != before
    second = step(0.0)
    assert rng.state == after
    expected = -1e-5 * first.gradient_norm**2
    assert second.loss - first.loss == pytest.approx(expected, rel=1e-3)
    net.flat.w = start
    assert step(0.0).loss == first.loss


def test_refusals_change_nothing() -> None:
    net = recurrent.LSTM(VOCABULARY, [8], VOCABULARY, rng=1)
    x, targets = data(net, False)
    least, optimizer, before = budget(net, x, targets), recurrent.SGD(0.1), net.flat.w.copy()
    for memory, words in ((0, "at least 1"), (-5, "at least 1"), (1.5, "int"), ("1", "int")):
        with pytest.raises((ValueError, TypeError), match=f"memory .*{words}"):
            net.train_step(x, targets, optimizer, memory=memory)
    net.flat.dw[...] = 1
    for t in (3, 50, T - 1):
        bad_x, bad_targets = x.copy(), targets.copy()
        bad_x[t, 1], bad_targets[t, 2] = VOCABULARY, VOCABULARY
        with pytest.raises(IndexError, match=rf"tokens\[{t}, 1\] is out of range"):
            net.train_step(bad_x, targets, optimizer, memory=least)
        with pytest.raises(IndexError, match=rf"targets\[{t}, 2\] is out of range"):
            net.train_step(x, bad_targets, optimizer, memory=least)
    with pytest.raises(ValueError, match="targets is empty"):
        net.train_step(x, np.full((T, B), -1), optimizer, memory=least)
    assert (net.flat.dw == 1).all() and (net.flat.w == before).all()

    net = recurrent.RNN(4, [8], 3, rng=1)
    x, targets = data(net, True)
    least, before = budget(net, x, targets), net.flat.w.copy()
    x[55, 2, 1] = np.nan
    with pytest.raises(FloatingPointError, match=r"x is not finite; .*\[55, 2, 1\]"):
        net.train_step(x, targets, optimizer, memory=least)
    assert (net.flat.w == before).all() and not net.flat.dw.any()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bidirectional": True}, "network is bidirectional"),
        ({"variational": True, "dropout": 0.2}, "memory is unusable with a mask"),
        ({"cell": recurrent.LSTMCell(weight_dropout=0.2)}, "memory is unusable with a mask"),
        ({"cell": recurrent.GRUCell(input_dropout=0.2)}, "memory is unusable with a mask"),
    ],
)
def test_networks_without_parts(options: dict, words: str) -> None:
    cell = options.pop("cell", "lstm")
    net = recurrent.Network(cell, 4, [6], 3, rng=1, **options)
    x, targets = data(net, True)
    with pytest.raises(ValueError, match=words):
        net.train_step(x, targets, recurrent.SGD(0.1), memory=1 << 30)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's highest resident set")
def test_long_sequences_stay_within_the_budget() -> None:
    code = """
        import sys
        from pathlib import Path
        import numpy as np, recurrent
        recurrent.set_num_threads(1)
        net = recurrent.LSTM(2, [64], 2, rng=1)
        x = np.zeros((100_000, 1, 2), np.float32)
        net.train_step(x[:20], x[:20], recurrent.SGD(0.1))

        def highest():
            lines = Path("/proc/self/status").read_text().splitlines()
            return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) << 10

        before = highest()
        net.train_step(x, x, recurrent.SGD(0.1), memory=int(sys.argv[1]) or None)
        print(highest() - before)
    """

    def grown(memory: int) -> int:
        command = [sys.executable, "-c", textwrap.dedent(code), str(memory)]
        return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)

    # chunks of the arena double: up to twice the budget
    assert grown(0) > 60 << 20
    assert grown(6 << 20) < 15 << 20
