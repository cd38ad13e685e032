"""Attention over the past, written from operations: pairs of a key and a value; later steps ask for the values.

Eight steps have a key, in random order, with one of four values; eight more ask for the keys in another order. The
step is a recurrent cell whose query reads the keys and values of all earlier steps, c = softmax(K q) V. The figure
is the share of right values in 400 other sequences; a guess is right once in four.
"""

import sys
import time

import numpy as np

import recurrent

KEYS, VALUES, H = 8, 4, 16
EPOCHS = 15
PASS = 0.95


class Attention(recurrent.Cell):
    """h' = tanh(Wx x + Wh h + Wa c), where c is what the query Wq x + Uq h finds in the past."""

    states = "h", "k", "v"

    def parameters(self, I, H):  # noqa: D102, E741
        return {
            n: (H, I if n[1] in "xqkv" and n[0] == "W" else H)
            for n in ("Wx", "Wq", "Wk", "Wv", "Wh", "Wa", "Uq")
        }

    def step(self, x, h, k, v, p):  # noqa: D102
        c = (p.Wq @ x + p.Uq @ h).attend(k, v)
        return (p.Wx @ x + p.Wh @ h + p.Wa @ c).tanh(), p.Wk @ x, p.Wv @ x


def data(seed=0):
    """Returns steps (N, 16, 12) of a key and a value, one-hot, and values (N, 16), -1 where no step asks."""
    rng = np.random.default_rng(seed)
    x, y = np.zeros((2400, 2 * KEYS, KEYS + VALUES), np.float32), np.full((2400, 2 * KEYS), -1)
    for sequence, asked in zip(x, y):
        values = rng.integers(0, VALUES, KEYS)
        given, wanted = rng.permutation(KEYS), rng.permutation(KEYS)
        sequence[np.arange(2 * KEYS), [*given, *wanted]] = 1
        sequence[np.arange(KEYS), KEYS + values[given]] = 1
        asked[KEYS:] = values[wanted]
    return (x[:2000], y[:2000]), (x[2000:], y[2000:])


def predictions(x, y, x_test, seed, epochs=EPOCHS):
    """Returns the values (400, 16) that a trained network predicts."""
    net = recurrent.Network(Attention(), KEYS + VALUES, [H], VALUES, rng=seed, batch_first=True)
    net.fit(x, y, epochs, rng=seed, progress=False)
    return net.predict(x_test)


def figure(found, y_test):
    """Returns the share of the values asked for that is right."""
    return float(np.mean((found == y_test)[y_test >= 0]))


def run(seed, epochs=EPOCHS):
    """Returns the share that a seed reaches."""
    (x, y), (x_test, y_test) = data()
    return figure(predictions(x, y, x_test, seed, epochs), y_test)


if __name__ == "__main__":
    for seed in map(int, sys.argv[1:] or range(1, 4)):
        start = time.perf_counter()
        share = run(seed)
        print(f"seed {seed}: {share:.1%} right, {time.perf_counter() - start:.1f} s")
