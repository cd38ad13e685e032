"""Forecasting: the next 20 values of a chaotic series, each prediction being the next input.

The series is the delay equation dx/dt = 0.2 x(t - 17) / (1 + x(t - 17)^10) - 0.1 x(t), a value every 3 units of time.
The figure is the root mean squared error over the 20 values, as a fraction of the standard deviation of the series.

Mackey and Glass, Science 197, 1977.
"""

import sys
import time

import numpy as np

import recurrent

AHEAD = 20
EPOCHS = 60
PASS = 0.25


def series(count, rng):
    """Returns ``count`` values of mean 0, from a random history; Euler steps of 0.1."""
    x = list(rng.uniform(0.9, 1.4) * np.ones(171))
    for _ in range(30 * (count + 200)):
        x.append(0.99 * x[-1] + 0.02 * x[-171] / (1 + x[-171] ** 10))
    return np.array(x[-30 * count :: 30], np.float32)[:, None] - 0.92


def data(seed=0):
    """Returns windows (290, 100, 1) with the value after each step, and 20 others (20, 100, 1) with what follows."""
    rng = np.random.default_rng(seed)
    whole = series(3001, rng)
    starts = range(0, 2900, 10)
    x, y = (np.stack([whole[s + k : s + k + 100] for s in starts]) for k in (0, 1))
    others = np.stack([series(100 + AHEAD, rng) for _ in range(20)])
    return (x, y), (others[:, :100], others[:, 100:])


def predictions(x, y, x_test, seed, epochs=EPOCHS):
    """Returns the forecasts (20, 20, 1) of a trained network."""
    net = recurrent.GRU(1, [32], 1, rng=seed, batch_first=True)
    net.fit(x, y, epochs, rng=seed, progress=False)
    return net.forecast(x_test, AHEAD)[0]


def figure(found, y_test):
    """Returns the error of forecasts."""
    return float(np.sqrt(np.mean((found - y_test) ** 2)) / y_test.std())


def run(seed, epochs=EPOCHS):
    """Returns the error that a seed reaches."""
    (x, y), (x_test, y_test) = data()
    return figure(predictions(x, y, x_test, seed, epochs), y_test)


if __name__ == "__main__":
    for seed in map(int, sys.argv[1:] or range(1, 4)):
        start = time.perf_counter()
        error = run(seed)
        print(f"seed {seed}: error {error:.3f} over {AHEAD} values, {time.perf_counter() - start:.1f} s")
