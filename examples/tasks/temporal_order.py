"""Temporal order: classify the order of three symbols out of a hundred.

Strings of 100 to 110 symbols: B, then letters at random, then E. Three of them, near the 15th, the 38th and the 71st,
are X or Y. The target after E is the class of their order, one of eight. A random guess is right once in eight.

Hochreiter and Schmidhuber, Neural Computation 9(8), 1997, experiment 6b.
"""

import sys
import time

import numpy as np

import recurrent

SYMBOLS = "abcdXYBE"
PLACES = (10, 20), (33, 43), (66, 76)
B = 20
PASS = 1.0


def draw(rng, count):
    """Draw ``count`` strings: symbols (110, count), the order of each, 0 to 7, and its length."""
    lengths, order = rng.integers(100, 111, count), rng.integers(0, 8, count)
    x, each = rng.integers(0, 4, (110, count)), np.arange(count)
    for k, (first, last) in enumerate(PLACES):
        x[rng.integers(first, last + 1, count), each] = 4 + (order >> k & 1)
    x[0], x[lengths - 1, each] = SYMBOLS.index("B"), SYMBOLS.index("E")
    return x, order, lengths


def run(seed, most=6000):
    """Learn until 4,000 in a row were right; return the share of 2,560 others that are, and how many were used."""
    rng = np.random.default_rng(seed)
    net = recurrent.LSTM(8, [16], 8, rng=rng)
    net.flat.w[:] = rng.uniform(-0.25, 0.25, net.flat.w.shape)
    net.parameters["bf0"].w[:] = 3
    solver = recurrent.Adam(learning_rate=0.005, clipping="global_norm")

    losses = []
    while len(losses) < most:
        x, order, lengths = draw(rng, B)
        targets = np.full(x.shape, -1)  # none, but at the end
        targets[lengths - 1, np.arange(B)] = order
        losses.append(net.train_step(x, targets, solver, clip=1.0, lengths=lengths).loss)
        if len(losses) >= 200 and max(losses[-200:]) < 0.002:
            break

    x, order, lengths = draw(rng, 2560)
    y = net.forward(x, lengths=lengths)[0][lengths - 1, np.arange(2560)]
    return float(np.mean(y.argmax(1) == order)), len(losses) * B


if __name__ == "__main__":
    for seed in map(int, sys.argv[1:] or range(1, 6)):
        start = time.perf_counter()
        right, strings = run(seed)
        seconds = time.perf_counter() - start
        print(f"seed {seed}: {right:.2%} right after {strings:,} strings, {seconds:.1f} s")
