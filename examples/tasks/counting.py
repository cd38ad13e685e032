"""aⁿbⁿ: learn to count from strings of up to ten, and count further.

A string is S, n times a, n times b, T. After each symbol the network predicts the possible next symbols: a or b after
an a; after a b only b, until their number is the number of a: then only T. The target of a symbol is 1 if it is
possible and 0 if not; an output above ½ is a prediction. The result is the largest n up to which every prediction is
right.

Gers and Schmidhuber, IEEE Transactions on Neural Networks 12(6), 2001.
"""

import sys
import time

import numpy as np

import recurrent

S, A, B, T = range(4)
PASS = 40


def string(n):
    """aⁿbⁿ: symbols (2n + 1, 1), and which may come next, (2n + 1, 1, 4)."""
    x = np.array([S] + [A] * n + [B] * n)
    may = np.zeros((2 * n + 1, 4))
    may[: n + 1, A] = 1
    may[1 : 2 * n, B] = 1
    may[2 * n, T] = 1
    return x[:, None], may[:, None]


def right(net, n):
    """Whether all that it says about aⁿbⁿ is right."""
    x, may = string(n)
    return np.array_equal(net.forward(x)[0] > 0.5, may)


def run(seed, most=6000, top=1000):
    """Learn from n = 1 .. 10; return the n up to which all is right, ``top`` at most, and how many were used."""
    rng = np.random.default_rng(seed)
    net = recurrent.LSTM(4, [16], 4, rng=rng)
    net.flat.w[:] = rng.uniform(-0.25, 0.25, net.flat.w.shape)
    net.parameters["bf0"].w[:] = 8  # a counter forgets nothing
    net.parameters["bi0"].w[:] = -2  # and takes small steps
    solver = recurrent.Adam(learning_rate=0.05, clipping="global_norm")
    for n in rng.integers(1, 11, most):
        net.train_step(*string(n), solver, clip=1.0)
    return next((n - 1 for n in range(1, top + 1) if not right(net, n)), top), most


if __name__ == "__main__":
    for seed in map(int, sys.argv[1:] or range(1, 6)):
        start = time.perf_counter()
        n, strings = run(seed)
        seconds = time.perf_counter() - start
        print(f"seed {seed}: right up to n = {n} after {strings:,} strings, {seconds:.1f} s")
