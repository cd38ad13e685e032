"""The adding problem: remember two numbers out of a hundred, and say their sum.

Each step brings a number of 0 .. 1 and a mark. Two steps are marked, one in each half, and the target is their sum,
after the last. A constant output of 1 has a mean squared error of 1/6; without memory no output does better.

Hochreiter and Schmidhuber, Neural Computation 9(8), 1997, experiment 4; drawn as in Bai, Kolter and Koltun,
arXiv:1803.01271.
"""

import sys
import time

import numpy as np

import recurrent

T, B = 100, 32
PASS = 0.01


def draw(rng, count):
    """Draw ``count`` sequences: x (T, count, 2), and the sum that each asks for."""
    x = np.zeros((T, count, 2), np.float32)
    x[..., 0] = rng.random((T, count))
    marks = rng.integers(0, T // 2, count), rng.integers(T // 2, T, count)
    each = np.arange(count)
    for mark in marks:
        x[mark, each, 1] = 1
    return x, sum(x[mark, each, 0] for mark in marks)


def run(seed, most=8000):
    """Learn until 3,200 in a row were all but right; return the error on 1,000 others, and how many were used."""
    rng = np.random.default_rng(seed)
    net = recurrent.LSTM(2, [16], 1, rng=rng)
    net.flat.w[:] = rng.uniform(-0.25, 0.25, net.flat.w.shape)
    net.parameters["bf0"].w[:] = 3  # remember, until there is a reason not to
    solver = recurrent.Adam(learning_rate=0.02, clipping="global_norm")

    errors = []
    while len(errors) < most:
        x, total = draw(rng, B)
        y, _ = net.forward(x)
        wrong = y[-1, :, 0] - total
        dy = np.zeros_like(y)
        dy[-1, :, 0] = 2 / B * wrong  # only the last answer counts
        net.backward(dy)
        solver.step(net.parameters, clip=1.0)
        errors.append(np.mean(wrong**2))
        if np.mean(errors[-100:]) < PASS / 5:
            break

    x, total = draw(rng, 1000)
    return float(np.mean((net.forward(x)[0][-1, :, 0] - total) ** 2)), len(errors) * B


if __name__ == "__main__":
    for seed in map(int, sys.argv[1:] or range(1, 6)):
        start = time.perf_counter()
        error, sequences = run(seed)
        seconds = time.perf_counter() - start
        print(f"seed {seed}: mean squared error {error:.4f} after {sequences:,} sequences, {seconds:.1f} s")
