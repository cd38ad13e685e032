"""Tiny Shakespeare, character by character: two layers of 128, two thousand steps.

The first 1,003,854 characters are learned from, in 50 streams side by side, 50 characters a step, the state carried
from step to step. The other 111,540 are read once from beginning to end, and how surprising each was is what is shown:
nats per character. Who knows only which characters there are needs ln 65 = 4.17.

Settings and text are char-rnn's (Karpathy, 2015): RMSProp at 0.002, each gradient within ±5, weights within ±0.08.
"""

import argparse
import time
from pathlib import Path

import numpy as np

import recurrent

LEARN = 1_003_854
B, T = 50, 50
# at most so many nats after so many steps
PASS = {1000: 1.88, 1500: 1.77, 2000: 1.68}


def tokens(path):
    """The text as numbers, and how many characters there are."""
    text = Path(path).read_text(encoding="utf-8")
    letters = sorted(set(text))
    number = {letter: i for i, letter in enumerate(letters)}
    return np.array([number[letter] for letter in text]), len(letters)


def surprise(net, text, chunk=1000):
    """Nats per character, each after all that came before it; of the first nothing is asked."""
    total, state = 0.0, None
    for start in range(0, len(text) - 1, chunk):
        x, next_ = text[start : start + chunk], text[start + 1 : start + chunk + 1]
        y, state = net.forward(x[: len(next_), None], state)
        scores = y[:, 0] - y[:, 0].max(1, keepdims=True)
        total += np.sum(np.log(np.exp(scores).sum(1)) - scores[np.arange(len(next_)), next_], dtype=float)
    return total / (len(text) - 1)


def run(seed, path, steps=2000, report=print):
    """Learn; return the nats per character after each of the steps in PASS, and after the last."""
    text, count = tokens(path)
    streams = text[: LEARN // B * B].reshape(B, -1).T
    net = recurrent.LSTM(count, [128, 128], count, rng=seed)
    for bias in "bf0", "bf1":
        net.parameters[bias].w[:] = 1
    solver = recurrent.RMSProp(lr=2e-3, alpha=0.95, eps=1e-8, bias_correction=False, clipping="value")

    reached, state, at, seconds = {}, None, 0, 0.0
    for step in range(1, steps + 1):
        if at + T >= len(streams):
            state, at = None, 0
        start = time.perf_counter()
        chunk = streams[at : at + T + 1]
        result = net.train_step(chunk[:-1], chunk[1:], solver, clip=5.0, state=state)
        state, at = result.state, at + T
        seconds += time.perf_counter() - start
        if step in PASS or step == steps:
            reached[step] = surprise(net, text[LEARN:])
            report(
                f"seed {seed}, step {step}: {reached[step]:.3f} nats per character"
                f" ({result.loss:.3f} while learning), {seconds / step * 1000:.1f} ms a step",
                flush=True,
            )
    return reached


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", help="tinyshakespeare.txt")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    options = parser.parse_args()
    for seed in options.seeds:
        run(seed, options.text, options.steps)
