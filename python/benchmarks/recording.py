"""Microseconds to record one operation from Python, on one core: the floor of any model written from single operations.

    python recording.py

Times are of the process's CPU, so that a busy machine counts less; the median of 30 rounds, after 3 that do not count.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

import recurrent

OPERATIONS, ROUNDS, WARMUPS, UNITS = 1000, 30, 3, 20

G = recurrent.Graph()
W = recurrent.Mat.uniform(UNITS, UNITS, -0.1, 0.1, rng=1)
x = recurrent.Mat.uniform(UNITS, 1, rng=2)
target = 5


def cell(h: Any) -> Any:
    """Nine operations: a minimal gated unit, as a user writes it."""
    f = G.sigmoid(G.add(G.mul(W, x), G.mul(W, h)))
    return G.add(G.eltmul(f, h), G.eltmul(f, G.tanh(G.mul(W, h))))


ROWS: dict[str, tuple[int, Callable[[Any], Any]]] = {
    "G.add(a, b)": (1, lambda y: G.add(y, x)),
    "G.tanh(m)": (1, G.tanh),
    "G.mul(W, m)": (1, lambda y: G.mul(W, y)),
    "a + b": (1, lambda y: y + x),
    "1 - m": (2, lambda y: 1 - y),
    "m + 2": (1, lambda y: y + 2),
    "G.row_pluck(W, i)": (1, lambda _: G.row_pluck(W, target)),
    "G.cross_entropy(m, i)": (1, lambda _: G.cross_entropy(x, target)),
    "a cell of nine": (9, cell),
}


def measure(operations: int, record: Callable[[Any], Any]) -> tuple[float, float]:
    """Returns the microseconds to record an operation, and to drop its result."""
    recorded, dropped = [], []
    calls = OPERATIONS // operations
    for _ in range(WARMUPS + ROUNDS):
        G.reset()
        results, y = [], x
        start = time.process_time()
        with G:
            for _ in range(calls):
                y = record(y)
                results.append(y)
        end = time.process_time()
        y = None
        results.clear()
        recorded.append((end - start) / calls / operations)
        dropped.append((time.process_time() - end) / calls / operations)
    return 1e6 * statistics.median(recorded[WARMUPS:]), 1e6 * statistics.median(dropped[WARMUPS:])


def main() -> None:
    """Prints one line for each way of recording."""
    for name, (operations, record) in ROWS.items():
        recording, dropping = measure(operations, record)
        print(f"{name:22s} {recording:.2f} us an operation, {dropping:.2f} us to drop its result")


if __name__ == "__main__":
    main()
