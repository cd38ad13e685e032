"""One demo-sized tick of a SentenceModel from Python, on one core: LSTM [20, 20], letters of 5, 66 characters."""

import os
import statistics
import time

if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

import recurrent

SENTENCE = "the quick brown fox jumps over the lazy dog and then goes to sleep"

for dtype in ("float32", "float64"):
    sm = recurrent.SentenceModel([SENTENCE], dtype=dtype, rng=1)
    for _ in range(200):
        sm.tick(SENTENCE)
    times = []
    for _ in range(2000):
        start = time.perf_counter()
        sm.tick(SENTENCE)
        times.append(time.perf_counter() - start)
    low, high = statistics.quantiles(times, n=10)[0], statistics.quantiles(times, n=10)[8]
    median = statistics.median(times)
    print(
        f"tick {dtype}: {median * 1e3:.3f} ms ({low * 1e3:.3f} to {high * 1e3:.3f}), {len(SENTENCE)} letters"
    )
